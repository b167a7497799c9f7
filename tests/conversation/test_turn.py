"""How a conversation takes turns: what is understood at a pause, words and hands that steer, and what is left after all."""

import asyncio
import wave
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.fakes import (
    QUICK,
    FakeSpeech,
    LoudnessVad,
    ScriptedTransport,
    Stages,
    context,
    detectors,
    hear_all,
    tone,
    utterance,
)
from voicemode.audio.frames import Chunks, Frame, Frames
from voicemode.audio.turns.endpointer import PAUSE_SECONDS, WAITS, Rules
from voicemode.controls import Controls
from voicemode.conversation.conversation import Conversation
from voicemode.conversation.detectors import TurnDetectors
from voicemode.conversation.floor import Floor
from voicemode.conversation.message import Playback
from voicemode.conversation.result import TurnResult
from voicemode.conversation.status import MUTED
from voicemode.conversation.turn import TurnOptions
from voicemode.conversation.utterance import Expected
from voicemode.progress import Progress
from voicemode.speech.base import Transcript, Voice
from voicemode.speech.sentence_stream import Sentences
from voicemode.speech.speculative import speculative
from voicemode.text.commands import chosen

pytestmark = pytest.mark.anyio
PACED = TurnOptions(rules=Rules(patience_seconds=2.0, max_seconds=20.0), cues=False)
STEERED = replace(PACED, expected=Expected(phrases=chosen(["language"], "en")))


async def thinking() -> None:
    """Time for whoever has something to do between two frames."""
    for _ in range(10):
        await asyncio.sleep(0)


class EarlySpeech(FakeSpeech):
    """Hears the next of `texts` at each pause."""

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self.texts = list(texts)

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        self.heard.append(audio)
        return Transcript(self.texts.pop(0) if len(self.texts) > 1 else self.texts[0])

    def early(self, language: str = "") -> bool:
        return True

    def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        return speculative(self, frames, prompt=prompt, language=language)


@dataclass
class Melody:
    """A turn model that always says the same."""

    says: float
    asked: list[float] = field(default_factory=list)

    def finished(self, audio: Frame) -> float:
        self.asked.append(audio.seconds)
        return self.says


def rechunked(frames: Iterable[Frame]) -> Iterator[Frame]:
    """As a microphone delivers them: 20 ms each."""
    chunks = Chunks(0.02)
    for frame in frames:
        yield from chunks.cut(frame)


class Live(ScriptedTransport):
    """A microphone whose person acts as soon as a stage is reported, and speaks `script` again at each turn."""

    def __init__(self, *script: Frame, controls: Controls) -> None:
        super().__init__(script)
        self.controls = controls

    async def _listen(self) -> Frames:
        while True:
            await self._our_turn.wait()
            self._our_turn.clear()
            for frame in rechunked(self.script):
                if self._our_turn.is_set():
                    break
                yield frame
                await thinking()
            while not self._our_turn.is_set():
                yield tone(0.02, level=1)
                await thinking()


async def turn(
    speech: FakeSpeech,
    *script: Frame,
    options: TurnOptions = PACED,
    floor: Floor | None = None,
    folder: Path,
    model: Melody | None = None,
) -> tuple[Playback, TurnResult]:
    floor = floor or Floor()
    transport = Live(*script, controls=floor.controls)

    def make() -> TurnDetectors:
        return TurnDetectors(vad=LoudnessVad(), turn_model=model)

    conversation = Conversation(transport, speech, Sentences(speech, []), make, folder, floor)
    async with asyncio.timeout(10):
        return await conversation.converse("How are you?", Voice(), options, Stages(transport))


async def test_what_was_transcribed_at_the_pause_is_not_transcribed_again(tmp_path: Path) -> None:
    speech = EarlySpeech("I am fine.")
    _, heard = await turn(speech, tone(1), tone(5, 1), folder=tmp_path)
    assert (heard.text, heard.ended) == ("I am fine.", "finished")
    assert heard.audio_seconds == pytest.approx(1.0 + WAITS["normal"].usual, abs=0.1)
    assert len(speech.heard) == 1


async def test_what_reads_unfinished_is_given_time(tmp_path: Path) -> None:
    speech = EarlySpeech("I think that the", "I think that the sky is blue.")
    _, heard = await turn(speech, tone(1), tone(1.3, 1), tone(1), tone(5, 1), folder=tmp_path)
    assert (heard.text, heard.ended) == ("I think that the sky is blue.", "finished")
    assert [audio.seconds for audio in speech.heard] == [pytest.approx(1.1, abs=0.05), pytest.approx(3.4, abs=0.05)]


