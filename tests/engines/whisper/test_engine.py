"""Whisper itself, with the real weights and a person's voice; and its parts, which need neither."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.engines import Whisper, recording
from tests.support.paths import RECORDINGS
from tests.support.people import CLIPS, sentences
from tests.support.wer import total_wer, wer
from voicemode.audio.codec import decode_file
from voicemode.audio.frames import SAMPLE_BYTES, Frame, join, silence
from voicemode.audio.turns.log_mel import RATE, log_mel, mel_filters
from voicemode.engines.whisper.engine import LONG_SECONDS, LOWEST_PRIORITY, WhisperEngine, load_whisper
from voicemode.engines.whisper.reader import FULL_WINDOW, MOST_CUTS, most_tokens, reduced_window
from voicemode.engines.whisper.split import LONGEST_SECONDS, SHORTEST_SECONDS, has_speech, stretches
from voicemode.engines.whisper.transcript import Options, Segment, TimedWord
from voicemode.engines.whisper.words import cues, tightened, token_starts, words_of
from voicemode.errors import WeightsError

ENGLISH = Options(language="en")


def sound(samples: NDArray[np.float64]) -> Frame:
    return Frame((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes(), RATE)


def pink(seconds: float, loudest: float) -> Frame:
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(count))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    noise = np.fft.irfft(spectrum, count)
    return sound(noise / np.abs(noise).max() * loudest)


def hum(seconds: float) -> Frame:
    return sound(0.2 * np.sin(2 * np.pi * 50 * np.arange(round(seconds * RATE)) / RATE))


def typing(seconds: float) -> Frame:
    random = np.random.default_rng(1)
    samples = np.zeros(round(seconds * RATE))
    for start in range(0, len(samples) - 120, 4000):
        samples[start : start + 120] = random.standard_normal(120) * 0.25
    return sound(samples)


@pytest.mark.engine
@pytest.mark.parametrize("name", ["tiny.en", "base"])
def test_a_person_is_understood(whisper: Whisper, name: str) -> None:
    engine = whisper(name)
    heard = [(said, text(engine.transcribe([recording(path)], ENGLISH))) for path, said in sentences()]
    assert total_wer(heard) < 0.1, heard


@pytest.mark.engine
@pytest.mark.parametrize("name", ["tiny.en", "base"])
@pytest.mark.parametrize("noise", [silence(3, RATE), pink(3, 0.1), pink(3, 0.6), pink(30, 0.2), hum(3), typing(3)])
def test_nothing_is_heard_where_nobody_speaks(whisper: Whisper, name: str, noise: Frame) -> None:
    assert text(whisper(name).transcribe([noise], Options())) == ""


@pytest.mark.engine
def test_the_language_is_detected_where_somebody_speaks_for_the_first_time(whisper: Whisper) -> None:
    path, _ = sentences()[0]
    [segment] = whisper("base").transcribe([silence(1, RATE), recording(path)], Options())
    assert segment.language == "en"
    assert segment.avg_logprob > -1
    assert segment.no_speech_prob < 0.5
    assert 0 < segment.compression_ratio < 2.4


@pytest.mark.engine
@pytest.mark.parametrize(("seconds", "whole"), [(0.98, "austen-0920.wav"), (1.18, "austen-0920.wav")])
def test_a_few_words_before_a_sentence_are_not_left_out(whisper: Whisper, seconds: float, whole: str) -> None:
    # Base, asked for all of it at once, writes down the sentence alone, with any window.
    words = Frame(recording(RECORDINGS / "austen-0890.wav").pcm[: round(seconds * RATE) * SAMPLE_BYTES], RATE)
    said = join([words, silence(0.5, RATE), recording(RECORDINGS / whole)], RATE)
    first, rest = whisper("base").transcribe([said], ENGLISH)
    assert first.text.startswith(" unless to be")
    assert wer(CLIPS[whole], rest.text) < 0.1
    assert first.end_seconds == rest.start_seconds
    assert rest.end_seconds == pytest.approx(said.seconds)


@pytest.mark.engine
@pytest.mark.parametrize("timed", [False, True])
def test_the_last_of_sentences_that_are_alike_is_not_left_out(whisper: Whisper, timed: bool) -> None:
    # Base, asked for all four at once, writes down three, and is sure of them.
    with (RECORDINGS / "four-sentences.flac").open("rb") as file:
        said = list(decode_file(file, RATE))
    heard = list(whisper("base").transcribe(said, Options(language="en", timed=timed)))
    assert text(iter(heard)) == " ".join(f"This is the {nth} sentence." for nth in ("first", "second", "third", "fourth"))
    assert all(segment.text for segment in heard), "nothing is unintelligible"


@pytest.mark.engine
def test_a_prompt_spells_what_is_heard(whisper: Whisper) -> None:
    path, _ = sentences()[0]
    prompted = Options(language="en", prompt="A novel about Mr. Jon Dashwoode.")
    assert "Dashwoode" in text(whisper("tiny.en").transcribe([recording(path)], prompted))


@pytest.mark.engine
def test_a_prompt_that_makes_whisper_repeat_itself_is_dropped(whisper: Whisper) -> None:
    path, said = sentences()[0]
    endless = Options(language="en", prompt="word " * 1000)
    assert wer(said, text(whisper("tiny.en").transcribe([recording(path)], endless))) < 0.2


@pytest.mark.engine
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all threads of a process have one priority; Linux runs this")
def test_after_a_minute_a_recording_is_transcribed_by_threads_that_leave_the_processors_to_others(whisper: Whisper) -> None:
    path, said = sentences()[0]
    clip = recording(path)
    times = round((LONG_SECONDS + 20) / (clip.seconds + 1))
    segments = whisper("tiny.en").transcribe([clip, silence(1, RATE)] * times, ENGLISH)
    texts, priorities = [], set[int]()
    for segment in segments:
        texts.append(segment.text)
        if segment.start_seconds > LONG_SECONDS:
            priorities |= {os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in Path("/proc/self/task").iterdir()}
    assert LOWEST_PRIORITY in priorities
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) < LOWEST_PRIORITY
    assert wer(" ".join([said] * times), " ".join(texts)) < 0.2


@pytest.mark.engine
def test_words_come_in_order_each_within_its_segment_and_where_it_was_said(whisper: Whisper) -> None:
    first, second = (recording(path) for path, _ in sentences()[:2])
    pause = silence(2, RATE)
    spoken = join([first, pause, second], RATE)
    segments = list(whisper("base").transcribe([spoken], Options(language="en", timed=True)))
    words = [word for segment in segments for word in segment.words]
    assert [word.start_seconds for word in words] == sorted(word.start_seconds for word in words)
    for segment in segments:
        assert segment.text == "".join(word.text for word in segment.words)
        assert segment.start_seconds <= segment.words[0].start_seconds
        assert segment.words[-1].end_seconds <= segment.end_seconds <= spoken.seconds + 0.1
    after = first.seconds + pause.seconds
    late = next(segment for segment in segments if segment.start_seconds > first.seconds)
    assert late.start_seconds == pytest.approx(after, abs=0.6)
    assert late.text.startswith(" He was not")


@pytest.mark.engine
def test_cues_begin_with_the_voice_and_do_not_last_over_a_silence(whisper: Whisper) -> None:
    words, sentence = (recording(RECORDINGS / name) for name in ("austen-0890.wav", "austen-0920.wav"))
    words, gap = Frame(words.pcm[: round(0.98 * RATE) * SAMPLE_BYTES], RATE), silence(12, RATE)
    spoken = join([words, gap, words, gap, sentence], RATE)
    segments = list(whisper("base").transcribe([spoken], Options(language="en", timed=True)))
    for begin in (0.0, 12.98, 25.96):
        assert min(abs(segment.start_seconds - begin) for segment in segments) < 0.5
    for segment in segments:
        assert len(segment.words) > 1
        assert segment.end_seconds - segment.start_seconds <= 7
        assert not 1.5 < segment.end_seconds < 12.98, "that is in the first silence"


@pytest.mark.engine
def test_a_long_recording_is_read_piece_by_piece_and_can_be_given_up(whisper: Whisper) -> None:
    clips = [recording(path) for path, _ in sentences()]
    taken: list[Frame] = []
    cancelled = threading.Event()

    def endless() -> Iterator[Frame]:
        while True:
            for clip in clips:
                taken.append(clip)
                yield clip

    segments = []
    for segment in whisper("tiny.en").transcribe(endless(), ENGLISH, cancelled):
        segments.append(segment)
        if len(segments) == 3:
            cancelled.set()
    assert len(segments) == 3
    assert segments[1].start_seconds == pytest.approx(segments[0].end_seconds)
    assert sum(clip.seconds for clip in taken) < 4 * LONGEST_SECONDS + 10, "no more was read than was needed"


class Careless:
    """Weights and vocabulary that write down `texts`, one a reading, and leave out words of what is longer than `seconds`."""

    n_mels = 80
    is_multilingual = False

    def __init__(self, texts: list[str], seconds: float, cancelled: threading.Event | None = None) -> None:
        self.texts = texts
        self.seconds = seconds
        self.cancelled = cancelled
        self.readings = 0

    def encode(self, features: object) -> object:
        return features

    def generate(self, *_: object, **__: object) -> list[Any]:
        self.readings += 1
        if self.cancelled:
            self.cancelled.set()
        return [SimpleNamespace(sequences_ids=[[self.readings - 1]], scores=[0.0], no_speech_prob=0.0)]

    def align(self, _features: object, _start: object, _texts: object, frames: int) -> list[Any]:
        missing = frames > self.seconds * 100
        return [SimpleNamespace(alignments=[(0 if missing else step, step) for step in range(frames // 2)])]

    def start(self, *_: object, **__: object) -> list[int]:
        return []

    def prompt(self, *_: object) -> list[int]:
        return []

    def text_only(self, tokens: list[int]) -> list[int]:
        return tokens

    def decode(self, tokens: list[int]) -> str:
        return self.texts[min(tokens[0], len(self.texts) - 1)]

    def hear(self, times: int) -> list[Segment]:
        """What comes of a few words, said so often with pauses."""
        words = Frame(recording(RECORDINGS / "austen-0890.wav").pcm[: RATE * SAMPLE_BYTES], RATE)
        said = join([words, silence(0.28, RATE)] * times, RATE)
        engine = WhisperEngine("careless", self, cast("Any", self))
        return list(engine.transcribe([said], ENGLISH, self.cancelled))


def test_what_looks_left_out_wherever_it_is_cut_is_not_cut_for_ever() -> None:
    whisper = Careless([" word"], seconds=0.0)
    assert 1 < len(whisper.hear(20)) <= 2**MOST_CUTS
    assert whisper.readings < 2 ** (MOST_CUTS + 1)


def test_what_nobody_waits_for_any_more_is_not_read_apart() -> None:
    whisper = Careless([" word"], seconds=0.0, cancelled=threading.Event())
    whisper.hear(20)
    assert whisper.readings == 1


@pytest.mark.parametrize(
    ("whole", "heard"),
    [(" one two", [" one two"]), (" two", [" one.", " two."])],
    ids=["nothing was left out", "the first word was"],
)
def test_what_is_read_apart_counts_where_it_is_more(whole: str, heard: list[str]) -> None:
    segments = Careless([whole, " one.", " two."], seconds=1.8).hear(2)
    assert [segment.text for segment in segments if segment.text] == heard


def test_where_somebody_speaks_and_no_word_is_read_the_result_says_so() -> None:
    _, unintelligible = Careless([" one two", ""], seconds=0.0).hear(2)
    assert unintelligible.text == ""
    assert (unintelligible.start_seconds, unintelligible.end_seconds) == pytest.approx((0.0, 2.56))
    assert len(Careless([" one two"], seconds=60.0).hear(2)) == 1


@pytest.mark.engine
def test_where_no_card_can_be_used_the_processors_are(weights: Callable[[str], Path]) -> None:
    path, said = sentences()[0]
    engine = load_whisper(weights("whisper-tiny.en"), "tiny.en", 1, card=True)
    assert wer(said, text(engine.transcribe([recording(path)], ENGLISH))) < 0.2


def test_weights_that_are_not_there_are_named() -> None:
    with pytest.raises(WeightsError, match=r"Whisper base cannot be loaded from .*Delete that folder"):
        load_whisper(sentences()[0][0].parent, "base", 1)


def test_the_spectrogram_is_the_one_whisper_was_trained_on() -> None:
    # Values that faster-whisper's own extractor gives for this chirp: on its line, and two bands above it.
    time = np.arange(RATE) / RATE
    chirp = (0.5 * np.sin(2 * np.pi * (200 + 1500 * time) * time)).astype(np.float32)
    mel = log_mel(chirp, 200, mel_filters())
    assert mel.shape == (80, 200)
    assert float(mel.max() - mel.min()) == pytest.approx(2.0)
    assert mel[[13, 35, 54], [10, 40, 90]] == pytest.approx([1.41361, 1.38463, 1.31792], abs=1e-4)
    assert mel[[15, 37, 56], [10, 40, 90]] == pytest.approx([0.84817, 0.62323, 0.05601], abs=1e-4)


def test_filters_have_equal_area_and_cover_every_frequency() -> None:
    filters = mel_filters()
    assert filters.shape == (80, 201)
    assert (filters[:, 1:200].sum(axis=0) > 0).all()
    assert filters.sum(axis=1)[40:] == pytest.approx(0.025, rel=0.1)


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0.5, 1150), (7.5, 1150), (10.0, 1400), (15.001, 1902), (26.0, 3000), (29.0, FULL_WINDOW)]
)
def test_the_window_is_as_short_as_the_speech_allows(seconds: float, frames: int) -> None:
    assert reduced_window(seconds) == frames
    assert most_tokens(seconds) <= 220


def test_stretches_are_all_of_the_recording_cut_where_it_is_quiet() -> None:
    loud, quiet = pink(14, 0.5), pink(1, 0.001)
    recorded = join([loud, quiet] * 5, RATE)
    blocks = [Frame(recorded.pcm[at : at + 9998], RATE) for at in range(0, len(recorded.pcm), 9998)]
    parts = list(stretches(blocks))
    assert b"".join(part.pcm for part in parts) == recorded.pcm
    assert all(SHORTEST_SECONDS <= part.seconds <= LONGEST_SECONDS for part in parts[:-1])
    for part in parts[1:]:
        assert 14 < part.start_seconds % 15 < 15


def test_a_voice_is_told_from_noise() -> None:
    assert has_speech(recording(sentences()[0][0]).pcm)
    assert not has_speech(pink(3, 0.3).pcm)
    assert not has_speech(b"")


def spoken(*words: tuple[str, float, float]) -> list[TimedWord]:
    return [TimedWord(text, start, end, ()) for text, start, end in words]


def test_punctuation_belongs_to_the_word_it_touches() -> None:
    pieces = [(" “", [1]), ("Stop", [2]), (",”", [3]), (" he", [4]), (" cri", [5]), ("ed", [6]), (".", [7])]
    steps = [(number, number * 10) for number in range(8)]
    words = words_of(pieces, steps, "en")
    assert [word.text for word in words] == [" “Stop,”", " he", " cried."]
    assert [word.start_seconds for word in words] == pytest.approx([0.0, 0.6, 0.8])
    assert [word.end_seconds for word in words] == pytest.approx([0.6, 0.8, 1.4])
    assert words[-1].tokens == (5, 6, 7)


def test_languages_without_spaces_have_a_word_for_each_character() -> None:
    pieces = [("你", [1]), ("好", [2]), ("\N{IDEOGRAPHIC FULL STOP}", [3])]
    words = words_of(pieces, [(0, 0), (1, 5), (2, 9), (3, 12)], "zh")
    assert [word.text for word in words] == ["你", "好\N{IDEOGRAPHIC FULL STOP}"]


def test_a_token_begins_where_it_is_first_heard() -> None:
    assert token_starts([(0, 0), (0, 1), (0, 2), (1, 5), (1, 6)]) == [0.0, 0.1]
    assert token_starts([]) == [0.0]


def test_the_pause_before_and_after_a_word_is_not_part_of_it() -> None:
    loud = [False] * 50 + [True] * 20 + [False] * 30
    words = spoken((" ask", 0.2, 2.0))
    [tight] = tightened(words, loud)
    assert (tight.start_seconds, tight.end_seconds) == pytest.approx((1.0, 1.4))
    assert tightened(words, [False] * 100) == words


@pytest.mark.parametrize(
    ("first", "second", "onset_steps", "times"),
    [
        # The end of a word is taken for the next one, which is said after a silence of 12 s.
        (" thirteen", " in", 10, [(0.0, 1.6), (13.6, 13.8)]),
        # Too little for a word; the end of a phrase: both were said before the silence.
        (" thirteen", " in", 2, [(0.0, 1.2), (1.2, 1.6)]),
        (" thirteen", " years.", 10, [(0.0, 1.2), (1.2, 1.6)]),
    ],
)
def test_a_word_does_not_last_over_a_silence(
    first: str, second: str, onset_steps: int, times: list[tuple[float, float]]
) -> None:
    loud = [True] * 80 + [False] * 600 + [True] * 50
    words = tightened(spoken((first, 0.0, 1.2), (second, 1.2, 13.6 + onset_steps * 0.02)), loud)
    assert [(word.start_seconds, word.end_seconds) for word in words] == [pytest.approx(each) for each in times]


def test_a_cue_ends_with_a_sentence_at_a_pause_and_when_it_is_full() -> None:
    words = spoken(
        (" One", 0, 1), (" two.", 1, 2), (" Three", 2, 3), (" four", 3, 4), (" five", 5, 6), (" six", 6, 9),
        (" seven", 9, 12.5), (" " + "x" * 90, 13, 14),
    )  # fmt: skip
    assert texts(words) == ["One two.", "Three four", "five six", "seven", "x" * 90]


def test_a_cue_has_two_words_where_there_are_two() -> None:
    assert texts(spoken((" Yes.", 0, 0.5), (" I", 1.0, 1.2), (" see.", 1.2, 2.0))) == ["Yes. I see."]
    assert texts(spoken((" I", 0, 0.2), (" see.", 0.2, 1.0), (" Good.", 2.0, 3.0))) == ["I see. Good."]
    assert texts(spoken((" Yes.", 0, 0.5), (" I", 5.0, 5.2), (" see.", 5.2, 6.0))) == ["Yes.", "I see."]
    # Seven seconds are full after the fifth word; the sixth takes it along.
    counted = spoken(*((f" {number}", 1.4 * number, 1.4 * number + 1.4) for number in range(6)))
    assert texts(counted) == ["0 1 2 3", "4 5"]


def test_what_is_over_before_it_can_be_read_goes_with_what_follows() -> None:
    words = spoken((" I", 0, 0.2), (" see.", 0.2, 0.6), (" All", 0.7, 0.9), (" right.", 0.9, 1.5))
    assert texts(words) == ["I see. All right."]


def texts(words: list[TimedWord]) -> list[str]:
    return ["".join(word.text for word in cue).strip() for cue in cues(words)]


def text(segments: Iterator[Segment]) -> str:
    return "".join(segment.text for segment in segments).strip()
