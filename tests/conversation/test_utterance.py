import asyncio
import wave
from pathlib import Path

import pytest

from tests.support.fakes import FakeSpeech, context, hear_all, tone, utterance
from voicemode.audio.frames import Frame, stream
from voicemode.audio.turns.endpointer import Rules, TurnState
from voicemode.conversation.listener import Pulse
from voicemode.conversation.recording import Recording
from voicemode.conversation.utterance import Utterance

RULES = Rules(silence_seconds=1.0, patience_seconds=3.0, max_seconds=60.0)


async def heard(folder: Path, *said: Frame) -> Utterance:
    """What is `said`, as one utterance."""
    one = utterance(context(folder, FakeSpeech(), RULES))
    await hear_all(one, stream(*said))
    return one


@pytest.mark.anyio
async def test_a_turn_is_kept_with_its_pre_roll(tmp_path: Path) -> None:
    one = await heard(tmp_path, tone(2, 1), tone(1), tone(2, 1))
    assert one.turn is TurnState.SILENCE
    assert one.audio.seconds == pytest.approx(0.5 + 1 + 1, abs=0.05)


@pytest.mark.anyio
async def test_what_is_said_at_once_is_kept_from_its_first_sample(tmp_path: Path) -> None:
    assert (await heard(tmp_path, tone(1), tone(2, 1))).audio.pcm.startswith(tone(1).pcm)


@pytest.mark.anyio
async def test_silence_leaves_no_file(tmp_path: Path) -> None:
    one = await heard(tmp_path, tone(5, 1))
    assert one.turn is TurnState.NO_SPEECH
    assert one.audio.pcm == b""
    assert not one.recording.kept
    assert list(tmp_path.glob("*.wav")) == []


def test_a_microphone_of_zeros_is_called_dead_once() -> None:
    pulse = Pulse()
    assert [pulse.stopped(tone(0.2, 0)) for _ in range(5)] == [False, False, True, False, False]
    assert pulse.dead


def test_a_quiet_microphone_is_not_dead() -> None:
    pulse = Pulse()
    assert not any([pulse.stopped(tone(0.3, 0)), pulse.stopped(tone(5, 1)), pulse.stopped(tone(5, 0))])
    assert not pulse.dead


@pytest.mark.anyio
async def test_the_tape_holds_the_whole_turn_for_its_owner_only(tmp_path: Path) -> None:
    one = await heard(tmp_path / "new", tone(1, 1), tone(3), tone(2, 1))
    recording = one.recording
    with wave.open(str(recording.path)) as file:
        assert file.readframes(file.getnframes()) == one.audio.pcm
        assert file.getframerate() == 16_000
    assert recording.path.stat().st_mode & 0o777 == 0o600
    assert recording.path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.anyio
async def test_an_unfinished_file_can_be_read_before_the_tape_is_closed(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.write(tone(1.5))
    await asyncio.get_running_loop().run_in_executor(None, recording.close)
    with wave.open(str(recording.path)) as file:
        assert file.getnframes() == 1.5 * 16_000
    recording.discard()
    assert not recording.path.exists()


@pytest.mark.anyio
async def test_a_disk_that_fails_costs_the_copy_and_not_the_turn(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("not a folder")
    one = await heard(tmp_path / "file", tone(3), tone(2, 1))
    assert one.audio.seconds == pytest.approx(4, abs=0.05)
    assert not one.recording.kept
    assert len([entry for entry in caplog.records if "cannot be written" in entry.message]) == 1
