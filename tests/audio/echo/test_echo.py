"""Our own voice, removed from what the microphone hears: what is known of it, step by step, and a real (virtual) sound card."""

import asyncio
import random
from array import array
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import FakeSpeech, context
from tests.support.people import sentences
from tests.support.rig import VirtualSound
from voicemode.audio.echo.canceller import STEP_BYTES, Canceller, Cleaner, Processing
from voicemode.audio.echo.level import LEARNT_STEPS, REMEMBERED_STEPS, EchoLevel, EchoProgress
from voicemode.audio.echo.timeline import MARGIN_SECONDS, PlaybackTrack, Timeline
from voicemode.audio.frames import SAMPLE_BYTES, SILENCE_DB, Frame, Frames, join, level_db, pcm_of, samples_of, silence, stream
from voicemode.audio.turns.barge_in import CleanedFrame, InterruptionState
from voicemode.audio.turns.endpointer import Rules
from voicemode.audio.vad import RATE, create_vad
from voicemode.audio.wav import read_wav
from voicemode.config import Settings
from voicemode.controls import Controls
from voicemode.conversation.detectors import TurnDetectors
from voicemode.conversation.interruption import Interruption, Verdict
from voicemode.errors import ConfigError
from voicemode.tasks import BackgroundTasks, alongside, ended
from voicemode.transports.base import Speaker
from voicemode.transports.cleaning import BargeIn, Cleaning
from voicemode.transports.local import LocalTransport
from voicemode.transports.microphone import Capture

STEP_SECONDS = 0.01
ROOM_DB = -62.0
BUFFERED_SECONDS = 0.06


def voice(number: int) -> Frame:
    """A sentence somebody says, at RATE."""
    return read_wav(sentences()[number][0])


def speech(*numbers: int) -> Frame:
    return join([voice(number) for number in numbers], RATE)


def noise(seconds: float, level: float) -> list[float]:
    chance = random.Random(1)
    return [chance.gauss(0, level) for _ in range(round(seconds * RATE))]


def mixed(*sounds: tuple[Frame, float, float]) -> Frame:
    """Each as (what, how much louder in decibels, how many seconds later), in a quiet room."""
    length = max(frame.seconds + later for frame, _, later in sounds)
    values = noise(length, 32768 * 10 ** (ROOM_DB / 20))
    for frame, louder_db, later in sounds:
        gain, start = 10 ** (louder_db / 20), round(later * RATE)
        for index, sample in enumerate(samples_of(frame.pcm)):
            values[start + index] += gain * sample
    return Frame(pcm_of(array("h", (max(-32768, min(32767, round(value))) for value in values))), RATE)


def steps(audio: Frame) -> list[Frame]:
    pieces = [audio.pcm[at : at + STEP_BYTES] for at in range(0, len(audio.pcm), STEP_BYTES)]
    return [Frame(pcm.ljust(STEP_BYTES, b"\0"), RATE) for pcm in pieces]


def loudest_db(frames: list[Frame]) -> float:
    return max(map(level_db, frames))


# How loud our voice comes back.


def levels(seconds: float, louder_db: float, later_steps: int, after_db: float = -62.0) -> list[float]:
    """What is known of the echo, step by step, of a voice with syllables and pauses that comes back `louder_db` louder."""
    chance, known = random.Random(2), EchoLevel()
    played = [chance.choice([-20.0, -26.0, -35.0, -60.0]) for _ in range(round(seconds * 10)) for _ in range(10)]
    heard = [ROOM_DB] * later_steps + [max(ROOM_DB, level + louder_db) for level in played]
    return [known.note(one, other, after_db) for one, other in zip(played, heard, strict=False)]


@pytest.mark.parametrize("later_steps", [0, 6, 15, 40])
@pytest.mark.parametrize("louder_db", [0.0, -6.0, -20.0])
def test_the_echo_is_known_by_how_loud_and_how_late_it_came_back(louder_db: float, later_steps: int) -> None:
    known = levels(8, louder_db, later_steps)
    assert max(known[-100:]) == pytest.approx(-20 + louder_db, abs=1.5)
    assert min(known[-100:]) < -25 + louder_db


