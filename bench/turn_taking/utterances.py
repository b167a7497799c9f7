"""Utterances of the scripted person: recorded sentences, unchanged or with a pause for thought cut into their middle."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from bench.turn_taking.loudness import NOISY, STEP_SECONDS, loudness, pauses, samples, sound, voice_span
from bench.turn_taking.recordings import Clip
from bench.turn_taking.words import Word
from voicemode.audio.frames import Frame, join
from voicemode.audio.vad import RATE

WINDOW_SECONDS = 0.05
"""Length of the quiet window in which a pause is put."""
FADE_SECONDS = 0.01
"""Fade on either side of a cut, which avoids clicks."""
SENTENCE_ENDS = (".", "!", "?")
APART_SECONDS = 0.5
"""Least distance between two pauses."""
AWAY_SECONDS = 1.0
"""Least distance of a pause from the end of a sentence."""
FAINTEST = 3.0
"""Root mean square of the faintest room: a microphone always hisses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    name: str
    audio: Frame
    """Audio of 16 kHz, from the first sound or a little before it."""
    words: tuple[Word, ...]
    last_sound: float
    """Time at which the person has finished, in seconds."""
    pause_seconds: float = 0.0
    """Length of the pause for thought in mid-sentence."""
    paused_at: float = 0.0
    """Beginning of that pause, in seconds."""


def complete(clip: Clip) -> Utterance:
    """Return the clip as an utterance, unchanged."""
    return Utterance(name=clip.name, audio=clip.audio, words=clip.words, last_sound=voice_span(clip.audio)[1])


def find_cut(clip: Clip) -> float | None:
    """Return the middle of the quietest 50 ms in the middle third, far from any sentence's end, in seconds.

    None if the clip has fewer than two words on either side of the cut.
    """
    return next(iter(find_cuts(clip, 1, margin=1 / 3)), None)


def find_cuts(clip: Clip, most: int, margin: float = 1 / 6) -> list[float]:
    """Find places for pauses: the middles of the quietest 50 ms, apart from each other and far from any sentence's end.

    Args:
        clip: Clip to be cut.
        most: Most places to return.
        margin: Share of the clip that stays uncut at the beginning and at the end.
    Returns:
        Seconds, the quietest first; each has two words on either side, and only the first can be in a loud sound.
    """
    start, end = voice_span(clip.audio)
    aside = (end - start) * margin
    found: dict[int, float] = {}
    for at, quiet in quietest(clip.audio):
        if len(found) == most or (found and not quiet):
            break
        before = len(words_before(clip.words, at))
        inside = start + aside <= at <= end - aside and 2 <= before <= len(clip.words) - 2
        apart = before not in found and all(abs(at - other) >= APART_SECONDS for other in found.values())
        if inside and apart and not near_an_end(clip.words, at):
            found[before] = at
    return list(found.values())


def quietest(audio: Frame) -> list[tuple[float, bool]]:
    """Return the middles of windows in seconds, the quietest first, each with True if it is quieter than a voice."""
    level = loudness(audio)
    size = round(WINDOW_SECONDS / STEP_SECONDS)
    power = np.convolve(level**2, np.ones(size) / size, "valid")
    loud = (NOISY * np.percentile(level, 99)) ** 2
    return [
        ((index + size / 2) * STEP_SECONDS, bool(power[index] < loud)) for index in np.argsort(power, kind="stable").tolist()
    ]


def near_an_end(words: Sequence[Word], at: float) -> bool:
    """True if a sentence other than the last ends near `at`; only transcripts with full stops tell."""
    return any(word.text.endswith(SENTENCE_ENDS) and abs(word.end - at) < AWAY_SECONDS for word in words[:-1])


def words_before(words: Sequence[Word], at: float) -> list[Word]:
    """Return the words of which at least half lies before `at`."""
    return [word for word in words if (word.start + word.end) / 2 < at]


def with_pause(clip: Clip, cut: float, seconds: float) -> Utterance:
    """Return the clip with a pause of `seconds` at `cut`, extended with noise of the same room to that length."""
    start, end = silence_around(clip, cut)
    missing = max(0.0, seconds - (end - start))
    at = round(cut * RATE)
    heard = samples(clip.audio)
    fade = np.linspace(0.0, 1.0, round(FADE_SECONDS * RATE))
    before, after = heard[:at].copy(), heard[at:].copy()
    before[-len(fade) :] *= fade[::-1]
    after[: len(fade)] *= fade
    said = words_before(clip.words, cut)
    first = [Word(word.text, word.start, min(word.end, cut)) for word in said]
    rest = [Word(word.text, max(word.start, cut), word.end).later(missing) for word in clip.words[len(said) :]]
    return Utterance(
        name=clip.name,
        audio=join([sound(before), room(clip.audio, missing), sound(after)], RATE),
        words=(*first, *rest),
        last_sound=voice_span(clip.audio)[1] + missing,
        pause_seconds=seconds,
        paused_at=start,
    )


def silence_around(clip: Clip, at: float) -> tuple[float, float]:
    """Return the existing silence around `at`, in seconds; empty if somebody speaks."""
    return next((gap for gap in pauses(clip.audio, 0.0) if gap[0] <= at <= gap[1]), (at, at))


def room(audio: Frame, seconds: float) -> Frame:
    """Return noise at the level of the quietest moments of `audio`, the same every time."""
    level = max(FAINTEST, float(np.percentile(loudness(audio), 3)))
    return sound(np.random.default_rng(0).normal(0.0, level, round(seconds * RATE)))


def one_after_another(clips: Sequence[Clip], gap: float, seconds: float) -> Utterance:
    """Return a person who talks for at least `seconds`, with `gap` seconds between sentences."""
    pieces: list[Frame] = []
    words: list[Word] = []
    said = 0.0
    for clip in cycle(clips):
        if said - gap >= seconds:
            break
        start, end = voice_span(clip.audio)
        pieces += [between(clip.audio, start, end), room(clip.audio, gap)]
        words += [word.later(said - start) for word in clip.words]
        said += pieces[-2].seconds + gap
    audio = join(pieces[:-1], RATE)
    return Utterance(name=f"{seconds:g} s", audio=audio, words=tuple(words), last_sound=audio.seconds)


def between(audio: Frame, start: float, end: float) -> Frame:
    return sound(samples(audio)[round(start * RATE) : round(end * RATE)])


def utterances(clips: Sequence[Clip], thoughts: Sequence[float], places: int = 1) -> list[Utterance]:
    """Return each of `clips` unchanged, and with each pause of `thoughts`, in seconds, at each of up to `places` places."""
    cuts = [(clip, cut) for clip in clips for cut in find_places(clip, places)]
    thoughtful = [with_pause(clip, cut, seconds) for clip, cut in cuts for seconds in thoughts]
    return [*(complete(clip) for clip in clips), *thoughtful]


def find_places(clip: Clip, most: int) -> list[float]:
    return find_cuts(clip, most, margin=1 / 3 if most == 1 else 1 / 6)