@pytest.mark.parametrize(("says", "ended", "wait"), [(0.02, "silence", 1.8), (0.98, "finished", 0.6)])
async def test_the_melody_counts_where_nobody_reads(says: float, ended: str, wait: float, tmp_path: Path) -> None:
    melody = Melody(says)
    detectors = TurnDetectors(vad=LoudnessVad(), turn_model=melody)
    one = utterance(context(tmp_path, FakeSpeech(), PACED.rules, lambda: detectors))

    async def person() -> Frames:
        yield tone(1)
        yield tone(0.3, 1)
        async with asyncio.timeout(10):
            while one.snapshot(tone(0.02)).evidence.sounds is None:
                await asyncio.sleep(0.001)
        yield tone(5, 1)

    await hear_all(one, person())
    assert one.turn.value == ended
    assert one.audio.seconds == pytest.approx(1 + wait, abs=0.25)
    assert melody.asked == [pytest.approx(1 + PAUSE_SECONDS, abs=0.03)]


class OnnxLikeError(Exception):
    """As those of ONNX Runtime, which are no RuntimeError."""


class Hoarse(Melody):
    """One that fails."""

    def finished(self, audio: Frame) -> float:
        super().finished(audio)
        raise OnnxLikeError("out of memory")


async def test_a_turn_model_that_fails_costs_its_opinion_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _, heard = await turn(EarlySpeech("I am fine."), tone(1), tone(5, 1), folder=tmp_path, model=Hoarse(1.0))
    assert (heard.text, heard.ended) == ("I am fine.", "finished")
    assert "The turn model fails: out of memory" in caplog.text


async def test_a_pace_makes_the_wait_longer(tmp_path: Path) -> None:
    patient = replace(PACED, rules=replace(PACED.rules, pace="patient"))
    _, heard = await turn(EarlySpeech("I am fine."), tone(1), tone(5, 1), options=patient, folder=tmp_path)
    assert heard.audio_seconds == pytest.approx(1.0 + WAITS["patient"].usual, abs=0.1)


async def test_the_speakers_pauses_are_remembered_for_the_next_turn(tmp_path: Path) -> None:
    floor = Floor()
    speech = EarlySpeech("I think that the", "I think that the sky is blue.")
    await turn(speech, tone(1), tone(1.3, 1), tone(1), tone(5, 1), floor=floor, folder=tmp_path)
    assert list(floor.pauses[""]) == [pytest.approx(1.3, abs=0.05)]


async def test_a_word_ends_the_turn_and_is_not_part_of_it(tmp_path: Path) -> None:
    speech = EarlySpeech("I think that the. Over.")
    _, heard = await turn(speech, tone(1), tone(5, 1), options=STEERED, folder=tmp_path)
    assert (heard.text, heard.ended) == ("I think that the.", 'said "over"')
    assert heard.audio_seconds < 1.3


async def test_a_word_holds_the_turn_open(tmp_path: Path) -> None:
    speech = EarlySpeech("Let me think.", "Let me think. Blue.")
    _, heard = await turn(speech, tone(1), tone(8, 1), tone(1), tone(5, 1), options=STEERED, folder=tmp_path)
    assert heard.text == "Let me think. Blue."


async def test_a_word_has_the_message_said_again(tmp_path: Path) -> None:
    speech = EarlySpeech("Repeat that.", "Fine.")
    speech.texts = ["Repeat that.", "Fine."]
    _, heard = await turn(speech, tone(1), tone(5, 1), options=STEERED, folder=tmp_path)
    assert heard.text == "Fine."
    assert speech.said == ["How are you?"] * 2
    assert list(tmp_path.glob("*.wav")) == []


class Acting(Stages):
    """Somebody who does something with their hands at a stage."""

    def __init__(self, transport: ScriptedTransport, stage: str, *acts: object) -> None:
        super().__init__(transport)
        self.stage = stage
        self.acts = acts

    def __call__(self, progress: Progress) -> None:
        super().__call__(progress)
        if progress.stage == self.stage:
            for act in self.acts:
                assert callable(act)
                asyncio.get_running_loop().call_soon(act)


class Endless(FakeSpeech):
    """Speaks until it is silenced."""

    silenced = False

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        try:
            while True:
                yield tone(0.1, rate=24_000)
                await asyncio.sleep(0)
        finally:
            self.silenced = True


async def acted(
    speech: FakeSpeech, stage: str, act: str, folder: Path, *script: Frame, options: TurnOptions = PACED
) -> tuple[Playback, TurnResult, Live]:
    floor = Floor()
    transport = Live(*script, controls=floor.controls)
    report = Acting(transport, stage, getattr(floor.controls, act))
    conversation = Conversation(transport, speech, Sentences(speech, []), detectors, folder, floor)
    async with asyncio.timeout(10):
        said, heard = await conversation.converse("How are you?", Voice(), options, report)
    assert floor.controls.state.doing == "idle"
    return said, heard, transport


