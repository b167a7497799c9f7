"""The turn model: what it hears, and that nothing waits for it."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.fakes import tone
from tests.support.paths import RECORDINGS
from voicemode.audio.frames import SAMPLE_BYTES, Frame, join, silence
from voicemode.audio.turns.model import RATE, TurnPredictor, last_sound, load_smart_turn
from voicemode.audio.wav import read_wav
from voicemode.errors import WeightsError


class Held:
    """A model that answers when the test lets it."""

    def __init__(self) -> None:
        self.begun, self.may_answer = threading.Event(), threading.Event()

    def finished(self, audio: Frame) -> float:
        self.begun.set()
        self.may_answer.wait(10)
        return audio.seconds


@pytest.mark.anyio
async def test_the_loop_goes_on_while_the_model_works() -> None:
    model, told, answered = Held(), list[float | None](), asyncio.Event()

    def tell(sounds: float | None) -> None:
        told.append(sounds)
        answered.set()

    async with TurnPredictor(model, tell) as ear, asyncio.timeout(10):
        ear.ask(tone(1))
        while not model.begun.is_set():
            await asyncio.sleep(0.001)
        model.may_answer.set()
        await answered.wait()
    assert told == [1.0]


@pytest.mark.anyio
async def test_what_the_model_says_of_an_earlier_pause_is_not_told() -> None:
    model, told = Held(), list[float | None]()
    async with TurnPredictor(model, told.append) as ear:
        ear.ask(tone(1))
        await asyncio.to_thread(model.begun.wait, 10)
        ear.forget()
        model.may_answer.set()
    assert told == []


@pytest.mark.anyio
async def test_without_a_model_nothing_is_told() -> None:
    told = list[float | None]()
    async with TurnPredictor(None, told.append) as ear:
        assert not ear.ask(tone(1))
        ear.forget()
    assert told == []


@pytest.mark.engine
def test_a_sentence_sounds_more_finished_than_its_beginning(weights: Callable[[str], Path]) -> None:
    model = load_smart_turn(weights("smart-turn"))
    clip = read_wav(RECORDINGS / "austen-0870.wav")
    begun = Frame(clip.pcm[: int(2.5 * RATE) * SAMPLE_BYTES], RATE)
    whole, half = (model.finished(join([part, silence(0.2, RATE)], RATE)) for part in (clip, begun))
    assert half < 0.5 < whole
    for audio in (silence(0.1, RATE), silence(20, RATE)):
        assert 0 <= model.finished(audio) <= 1


def test_the_last_sound_is_where_the_pause_begins() -> None:
    np = pytest.importorskip("numpy")
    hiss = np.random.default_rng(0).normal(0, 0.001, 2 * RATE).astype(np.float32)
    voice, click = hiss.copy(), hiss.copy()
    voice[:RATE] += np.sin(np.arange(RATE, dtype=np.float32) / 8) / 4
    click[:] = voice
    click[int(1.5 * RATE) : int(1.52 * RATE)] += 0.2
    for heard in (voice, click):
        assert last_sound(heard) == pytest.approx(RATE, abs=RATE // 50)
    assert last_sound(hiss[:0]) == 0


@pytest.mark.engine
def test_a_pause_sounds_the_same_however_long_it_has_been(weights: Callable[[str], Path]) -> None:
    model = load_smart_turn(weights("smart-turn"))
    clip = read_wav(RECORDINGS / "austen-0880.wav")
    opinions = [model.finished(join([clip, silence(seconds, RATE)], RATE)) for seconds in (0.2, 0.4, 0.8)]
    assert max(opinions) - min(opinions) < 0.05


@pytest.mark.engine
def test_a_model_that_is_broken_says_where_it_is(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(WeightsError, match="cannot be loaded"):
        load_smart_turn(tmp_path)