def test_what_was_learnt_by_a_wrong_delay_is_learnt_again_by_what_is_remembered() -> None:
    known, chance = EchoLevel(), random.Random(2)
    # What comes back after 0.45 s seems to come back after 0.05 s, as long as we speak with so regular a pause.
    regular = ([-45.0] * 12 + [-20.0] * 28) * 20
    played = regular + [level for _ in range(20) for level in [chance.choice([-20.0, -26.0, -35.0])] * 10]
    heard = [ROOM_DB] * 45 + [level - 6 for level in played]
    levels = [known.note(one, other, ROOM_DB) for one, other in zip(played, heard, strict=False)]
    assert max(levels[2 * LEARNT_STEPS :]) <= -20 - 6 + 1.5


def test_before_anything_is_known_of_the_echo_all_that_is_heard_may_be_our_voice() -> None:
    assert set(levels(0.9, -6.0, 10)) <= {0.0, SILENCE_DB}
    assert LEARNT_STEPS * STEP_SECONDS <= 1.0


def test_who_talks_over_us_is_not_taken_for_our_echo() -> None:
    known, chance = EchoLevel(), random.Random(2)
    for step in range(2 * REMEMBERED_STEPS):
        played, theirs = chance.choice([-20.0, -26.0, -35.0, -60.0]), -12.0 if step % 100 < 50 else ROOM_DB
        level = known.note(played, max(ROOM_DB, played - 6, theirs), theirs)
        assert level <= -20 - 6 + 1.5 or step < REMEMBERED_STEPS


@given(st.lists(st.tuples(*[st.floats(SILENCE_DB, 0.0)] * 3, st.integers(1, 400)), max_size=20))
def test_nothing_that_is_heard_confuses_it(stretches: list[tuple[float, float, float, int]]) -> None:
    known = EchoLevel()
    for played, before, after, count in stretches:
        assert all(known.note(played, before, after) <= 0 for _ in range(count))


def test_there_is_no_echo_of_what_was_not_played() -> None:
    known = EchoLevel()
    assert {known.note(SILENCE_DB, -25.0, -25.0) for _ in range(REMEMBERED_STEPS)} == {SILENCE_DB}


@pytest.mark.parametrize(
    ("louder_db", "after_db", "heard", "converged"),
    [(-6.0, -60.0, True, True), (-6.0, -30.0, True, False), (-60.0, ROOM_DB, False, True)],
    ids=["removed", "not found", "headphones"],
)
def test_how_well_it_is_removed_is_told(louder_db: float, after_db: float, heard: bool, converged: bool) -> None:
    known, chance = EchoLevel(), random.Random(2)
    for _ in range(2 * REMEMBERED_STEPS):
        played = chance.choice([-20.0, -26.0, -35.0, -60.0])
        known.note(played, max(ROOM_DB, played + louder_db), after_db)
    progress = known.progress
    assert progress is not None
    assert (progress.heard, progress.converged) == (heard, converged)


# What was played, beside what was heard.