async def test_skipping_silences_us_and_goes_on_to_listen(tmp_path: Path) -> None:
    speech = Endless("yes please")
    said, heard, _ = await acted(speech, "speaking", "skip", tmp_path, tone(1), tone(5, 1))
    assert speech.silenced
    assert (said.skipped, heard.text) == (True, "yes please")


@pytest.mark.parametrize("stage", ["speaking", "listening"])
async def test_stopping_ends_everything_at_once(stage: str, tmp_path: Path) -> None:
    speech = Endless() if stage == "speaking" else FakeSpeech()
    _, heard, transport = await acted(speech, stage, "stop", tmp_path)
    assert (heard.text, heard.ended) == ("", "stopped")
    assert speech.heard == []
    assert not transport.open


async def test_sending_ends_the_turn_in_the_middle_of_a_word(tmp_path: Path) -> None:
    floor = Floor()
    transport = Live(tone(30), controls=floor.controls)
    speech, stages = FakeSpeech("yes please"), Stages(transport)
    conversation = Conversation(transport, speech, Sentences(speech, []), detectors, tmp_path, floor)
    answer = asyncio.create_task(conversation.listen(replace(PACED, rules=QUICK), stages))
    async with asyncio.timeout(10):
        while not list(tmp_path.glob("*.wav")):
            await asyncio.sleep(0)
        assert floor.controls.send()
        heard = await answer
    assert (heard.text, heard.ended) == ("yes please", "sent")
    assert heard.audio_seconds < 30


async def test_sending_without_a_word_is_told(tmp_path: Path) -> None:
    _, heard, _ = await acted(FakeSpeech(), "listening", "send", tmp_path)
    assert (heard.text, heard.ended) == ("", "sent")


async def test_nothing_is_heard_while_muted_and_that_is_told(tmp_path: Path) -> None:
    floor, speech = Floor(), FakeSpeech()
    floor.controls.mute(True)
    _, heard = await turn(speech, tone(3), floor=floor, folder=tmp_path)
    assert (heard.text, heard.ended, heard.note) == ("", "no speech", MUTED)
    assert speech.heard == []
    assert list(tmp_path.glob("*.wav")) == []


async def test_push_to_talk_records_exactly_while_it_is_held_and_also_when_muted(tmp_path: Path) -> None:
    floor, speech = Floor(), FakeSpeech("quiet words")
    floor.controls.mute(True)
    floor.controls.hold(True)
    transport = Live(tone(1.5, 2), controls=floor.controls)
    stages = Stages(transport)
    conversation = Conversation(transport, speech, Sentences(speech, []), detectors, tmp_path, floor)
    answer = asyncio.create_task(conversation.listen(PACED, stages))
    async with asyncio.timeout(10):
        while not list(tmp_path.glob("*.wav")):
            await asyncio.sleep(0)
        floor.controls.hold(False)
        heard = await answer
    assert (heard.text, heard.ended) == ("quiet words", "sent")
    assert speech.heard[0].pcm.startswith(tone(1, 2).pcm)


SCRIPTS = st.lists(st.tuples(st.sampled_from([1, 9000]), st.integers(1, 60)), max_size=8)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=SCRIPTS, steps=st.integers(0, 400))
async def test_cancelled_at_any_moment_everything_is_closed_and_nothing_said_is_lost(
    script: list[tuple[int, int]], steps: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, floor, speech = tmp_path_factory.mktemp("turn"), Floor(), EarlySpeech("and the")
    transport = Live(*(tone(frames * 0.02, level) for level, frames in script), controls=floor.controls)
    conversation = Conversation(transport, speech, Sentences(speech, []), detectors, folder, floor)
    before = asyncio.all_tasks()
    task = asyncio.create_task(conversation.converse("Well?", Voice(), PACED, Stages(transport)))
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await floor.left.settle()
    assert asyncio.all_tasks() == before
    assert not transport.open
    assert floor.controls.state.doing == "idle"
    assert not floor.lock.locked()
    for path in folder.glob("*.wav"):
        with wave.open(str(path)) as recording:
            assert recording.getnframes() > 0


async def test_every_frame_of_a_turn_is_on_the_tape(tmp_path: Path) -> None:
    speech = EarlySpeech("I think that the", "I think that the sky is blue.")
    keep = replace(PACED, save_audio=True)
    script = (tone(1), tone(1.3, 1), tone(1))
    _, heard = await turn(speech, *script, tone(5, 1), options=keep, folder=tmp_path)
    (path,) = tmp_path.glob("*.wav")
    with wave.open(str(path)) as recording:
        pcm = recording.readframes(recording.getnframes())
    assert pcm.startswith(b"".join(frame.pcm for frame in script))
    assert len(pcm) / 32_000 == pytest.approx(heard.audio_seconds)
