"""Microphone and speaker of a real (virtual) sound card, through every sound library."""

import asyncio
import itertools
import math
import statistics
import time
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.support.paths import RECORDINGS
from tests.support.rig import CABLE, MICROPHONE, RATE, SPEAKER, Recording, VirtualSound
from voicemode.audio.devices import BACKENDS, open_backend
from voicemode.audio.frames import Frame, Frames, join, pcm_of, samples_of, silence, stream
from voicemode.audio.wav import read_wav
from voicemode.errors import AudioDeviceError, ProviderError
from voicemode.transports.base import Speaker, one
from voicemode.transports.local import LocalTransport

pytestmark = [pytest.mark.anyio, pytest.mark.sound]

SPEECH = read_wav(RECORDINGS / "austen-0880.wav")
LOUD = 1000
STUMBLE_SECONDS = 0.04
"""Two periods: PulseAudio itself misses one where other programs take the processor."""


@pytest.fixture(params=list(BACKENDS))
def transport(request: pytest.FixtureRequest, virtual_sound: VirtualSound) -> LocalTransport:
    try:
        open_backend(request.param)
    except AudioDeviceError as error:
        pytest.skip(str(error))
    return LocalTransport(backend=request.param)


@pytest.fixture
def recording(virtual_sound: VirtualSound) -> Iterator[Recording]:
    with virtual_sound.record() as recording:
        yield recording


def tone(seconds: float, rate: int = RATE, pitch: float = 440) -> Frame:
    wave = (round(8000 * math.sin(2 * math.pi * pitch * index / rate)) for index in range(round(rate * seconds)))
    return Frame(pcm_of(array("h", wave)), rate)


def sounding(frame: Frame) -> Frame:
    """From the first loud sample to the last."""
    loud = [index for index, sample in enumerate(samples_of(frame.pcm)) if abs(sample) > LOUD]
    return Frame(frame.pcm[2 * loud[0] : 2 * loud[-1] + 2], frame.rate) if loud else silence(0, frame.rate)


def pitch_of(frame: Frame) -> float:
    """Hertz, from the usual distance between two rises through zero."""
    samples = samples_of(frame.pcm)
    rises = [index for index, (before, after) in enumerate(itertools.pairwise(samples)) if before < 0 <= after]
    return frame.rate / statistics.mean(sorted(b - a for a, b in itertools.pairwise(rises))[5:-5])


def longest_gap(frame: Frame) -> float:
    """Seconds of the longest run of quiet samples."""
    longest = run = 0
    for sample in samples_of(frame.pcm):
        run = run + 1 if abs(sample) < LOUD else 0
        longest = max(longest, run)
    return longest / frame.rate


async def heard_in(recording: Recording, seconds: float = 0.1) -> Frame:
    """What the speaker has played, once everything on its way has arrived."""
    await asyncio.sleep(seconds)
    return sounding(recording.frame)


async def test_what_is_played_is_heard_in_full_and_without_gaps(transport: LocalTransport, recording: Recording) -> None:
    played = await transport.play(stream(*[tone(0.1)] * 10))
    heard = await heard_in(recording)
    assert heard.seconds == pytest.approx(1.0, abs=STUMBLE_SECONDS)
    assert pitch_of(heard) == pytest.approx(440, abs=2)
    assert longest_gap(heard) < STUMBLE_SECONDS
    assert played.seconds == pytest.approx(1.0)


async def test_play_returns_when_the_last_of_it_was_heard(transport: LocalTransport, recording: Recording) -> None:
    played = await transport.play(stream(tone(0.5)))
    returned = time.monotonic()
    await heard_in(recording)
    last = recording.last_sound_at()
    assert last is not None
    assert played.started_at is not None
    assert played.started_at + 0.5 < returned
    assert -0.05 < returned - last < 0.15


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000])
async def test_any_rate_sounds_at_its_own_pitch(transport: LocalTransport, recording: Recording, rate: int) -> None:
    await transport.play(stream(tone(0.4, rate)))
    heard = await heard_in(recording)
    assert pitch_of(heard) == pytest.approx(440, abs=4)
    assert heard.seconds == pytest.approx(0.4, abs=STUMBLE_SECONDS)


async def test_frames_that_come_late_leave_silence_but_lose_and_repeat_nothing(
    transport: LocalTransport, recording: Recording
) -> None:
    async def late() -> Frames:
        yield tone(0.3)
        await asyncio.sleep(0.6)
        yield tone(0.3)

    played = await transport.play(late())
    heard = await heard_in(recording)
    loud = sum(abs(sample) > LOUD for sample in samples_of(heard.pcm)) / heard.rate
    assert longest_gap(heard) > 0.2
    assert loud == pytest.approx(0.6 * sum(abs(s) > LOUD for s in samples_of(tone(1).pcm)) / RATE, abs=STUMBLE_SECONDS)
    assert played.seconds == pytest.approx(0.6)


