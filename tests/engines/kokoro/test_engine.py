"""The real Kokoro engine: what it makes of a text."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import REPOSITORY
from tests.support.wer import total_wer
from voicemode.audio.frames import Frame, join, samples_of
from voicemode.engines.kokoro.text import NothingToSayError
from voicemode.engines.kokoro.voices import NAMES, parse_voice
from voicemode.errors import WeightsError

if TYPE_CHECKING:
    from tests.support.engines_kokoro import Hear
    from voicemode.engines.kokoro.engine import KokoroEngine

pytestmark = pytest.mark.engine
pytest_plugins = ["tests.support.engines_kokoro"]

RATE = 24_000
SENTENCES = (REPOSITORY / "bench" / "sentences.txt").read_text().splitlines()


def say(engine: "KokoroEngine", text: str, voice: str = "", speed: float = 1.0) -> Frame:
    return join(engine.speak(text, parse_voice(voice), speed=speed), RATE)


def test_a_sentence_is_spoken_at_the_pace_of_a_person(kokoro_engine: "KokoroEngine") -> None:
    spoken = say(kokoro_engine, "Sure, I have updated the tests and they all pass.")
    assert 2.0 < spoken.seconds < 4.5
    assert max(map(abs, samples_of(spoken.pcm))) > 3000


def test_the_first_frame_is_a_small_part_of_a_long_text(kokoro_engine: "KokoroEngine") -> None:
    frames = kokoro_engine.speak(" ".join(SENTENCES), parse_voice(""))
    assert 0.3 < next(iter(frames)).seconds < 2.5


def test_chunks_begin_and_end_without_a_click(kokoro_engine: "KokoroEngine") -> None:
    text = "The server is running out of memory under the heavy load of requests, so I restarted it."
    frames = list(kokoro_engine.speak(text, parse_voice("")))
    assert len(frames) > 2
    edges = [abs(sample) for frame in frames for sample in (*samples_of(frame.pcm)[:10], *samples_of(frame.pcm)[-10:])]
    assert max(edges) < 100


@pytest.mark.parametrize(("speed", "share"), [(0.25, 4.0), (0.5, 2.0), (1.2, 0.83), (2.0, 0.5), (4.0, 0.25)])
def test_speed_changes_the_length(kokoro_engine: "KokoroEngine", speed: float, share: float) -> None:
    text = "The tests have all passed today."
    normal, changed = say(kokoro_engine, text), say(kokoro_engine, text, speed=speed)
    assert changed.seconds / normal.seconds == pytest.approx(share, rel=0.2)


def test_voices_and_mixes_differ(kokoro_engine: "KokoroEngine") -> None:
    spoken = {say(kokoro_engine, "Hi.", voice).pcm for voice in ("af_sky", "af_bella", "af_sky+af_bella", "af_sky(3)+af_bella")}
    assert len(spoken) == 4


def test_the_same_text_sounds_the_same_again_by_its_openai_name(kokoro_engine: "KokoroEngine") -> None:
    assert say(kokoro_engine, "Hi.", "nova").seconds == pytest.approx(say(kokoro_engine, "Hi.", "af_nova").seconds, abs=0.05)


def test_every_voice_on_offer_can_be_loaded(kokoro_engine: "KokoroEngine") -> None:
    from voicemode.engines.kokoro.engine import STYLE_SHAPE

    assert {kokoro_engine.style(parse_voice(name)).shape for name in NAMES} == {STYLE_SHAPE}


def test_cancelling_ends_it_within_a_chunk(kokoro_engine: "KokoroEngine") -> None:
    cancelled = threading.Event()
    cancelled.set()
    assert list(kokoro_engine.speak("Not even this.", parse_voice(""), cancelled=cancelled)) == []
    assert say(kokoro_engine, "Hi.").seconds > 0.2


@pytest.mark.parametrize("text", ["", "Привет", "..."])
def test_what_has_no_sound_is_an_error(kokoro_engine: "KokoroEngine", text: str) -> None:
    with pytest.raises(NothingToSayError, match="nothing that can be pronounced"):
        say(kokoro_engine, text)


def test_missing_weights_are_named(tmp_path: Path, kokoro_engine: "KokoroEngine") -> None:
    with pytest.raises(WeightsError, match=str(tmp_path)):
        type(kokoro_engine)(tmp_path, tmp_path, threads=1)


def test_what_it_says_is_understood(kokoro_engine: "KokoroEngine", hear: "Hear") -> None:
    pairs = [(sentence, hear(say(kokoro_engine, sentence))) for sentence in SENTENCES[::3]]
    assert total_wer(pairs) < 0.08, pairs


MALLOC = """
import ctypes
from voicemode.engines.kokoro.engine import return_large_blocks

class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks mapped hblkhd usmblks fsmblks used free keep".split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
return_large_blocks()
libc.free(libc.malloc(16_000_000))
before = libc.mallinfo2().mapped
libc.malloc(4_000_000)
print(libc.mallinfo2().mapped - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps what is freed")
def test_large_blocks_go_back_to_the_system_however_large_the_ones_before_were() -> None:
    done = subprocess.run([sys.executable, "-c", MALLOC], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "1\n", "a block of its own, and no part of what was freed"