class Devices:
    """A microphone and a speaker whose calls come when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timeline = Timeline(lambda: self.now)
        self.timeline.open(RATE, 0.02)
        self.track = PlaybackTrack(RATE, BUFFERED_SECONDS)
        self.counted = 0

    def pass_by(self, seconds: float, *, playing: bool = True, at_once: int = 1, faster: float = 1.0) -> None:
        """Both work, 10 ms at a time; the speaker counts its samples, `at_once` calls together, so much faster."""
        for step in range(round(seconds / STEP_SECONDS)):
            self.now += STEP_SECONDS
            self.timeline.hear(bytes(STEP_BYTES))
            if playing and step % at_once == 0:
                self.take(round(at_once * faster * STEP_BYTES / SAMPLE_BYTES))

    def take(self, samples: int) -> None:
        counted = array("h", ((self.counted + index) // 10 % 30_000 + 1 for index in range(samples)))
        self.counted += samples
        self.timeline.play(self.track, pcm_of(counted))

    def played_at(self, first: int, last: int) -> list[int]:
        """The samples that belong to those steps."""
        return [sample for step in range(first, last) for sample in samples_of(self.timeline.played(step).pcm)]


def test_what_is_played_belongs_to_the_moment_it_was_taken() -> None:
    devices = Devices()
    devices.pass_by(0.5, playing=False)
    devices.pass_by(0.5, at_once=2)
    played = devices.played_at(0, 100)
    begun = next(index for index, sample in enumerate(played) if sample)
    assert begun / RATE == pytest.approx(0.5 + MARGIN_SECONDS, abs=0.011)
    assert played[begun:] == sorted(played[begun:])
    assert devices.timeline.delay_seconds == pytest.approx(0.08)


def test_a_listener_that_lags_behind_gets_all_that_was_played_in_its_place() -> None:
    early, late = Devices(), Devices()
    early.pass_by(0.3)
    late.pass_by(3.0)
    assert early.played_at(0, 20) == late.played_at(0, 20)


def test_what_a_speaker_takes_in_advance_is_never_put_later_than_it_may_be_heard() -> None:
    devices = Devices()
    devices.pass_by(0.2, playing=False)
    devices.take(960)
    devices.pass_by(1.0)
    played = devices.played_at(0, 110)
    assert next(index for index, sample in enumerate(played) if sample) / RATE == pytest.approx(0.17, abs=0.011)


def test_a_speaker_that_makes_up_for_a_late_start_is_followed_by_a_listener_that_waits_for_nothing() -> None:
    devices = Devices()
    devices.pass_by(0.5, playing=False)
    devices.played_at(0, 49)
    devices.take(80)
    devices.take(1120)
    devices.pass_by(0.02)
    devices.played_at(49, 51)
    devices.pass_by(0.5)
    assert max(devices.played_at(51, 102)) * 10 == pytest.approx(devices.counted, abs=3 * RATE * STEP_SECONDS)


def test_what_a_speaker_takes_before_the_microphone_delivers_is_kept_for_it() -> None:
    devices = Devices()
    for _ in range(3):
        devices.take(STEP_BYTES // SAMPLE_BYTES)
    devices.pass_by(0.5)
    assert min(filter(None, devices.played_at(0, 50))) * 10 / RATE < 0.02


def test_what_was_taken_before_the_microphone_began_is_put_no_later_although_a_speaker_holds_back_nothing() -> None:
    devices = Devices()
    devices.track = PlaybackTrack(RATE, 0.0)
    devices.take(3 * STEP_BYTES // SAMPLE_BYTES)
    devices.now += 0.015
    devices.timeline.hear(bytes(STEP_BYTES))
    assert devices.played_at(0, 1)[0] > 0.005 * RATE // 10


def test_a_listener_that_waits_for_nothing_gets_what_is_taken_after_it_has_asked() -> None:
    devices, played = Devices(), list[int]()
    for step in range(300):
        devices.pass_by(STEP_SECONDS, playing=False)
        played += devices.played_at(step, step + 1)
        devices.take(STEP_BYTES // SAMPLE_BYTES * (3 if step == 10 else 1))
    assert not any(earlier and not later for earlier, later in pairwise(played))
    assert played.count(0) / RATE < 0.05


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 4)), max_size=60))
def test_no_sound_is_placed_later_than_it_is_heard(calls: list[tuple[int, int]]) -> None:
    devices = Devices()
    taken_at: dict[int, float] = {}
    for steps_between, periods in calls:
        devices.pass_by(steps_between * STEP_SECONDS, playing=False)
        for _ in range(periods):
            taken_at[devices.counted // 10 % 30_000 + 1] = devices.now - 100
            devices.take(STEP_BYTES // SAMPLE_BYTES)
    for step in range(round((devices.now - 100) / STEP_SECONDS)):
        for sample in set(devices.played_at(step, step + 1)) & taken_at.keys():
            assert step * STEP_SECONDS <= taken_at[sample] + BUFFERED_SECONDS


def test_a_microphone_whose_first_sound_is_held_back_moves_nothing() -> None:
    devices = Devices()
    devices.now += 0.5
    devices.timeline.hear(bytes(STEP_BYTES))
    devices.take(STEP_BYTES // SAMPLE_BYTES)
    devices.timeline.hear(bytes(49 * STEP_BYTES))
    devices.pass_by(0.5)
    played = devices.played_at(0, 100)
    begun = next(index for index, sample in enumerate(played) if sample)
    assert begun / RATE == pytest.approx(0.5 + MARGIN_SECONDS, abs=0.011)
    assert played[begun:] == sorted(played[begun:])


def test_a_speaker_that_stops_for_a_while_leaves_silence_and_goes_on_in_its_place() -> None:
    devices = Devices()
    devices.pass_by(1.0)
    devices.pass_by(0.5, playing=False)
    devices.pass_by(1.0)
    played = devices.played_at(0, 250)
    assert played.count(0) / RATE == pytest.approx(0.5 + MARGIN_SECONDS, abs=0.03)
    assert not any(played[round(1.05 * RATE) : round(1.45 * RATE)])


def test_a_speaker_that_slept_for_an_hour_goes_on_where_the_microphone_is() -> None:
    devices = Devices()
    devices.pass_by(0.5)
    devices.now += 3600
    devices.timeline.hear(bytes(3600 * RATE * SAMPLE_BYTES))
    devices.pass_by(0.5)
    assert not any(devices.played_at(1000, 1010))
    assert all(devices.played_at(360_055, 360_095))


@pytest.mark.parametrize("faster", [0.98, 1.02], ids=["slow", "fast"])
def test_a_clock_that_drifts_is_followed(faster: float) -> None:
    devices = Devices()
    devices.pass_by(15, faster=faster)
    latest = max(devices.played_at(1490, 1500))
    assert (devices.counted // 10 - latest) * 10 / RATE == pytest.approx(0, abs=0.1)


def test_what_is_played_while_nobody_listens_is_forgotten() -> None:
    devices = Devices()
    devices.timeline.close()
    devices.pass_by(1.0)
    assert not any(devices.played_at(0, 100))


# The canceller itself.


def cleaned(ours: Frame, heard: Frame, processing: Processing) -> list[CleanedFrame]:
    """What is left of `heard` while `ours` was played."""
    canceller = Canceller(processing)
    played = steps(ours) + [silence(STEP_SECONDS, RATE)] * (round(heard.seconds / STEP_SECONDS) + 1)
    return [canceller.clean(step, sound, 0.1) for step, sound in zip(steps(heard), played, strict=False)]


@pytest.mark.parametrize("later", [0.06, 0.15, 0.4])
def test_our_voice_is_removed_and_a_person_is_not(later: float) -> None:
    ours, theirs = speech(1, 2), voice(0)
    begins = 4.0
    after = cleaned(ours, mixed((ours, -6.0, later), (theirs, 0.0, begins)), Processing(echo=True))
    alone = after[: round(begins / STEP_SECONDS)]
    assert loudest_db(mixed_steps(ours, later)) > -25
    assert loudest_db([*alone[100:]]) < -45
    over = after[round(begins / STEP_SECONDS) : round((begins + theirs.seconds) / STEP_SECONDS)]
    assert level_db(join(over, RATE)) == pytest.approx(level_db(theirs), abs=5)


def mixed_steps(ours: Frame, later: float) -> list[Frame]:
    return steps(mixed((ours, -6.0, later)))


def test_steady_noise_is_removed_without_an_echo_to_remove() -> None:
    hiss = Frame(pcm_of(array("h", map(round, noise(4, 300)))), RATE)
    after = cleaned(silence(0, RATE), hiss, Processing(noise_suppression=True))
    assert level_db(join(after[200:], RATE)) < level_db(hiss) - 8
    assert {step.echo_db for step in after} == {SILENCE_DB}


def test_a_quiet_voice_is_made_louder() -> None:
    quiet = mixed((speech(0, 1, 2), -20.0, 0.0))
    after = cleaned(silence(0, RATE), quiet, Processing(gain_control=True))
    assert level_db(join(after[-200:], RATE)) > level_db(Frame(quiet.pcm[-200 * STEP_BYTES :], RATE)) + 3


def test_frames_of_any_length_go_in_and_nothing_is_lost() -> None:
    cleaner = Cleaner(Timeline())
    sound = speech(1).pcm
    sizes = [0, 2, 318, 640, 1000, 4]
    cuts = [sum(sizes[: index + 1]) for index in range(len(sizes))]
    pieces = [Frame(sound[start:end], RATE) for start, end in pairwise(cuts)]
    after = [step for piece in pieces for step in cleaner.clean(piece, None)]
    assert b"".join(step.pcm for step in after) == sound[: len(after) * STEP_BYTES]
    assert {(len(step.pcm), step.echo_db) for step in after} == {(STEP_BYTES, 0.0)}


# A real (virtual) sound card that hears itself.


class Talk:
    """We speak over a card that echoes, and an Interruption hears it; its states are in `calls`. No word is ever recognised."""

    def __init__(self, cleaning: Cleaning) -> None:
        self.cleaning = cleaning
        self.transport = LocalTransport(cleaning=cleaning)
        ears = context(Path(), FakeSpeech(""), Rules(), lambda: TurnDetectors(vad=create_vad("auto", 2)))
        self.interruption = Interruption(ears, lambda: False, BackgroundTasks(), self._yield)
        self.speaker = Speaker()
        self.calls: list[InterruptionState] = []
        self.well_begun = asyncio.Event()
        """Three seconds of it have been said."""

    async def hold(self, ours: Frame) -> None:
        """Say `ours`, held while somebody talks over us, until the turn is theirs or it has been said."""
        async with self.transport.microphones() as microphones, asyncio.timeout(60):
            microphone = await anext(microphones)
            listening = asyncio.create_task(self._listen(microphone.frames))
            playing = asyncio.create_task(self.transport.play(stream(ours), self.speaker))
            await asyncio.wait([listening, playing], return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                playing.result()
            await ended(listening, playing)
            self.interruption.close()

    def _yield(self) -> None:
        self.speaker.volume = self.interruption.volume

    async def _listen(self, frames: Frames) -> None:
        async for frame in frames:
            self.interruption.hear(frame)
            if not self.calls or self.interruption.call is not self.calls[-1]:
                self.calls.append(self.interruption.call)
            if self.speaker.played.seconds >= 3:
                self.well_begun.set()
            if self.interruption.verdict is Verdict.TURN:
                return


@pytest.fixture
def ours() -> Frame:
    return speech(0, 1, 2)


@pytest.mark.anyio
@pytest.mark.sound
async def test_on_a_card_that_echoes_we_do_not_interrupt_ourselves_and_a_person_does(
    virtual_sound: VirtualSound, ours: Frame
) -> None:
    cleaning = Cleaning("auto", Processing(echo=True))
    alone, over = Talk(cleaning), Talk(cleaning)
    with virtual_sound.echo(-6.0, 0.1):
        await alone.hold(ours)
        assert alone.speaker.played.seconds == pytest.approx(ours.seconds, abs=0.1)
        assert InterruptionState.TURN not in alone.calls
        # A busy machine makes the virtual card stumble, and our voice wait for that moment.
        assert alone.calls.count(InterruptionState.SPEECH) <= 1
        assert cleaning.progress is not None
        assert cleaning.progress.heard
        assert not cleaning.echoes
        async with alongside(over.hold(ours)):
            await asyncio.wait_for(over.well_begun.wait(), 10)
            virtual_sound.speak(voice(1))
    assert over.calls[-1] is InterruptionState.TURN
    assert over.speaker.played.seconds < 6
    assert loudest_db(over.interruption.kept) == pytest.approx(loudest_db(steps(voice(1))), abs=8)


# What the settings make of it.


@pytest.mark.parametrize(
    ("barge_in", "echoes"), [("auto", False), ("on", False), ("headphones", False), ("off", True)], ids=str
)
def test_nobody_can_interrupt_us_where_it_is_turned_off(barge_in: BargeIn, echoes: bool) -> None:
    assert LocalTransport.from_settings(Settings(barge_in=barge_in), Controls()).echoes is echoes


@pytest.mark.parametrize(
    "settings",
    [Settings(barge_in="on"), Settings(noise_suppression=True), Settings(gain_control=True)],
    ids=["on", "ns", "gain"],
)
def test_what_is_asked_for_and_not_installed_is_named_with_the_command(settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"Install it: .*\[echo\]'"):
        Cleaning.from_settings(settings, installed=False)


def test_without_the_library_nobody_can_interrupt_us_and_nothing_fails() -> None:
    assert Cleaning.from_settings(Settings(), installed=False).echoes
    assert not Cleaning.from_settings(Settings(barge_in="headphones"), installed=False).echoes


class Scripted:
    """A canceller of which only its progress is asked."""

    def __init__(self, progress: EchoProgress) -> None:
        self.progress = progress


@pytest.mark.anyio
@pytest.mark.parametrize(("barge_in", "echoes"), [("auto", True), ("on", False)])
async def test_a_canceller_that_finds_no_echo_is_not_trusted_unless_the_person_does(barge_in: BargeIn, echoes: bool) -> None:
    progress = EchoProgress(room_db=-60, before_db=-25, after_db=-27)
    cleaning = Cleaning(barge_in, Processing(echo=True), load=lambda _: cast("Canceller", Scripted(progress)))
    cleaning.of(Capture())
    await cleaning.loaded()
    assert cleaning.echoes is echoes


@pytest.mark.anyio
async def test_a_library_that_cannot_be_loaded_leaves_the_microphone_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Processing) -> Canceller:
        raise OSError("no such library")

    cleaning = Cleaning("auto", Processing(echo=True), load=broken)
    cleaning.of(Capture())
    await cleaning.loaded()
    assert cleaning.echoes
    assert "no such library" in caplog.text