async def test_small_jitter_is_not_heard(transport: LocalTransport, recording: Recording) -> None:
    async def jittery() -> Frames:
        for index in range(20):
            await asyncio.sleep(0.0 if index % 2 else 0.06)
            yield tone(0.05)

    await transport.play(jittery())
    heard = await heard_in(recording)
    assert heard.seconds == pytest.approx(1.0, abs=STUMBLE_SECONDS)


async def test_nothing_to_play_is_done_at_once(transport: LocalTransport) -> None:
    played = await transport.play(stream())
    assert (played.seconds, played.started_at) == (0, None)


async def test_two_can_sound_at_once(transport: LocalTransport, recording: Recording) -> None:
    await asyncio.gather(transport.play(stream(tone(0.5))), transport.play(stream(tone(0.5, pitch=660))))
    assert max(samples_of((await heard_in(recording)).pcm)) > 10_000


async def test_cancelling_silences_at_once_and_says_how_much_was_heard(
    transport: LocalTransport, recording: Recording, virtual_sound: VirtualSound
) -> None:
    speaker = Speaker()
    playing = asyncio.create_task(transport.play(stream(tone(5)), speaker))
    while speaker.played.seconds < 0.5:
        await asyncio.sleep(0.01)
    cancelled_at = time.monotonic()
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert time.monotonic() - cancelled_at < 0.2
    heard = await heard_in(recording, 0.3)
    last = recording.last_sound_at()
    assert last is not None
    assert last - cancelled_at < 0.1
    assert speaker.played.seconds == pytest.approx(heard.seconds, abs=0.1)
    assert await all_closed(virtual_sound)


async def test_a_failing_source_is_the_error_once_all_before_it_was_heard(
    transport: LocalTransport, recording: Recording, virtual_sound: VirtualSound
) -> None:
    async def failing() -> Frames:
        yield tone(0.5)
        raise ProviderError("gone", transient=True)

    speaker = Speaker()
    with pytest.raises(ProviderError, match="gone"):
        await transport.play(failing(), speaker)
    assert (await heard_in(recording)).seconds == pytest.approx(0.5, abs=STUMBLE_SECONDS)
    assert speaker.played.seconds == pytest.approx(0.5)
    assert await all_closed(virtual_sound)


async def test_the_event_loop_is_never_blocked_for_long(transport: LocalTransport) -> None:
    await transport.play(stream(tone(0.1)))
    longest = 0.0

    async def measure() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before)

    measuring = asyncio.create_task(measure())
    async with transport.microphones():
        await transport.play(stream(tone(1.0, 44_100)))
    measuring.cancel()
    # The bound is 20 ms on an idle machine; this one may be busy.
    assert longest < 0.1


async def test_the_microphone_hears_exactly_what_is_said(transport: LocalTransport, virtual_sound: VirtualSound) -> None:
    async with listening(transport) as mic:
        await anext(mic)
        virtual_sound.speak(SPEECH)
        frames = [frame async for frame in for_seconds(mic, SPEECH.seconds + 0.7)]
    assert {frame.rate for frame in frames} == {16_000}
    assert all(0.01 <= frame.seconds <= 0.04 for frame in frames)
    assert likeness(join(frames, 16_000), SPEECH) > 0.95


async def test_the_microphone_is_open_exactly_as_long_as_its_context(
    transport: LocalTransport, virtual_sound: VirtualSound
) -> None:
    async with listening(transport) as mic:
        await anext(mic)
        assert virtual_sound.streams() == (1, 0)
    assert await all_closed(virtual_sound)
    assert join([frame async for frame in mic], 16_000).seconds < 1


async def test_cancelling_closes_the_microphone(transport: LocalTransport, virtual_sound: VirtualSound) -> None:
    heard = asyncio.Event()

    async def listen() -> None:
        async with one(transport) as mic:
            async for _ in mic:
                heard.set()

    task = asyncio.create_task(listen())
    await heard.wait()
    cancelled_at = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - cancelled_at < 0.2
    assert await all_closed(virtual_sound)


async def test_cancelling_while_it_opens_leaves_no_microphone_open(
    transport: LocalTransport, virtual_sound: VirtualSound
) -> None:
    async def listen() -> None:
        async with transport.microphones():
            await asyncio.Event().wait()

    for steps in range(8):
        task = asyncio.create_task(listen())
        for _ in range(steps):
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await all_closed(virtual_sound)


async def test_a_listener_that_gave_up_waiting_can_go_on_listening(transport: LocalTransport) -> None:
    async with listening(transport) as mic:
        await anext(mic)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(_exhaust(mic), 0.001)
        assert (await anext(mic)).seconds > 0


