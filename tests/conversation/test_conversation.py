import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.fakes import QUICK, FakeSpeech, ScriptedTransport, Stages, StreamingSpeech, conversation, down, tone
from voicemode.audio.frames import Frame, Frames, stream
from voicemode.conversation.message import Playback
from voicemode.conversation.result import TurnResult
from voicemode.conversation.status import DEAD_MICROPHONE
from voicemode.conversation.turn import TurnOptions
from voicemode.errors import AudioDeviceError, NotSpokenError, ProviderError, RecordingKeptError
from voicemode.speech.base import Transcript, Voice
from voicemode.transports.base import Microphone, Played, Speaker

pytestmark = pytest.mark.anyio
MANNERS = TurnOptions(rules=QUICK)
ANSWER = (tone(0.3, 1), tone(1), tone(3, 1))


class Mute(ScriptedTransport):
    async def play(self, frames: Frames, speaker: Speaker | None = None) -> Played:
        self.open_while_playing.append(self.open)
        raise AudioDeviceError("There is no speaker.")


async def converse(
    transport: ScriptedTransport, speech: FakeSpeech, folder: Path, options: TurnOptions = MANNERS
) -> tuple[Playback, TurnResult, Stages]:
    stages = Stages(transport)
    async with asyncio.timeout(10):
        said, heard = await conversation(transport, speech, folder).converse("How are you?", Voice(), options, stages)
    return said, heard, stages


async def test_a_question_is_spoken_and_the_answer_heard(tmp_path: Path) -> None:
    transport, speech = ScriptedTransport(ANSWER), FakeSpeech("fine thanks")
    said, heard, stages = await converse(transport, speech, tmp_path)
    assert (heard.text, heard.ended, heard.note) == ("fine thanks", "silence", "")
    assert speech.said == ["How are you?"]
    assert said.seconds == pytest.approx(0.3)
    assert stages == ["speaking", "listening", "transcribing"]
    assert not transport.open


async def test_the_microphone_is_open_before_our_voice_ends(tmp_path: Path) -> None:
    transport = ScriptedTransport(ANSWER)
    await converse(transport, FakeSpeech(), tmp_path)
    assert transport.open_while_playing[0]


async def test_our_own_voice_is_not_the_answer(tmp_path: Path) -> None:
    transport, speech = ScriptedTransport(ANSWER, while_playing=[tone(2)]), FakeSpeech()
    await converse(transport, speech, tmp_path)
    assert speech.heard[0].seconds == pytest.approx(0.3 + 1 + 0.5, abs=0.05)


async def test_an_answer_in_the_first_instant_is_not_clipped(tmp_path: Path) -> None:
    transport, speech = ScriptedTransport([tone(1), tone(3, 1)]), FakeSpeech()
    await converse(transport, speech, tmp_path)
    assert speech.heard[0].pcm.startswith(tone(1).pcm)


async def test_a_transcribed_recording_is_deleted(tmp_path: Path) -> None:
    await converse(ScriptedTransport(ANSWER), FakeSpeech(), tmp_path)
    assert list(tmp_path.glob("*.wav")) == []


async def test_a_transcribed_recording_is_kept_on_request(tmp_path: Path) -> None:
    await converse(ScriptedTransport(ANSWER), FakeSpeech(), tmp_path, TurnOptions(rules=QUICK, save_audio=True))
    assert len(list(tmp_path.glob("saved-*.wav"))) == 1


class Deaf(FakeSpeech):
    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        raise down("whisper is down")


async def test_a_recording_that_nobody_can_transcribe_is_kept_and_the_error_says_how_to_retry(tmp_path: Path) -> None:
    with pytest.raises(RecordingKeptError) as failure:
        await converse(ScriptedTransport(ANSWER), Deaf(), tmp_path)
    (kept,) = tmp_path.glob("*.wav")
    assert failure.value.path == kept
    assert "whisper is down" in str(failure.value)
    assert f"voicemode transcribe {kept}" in str(failure.value)


async def test_an_error_does_not_promise_a_recording_that_the_disk_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ProviderError) as failure:
        await converse(ScriptedTransport(ANSWER), Deaf(), tmp_path / "file")
    assert "voicemode transcribe" not in str(failure.value)


async def test_a_microphone_unplugged_in_mid_turn_keeps_what_was_said(tmp_path: Path) -> None:
    with pytest.raises(RecordingKeptError, match=r"went away\. Plug it in again\..*voicemode transcribe"):
        await converse(ScriptedTransport([tone(1)], breaks=True), FakeSpeech(), tmp_path)
    assert len(list(tmp_path.glob("*.wav"))) == 1


async def test_a_microphone_unplugged_before_a_word_is_just_an_error(tmp_path: Path) -> None:
    with pytest.raises(AudioDeviceError, match="went away"):
        await converse(ScriptedTransport([tone(1, 1)], breaks=True), FakeSpeech(), tmp_path)
    assert list(tmp_path.glob("*.wav")) == []


async def test_a_microphone_unplugged_while_we_speak_is_told_at_once_and_silences_us(tmp_path: Path) -> None:
    class Unplugged(ScriptedTransport):
        silenced = False

        async def _listen(self) -> Frames:
            for frame in self.script:
                yield frame
            raise AudioDeviceError("The microphone went away.")

        async def play(self, frames: Frames, speaker: Speaker | None = None) -> Played:
            try:
                await asyncio.Event().wait()
            finally:
                self.silenced = True
            raise AssertionError("unreachable")

    transport = Unplugged([])
    with pytest.raises(AudioDeviceError, match="microphone went away"):
        await converse(transport, FakeSpeech(), tmp_path)
    assert transport.silenced
    assert not transport.open


