import asyncio
import wave
from pathlib import Path

import pytest

from tests.fakes import senses, tone
from voicemode.audio.endpoint import Rules, Turn
from voicemode.audio.frames import Frame, Frames, stream
from voicemode.audio.record import Recorder, Recording
from voicemode.audio.tape import Tape
from voicemode.hands import Hands

RULES = Rules(silence_seconds=1.0, patience_seconds=3.0, max_seconds=60.0)


async def record(folder: Path, *heard: Frame, listening: bool = True) -> tuple[Recording, Tape, int]:
    """The recording, its tape, and how often the microphone was called dead."""
    dead = 0

    async def on_dead() -> None:
        nonlocal dead
        dead += 1

    async with Tape(folder) as tape:
        recording = await Recorder(senses(), RULES, tape, Hands()).record(stream(*heard), lambda: listening, on_dead)
    return recording, tape, dead


@pytest.mark.anyio
async def test_a_turn_is_kept_with_its_pre_roll(tmp_path: Path) -> None:
    recording, _, _ = await record(tmp_path, tone(2, 1), tone(1), tone(2, 1))
    assert recording.ended is Turn.SILENCE
    assert recording.audio.seconds == pytest.approx(0.5 + 1 + 1, abs=0.05)


@pytest.mark.anyio
async def test_what_is_said_at_once_is_kept_from_its_first_sample(tmp_path: Path) -> None:
    recording, _, _ = await record(tmp_path, tone(1), tone(2, 1))
    assert recording.audio.pcm.startswith(tone(1).pcm)


@pytest.mark.anyio
async def test_silence_leaves_no_file(tmp_path: Path) -> None:
    recording, tape, _ = await record(tmp_path, tone(5, 1))
    assert recording.ended is Turn.NO_SPEECH
    assert recording.audio.pcm == b""
    assert not tape.kept
    assert list(tmp_path.glob("*.wav")) == []


@pytest.mark.anyio
async def test_a_microphone_of_zeros_is_called_dead_once(tmp_path: Path) -> None:
    recording, _, dead = await record(tmp_path, tone(5, 0))
    assert recording.dead
    assert dead == 1


@pytest.mark.anyio
async def test_a_quiet_microphone_is_not_dead(tmp_path: Path) -> None:
    recording, _, dead = await record(tmp_path, tone(0.3, 0), tone(5, 1))
    assert not recording.dead
    assert dead == 0


@pytest.mark.anyio
async def test_what_is_heard_while_we_speak_is_no_part_of_the_turn(tmp_path: Path) -> None:
    recording, tape, _ = await record(tmp_path, tone(3), listening=False)
    assert recording.audio.pcm == b""
    assert not tape.kept


@pytest.mark.anyio
async def test_the_tape_holds_the_whole_turn_for_its_owner_only(tmp_path: Path) -> None:
    recording, tape, _ = await record(tmp_path / "new", tone(1, 1), tone(3), tone(2, 1))
    with wave.open(str(tape.path)) as file:
        assert file.readframes(file.getnframes()) == recording.audio.pcm
        assert file.getframerate() == 16_000
    assert tape.path.stat().st_mode & 0o777 == 0o600
    assert tape.path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.anyio
async def test_a_crash_in_mid_turn_leaves_what_was_said(tmp_path: Path) -> None:
    async def broken() -> Frames:
        yield tone(2.5)
        raise RuntimeError("the roof falls in")

    tape = Tape(tmp_path)
    with pytest.raises(RuntimeError):
        async with tape:
            await Recorder(senses(), RULES, tape, Hands()).record(broken(), lambda: True, fail)
    with wave.open(str(tape.path)) as file:
        assert file.getnframes() == pytest.approx(2.5 * 16_000, abs=400)


async def fail() -> None:
    raise AssertionError("the microphone is not dead")


@pytest.mark.anyio
async def test_an_unfinished_file_can_be_read_before_the_tape_is_closed(tmp_path: Path) -> None:
    async with Tape(tmp_path) as tape:
        tape.write(tone(1.5))
        await asyncio.get_running_loop().run_in_executor(None, tape.close)
        with wave.open(str(tape.path)) as file:
            assert file.getnframes() == 1.5 * 16_000
        tape.discard()
    assert not tape.path.exists()


@pytest.mark.anyio
async def test_a_disk_that_fails_costs_the_copy_and_not_the_turn(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("not a folder")
    recording, tape, _ = await record(tmp_path / "file", tone(3), tone(2, 1))
    assert recording.audio.seconds == pytest.approx(4, abs=0.05)
    assert not tape.kept
    assert len([entry for entry in caplog.records if "cannot be written" in entry.message]) == 1