async def test_a_listener_that_lags_loses_nothing(transport: LocalTransport) -> None:
    async with listening(transport) as mic:
        await anext(mic)
        await asyncio.sleep(0.5)
        started = time.monotonic()
        frames = [frame async for frame in for_seconds(mic, 0.4)]
    assert join(frames, 16_000).seconds == pytest.approx(0.4)
    assert time.monotonic() - started < 0.2


async def test_devices_are_chosen_by_name(transport: LocalTransport, recording: Recording) -> None:
    backend = transport._backend
    chosen = LocalTransport(MICROPHONE.upper(), SPEAKER, backend)
    await chosen.play(stream(tone(0.2)))
    assert (await heard_in(recording)).seconds == pytest.approx(0.2, abs=STUMBLE_SECONDS)
    with pytest.raises(AudioDeviceError, match="'banana' is not here"):
        await LocalTransport("", "banana", backend).play(stream(tone(0.2)))
    with pytest.raises(AudioDeviceError, match="'banana' is not here"):
        async with LocalTransport("banana", "", backend).microphones():
            pass


async def test_every_use_follows_the_systems_choice_of_that_moment(
    transport: LocalTransport, virtual_sound: VirtualSound
) -> None:
    await transport.play(stream(tone(0.1)))
    virtual_sound.choose_speaker(CABLE)
    try:
        with virtual_sound.record(CABLE) as recording:
            await transport.play(stream(tone(0.2)))
            assert (await heard_in(recording)).seconds == pytest.approx(0.2, abs=STUMBLE_SECONDS)
    finally:
        virtual_sound.choose_speaker(SPEAKER)


async def test_a_missing_speaker_is_reported_before_there_is_anything_to_say(transport: LocalTransport) -> None:
    async def never() -> Frames:
        await asyncio.Event().wait()
        yield tone(1)

    async with asyncio.timeout(5):
        with pytest.raises(AudioDeviceError, match="'banana' is not here"):
            await LocalTransport("", "banana", transport._backend).play(never())


async def test_a_microphone_that_is_unplugged_is_noticed_within_a_second(
    transport: LocalTransport, unpluggable: VirtualSound
) -> None:
    async with listening(transport) as mic:
        await anext(mic)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(unpluggable.unplug)
        unplugged_at = time.monotonic()
        kept: list[Frame] = []
        with pytest.raises(AudioDeviceError, match=r"microphone stopped.*unplugged"):
            await _exhaust(mic, kept)
        assert time.monotonic() - unplugged_at < 1
    assert join(kept, 16_000).seconds > 0.25


async def test_a_speaker_that_is_unplugged_is_noticed_within_a_second(
    transport: LocalTransport, unpluggable: VirtualSound
) -> None:
    speaker = Speaker()
    playing = asyncio.create_task(transport.play(stream(tone(5)), speaker))
    while speaker.played.seconds < 0.3:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(unpluggable.unplug)
    unplugged_at = time.monotonic()
    with pytest.raises(AudioDeviceError, match=r"speaker stopped.*unplugged"):
        await playing
    assert time.monotonic() - unplugged_at < 1


async def all_closed(card: VirtualSound) -> bool:
    """Whether nobody has a device open, or will have in a moment: PulseAudio tells it late on a busy machine."""
    for _ in range(20):
        if card.streams() == (0, 0):
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.fixture
def unpluggable(virtual_sound: VirtualSound) -> Iterator[VirtualSound]:
    """The card, for a test that takes it away; it is plugged in again afterwards."""
    yield virtual_sound
    virtual_sound.plug_in()


@asynccontextmanager
async def listening(transport: LocalTransport) -> AsyncIterator[Frames]:
    """The microphone, with a bound on every wait."""
    async with asyncio.timeout(15), one(transport) as mic:
        yield mic


async def for_seconds(mic: Frames, seconds: float) -> Frames:
    taken = 0.0
    while taken < seconds - 1e-6:
        frame = await anext(mic)
        taken += frame.seconds
        yield frame


async def _exhaust(mic: Frames, kept: list[Frame] | None = None) -> None:
    async for frame in mic:
        if kept is not None:
            kept.append(frame)


def likeness(heard: Frame, said: Frame) -> float:
    """How alike two recordings are where they fit best: the correlation of their loudness in steps of 10 ms."""
    ours, theirs = loudness(heard), loudness(said)
    offsets = range(len(ours) - len(theirs) + 1)
    return max(correlation(ours[offset : offset + len(theirs)], theirs) for offset in offsets)


def loudness(frame: Frame) -> list[float]:
    samples, step = samples_of(frame.pcm), frame.rate // 100
    return [float(sum(map(abs, samples[start : start + step]))) for start in range(0, len(samples) - step, step)]


def correlation(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b) or 1)