async def test_a_speaker_that_fails_is_an_error_and_closes_the_microphone(tmp_path: Path) -> None:
    transport = Mute(ANSWER)
    with pytest.raises(NotSpokenError, match="There is no speaker"):
        await converse(transport, FakeSpeech(), tmp_path)
    assert transport.open_while_playing == [True]
    assert not transport.open


async def test_nothing_is_said_where_there_is_no_microphone(tmp_path: Path) -> None:
    class Deaf(ScriptedTransport):
        @asynccontextmanager
        async def microphones(self) -> AsyncIterator[AsyncIterator[Microphone]]:
            if not self.open:
                raise AudioDeviceError("There is no microphone.")
            yield stream(Microphone(self._listen()))

    transport, speech = Deaf(ANSWER), FakeSpeech()
    with pytest.raises(AudioDeviceError, match="There is no microphone"):
        await converse(transport, speech, tmp_path)
    assert (transport.played, speech.said) == ([], [])


async def test_nobody_speaking_is_a_gentle_result(tmp_path: Path) -> None:
    speech = FakeSpeech()
    _, heard, _ = await converse(ScriptedTransport([]), speech, tmp_path)
    assert (heard.text, heard.ended) == ("", "no speech")
    assert heard.note == "Nobody spoke within 2 s."
    assert speech.heard == []


async def test_a_dead_microphone_is_named_at_once_and_in_the_result(tmp_path: Path) -> None:
    transport = ScriptedTransport([tone(5, 0)], while_playing=[tone(1, 0)])
    _, heard, stages = await converse(transport, FakeSpeech(), tmp_path)
    assert sorted(stages[:2]) == sorted(["speaking", f"listening: {DEAD_MICROPHONE}"])
    assert stages[2:] == ["listening"]
    assert heard.note == DEAD_MICROPHONE


async def test_a_failed_voice_closes_the_microphone(tmp_path: Path) -> None:
    transport = ScriptedTransport(ANSWER)
    with pytest.raises(NotSpokenError, match="connection refused"):
        await converse(transport, FakeSpeech(error=down()), tmp_path)
    assert not transport.open


async def test_what_was_heard_before_the_voice_failed_is_known_and_nothing_is_listened_for(tmp_path: Path) -> None:
    transport = ScriptedTransport(ANSWER)
    with pytest.raises(NotSpokenError) as failure:
        await converse(transport, FakeSpeech(error=down(), fail_after=2), tmp_path)
    assert failure.value.started_at is not None
    assert failure.value.seconds == pytest.approx(0.2)
    assert len(transport.open_while_playing) == 1, "no cue invites to speak"


async def test_cancelling_while_listening_closes_the_microphone_and_keeps_what_was_said(tmp_path: Path) -> None:
    transport = ScriptedTransport([tone(1)])
    never = TurnOptions(rules=replace(QUICK, silence_seconds=1e9, patience_seconds=1e9, max_seconds=1e9))
    stages = Stages(transport)
    task = asyncio.create_task(conversation(transport, FakeSpeech(), tmp_path).converse("Well?", Voice(), never, stages))
    while "listening" not in stages:
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not transport.open
    assert len(list(tmp_path.glob("*.wav"))) == 1


async def test_two_callers_speak_one_after_the_other(tmp_path: Path) -> None:
    talking = 0

    class OneMouth(ScriptedTransport):
        async def play(self, frames: Frames, speaker: Speaker | None = None) -> Played:
            nonlocal talking
            talking += 1
            assert talking == 1
            await asyncio.sleep(0.01)
            result = await super().play(frames, speaker)
            talking -= 1
            return result

    both = conversation(OneMouth([]), FakeSpeech(), tmp_path)
    await asyncio.gather(*(both.say(f"I am {name}", Voice(), MANNERS, Stages()) for name in "ab"))


async def test_a_cue_that_cannot_be_played_does_not_fail_the_turn(tmp_path: Path) -> None:
    transport = Mute(ANSWER)
    async with asyncio.timeout(10):
        heard = await conversation(transport, FakeSpeech("hello"), tmp_path).listen(MANNERS, Stages(transport))
    assert heard.text == "hello"


async def test_pronunciations_work_both_ways(tmp_path: Path) -> None:
    options = TurnOptions(rules=QUICK, pronounce=(("nginx", "engine x"),), cues=False)
    transport, speech = ScriptedTransport(ANSWER), FakeSpeech("restart engine x please")
    async with asyncio.timeout(10):
        _, heard = await conversation(transport, speech, tmp_path).converse("Is nginx up?", Voice(), options, Stages(transport))
    assert speech.said == ["Is engine x up?"]
    assert heard.text == "restart nginx please"


async def test_who_understands_while_the_person_speaks_is_given_every_frame_as_it_comes(tmp_path: Path) -> None:
    speech = StreamingSpeech()
    _, heard, stages = await converse(ScriptedTransport(ANSWER), speech, tmp_path)
    assert heard.text.startswith("word0 word1 word2 ")
    assert speech.streamed_seconds == pytest.approx(heard.audio_seconds)
    partial = [stage for stage in stages if stage.startswith("hearing: ")]
    assert partial[0] == "hearing: word0"
    assert stages.index("listening") < stages.index(partial[0]) < stages.index("transcribing")
    assert list(tmp_path.glob("turn-*")) == []


async def test_what_broke_off_while_the_person_spoke_is_kept_if_nobody_else_understands_it(tmp_path: Path) -> None:
    transport = ScriptedTransport(ANSWER)
    with pytest.raises(RecordingKeptError):
        await conversation(transport, StreamingSpeech(breaks_after=5), tmp_path).listen(MANNERS, Stages(transport))
    assert len(list(tmp_path.glob("turn-*"))) == 1
