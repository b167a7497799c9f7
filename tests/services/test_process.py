"""Starting a local server: with real processes, real ports and a real lock."""

import asyncio
import json
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.agents import free_ports
from tests.support.parrots import service, started, stranger
from tests.support.paths import REPOSITORY
from voicemode.config import Settings
from voicemode.config.installer import to_install
from voicemode.errors import ServiceError
from voicemode.services.detached import LOG_BYTES
from voicemode.services.health import Health, health
from voicemode.services.logs import log_path
from voicemode.services.process import ensure_running, unfit
from voicemode.services.service import Service
from voicemode.services.waiting import wait_ready

pytestmark = pytest.mark.anyio


async def test_a_server_that_nobody_started_is_started_and_answers(folder: Path, settings: Settings) -> None:
    parrot = service(folder)
    assert await health(parrot.health_url(settings)) is None
    await ensure_running(parrot, settings)
    (pid,) = started(folder)
    assert await health(parrot.health_url(settings)) == Health("voicemode-parrot", "ready", "base", "99", pid)


async def test_a_server_that_runs_is_left_as_it_is(folder: Path, settings: Settings) -> None:
    await ensure_running(service(folder), settings)
    await ensure_running(service(folder), settings)
    assert len(started(folder)) == 1


async def test_it_is_not_tied_to_us_and_knows_no_secret(
    folder: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("VOICEMODE_API_KEYS", "http://x=sk-secret")
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    await ensure_running(service(folder), replace(settings, whisper_threads=3, openai_api_key="sk-secret"))
    ((pid, found),) = started(folder).items()
    assert found["session"] == pid != os.getsid(0)
    assert found["cwd"] == "/"
    assert found["stdin"] == ""
    assert "sk-secret" not in json.dumps(found["environ"])
    given = {name: text for name, text in found["environ"].items() if "VOICEMODE" in name or "prox" in name}
    assert given == {
        "VOICEMODE_BASE_DIR": str(settings.base_dir),
        "VOICEMODE_OFFLINE": "true",
        "VOICEMODE_WHISPER_THREADS": "3",
        "https_proxy": "http://proxy:3128",
    }


async def test_one_that_has_ended_leaves_no_zombie_and_is_started_anew(folder: Path, settings: Settings) -> None:
    parrot = service(folder)
    await ensure_running(parrot, settings)
    (pid,) = started(folder)
    reaper = next(thread for thread in threading.enumerate() if thread.name == "parrot-reaper")
    await health(parrot.health_url(settings).replace("/health", "/quit"))
    await asyncio.to_thread(reaper.join, 10)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    await ensure_running(parrot, settings)
    assert len(started(folder)) == 2


ENSURE = """
import asyncio, sys
from pathlib import Path
from tests.support.parrots import service
from voicemode.config import Settings
from voicemode.services.process import ensure_running

async def main(folder, base, port):
    settings = Settings(base_dir=Path(base), whisper_port=int(port), offline=True)
    await asyncio.gather(*(ensure_running(service(Path(folder)), settings) for _ in range(5)))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_many_callers_in_several_processes_start_exactly_one(folder: Path, settings: Settings) -> None:
    arguments = ["-c", ENSURE, str(folder), str(settings.base_dir), str(settings.whisper_port)]
    others = [await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=REPOSITORY) for _ in range(2)]
    async with asyncio.TaskGroup() as tasks:
        for _ in range(5):
            tasks.create_task(ensure_running(service(folder), settings))
    assert [await asyncio.wait_for(process.wait(), 60) for process in others] == [0, 0]
    assert len(started(folder)) == 1
    assert await health(service(folder).health_url(settings)), "it outlives those who started it"


async def test_one_of_an_earlier_version_is_replaced(folder: Path, settings: Settings) -> None:
    await ensure_running(service(folder, "old"), settings)
    await ensure_running(service(folder), settings)
    assert len(started(folder)) == 2
    state = await health(service(folder).health_url(settings))
    assert state
    assert state.version == "99"


async def test_one_that_failed_is_replaced_by_who_comes_later_and_may_have_what_it_lacked(
    folder: Path, settings: Settings
) -> None:
    await ensure_running(service(folder, "failed"), settings)
    await ensure_running(service(folder), settings)
    assert len(started(folder)) == 1, "it loads its engine again itself when it is asked"
    arguments = ["-c", ENSURE, str(folder), str(settings.base_dir), str(settings.whisper_port)]
    later = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=REPOSITORY)
    assert await asyncio.wait_for(later.wait(), 60) == 0
    assert (await wait_ready(service(folder), settings, 5)).status == "ready"
    assert len(started(folder)) == 2


async def test_one_whose_environment_is_gone_is_replaced(folder: Path, settings: Settings, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    state = Health("voicemode-parrot", "ready", version="99", pid=0)
    await ensure_running(service(folder), settings)
    (pid,) = started(folder)
    assert unfit(service(folder), settings, replace(state, pid=pid)) is None
    moved = [str(python), *service(folder).arguments(replace(settings, whisper_port=free_ports(1)[0]))]
    process = await asyncio.create_subprocess_exec(*moved)
    elsewhere = replace(settings, whisper_port=int(moved[-2]))
    await waited(service(folder), elsewhere)
    python.unlink()
    old = unfit(service(folder), elsewhere, replace(state, pid=process.pid))
    assert old
    assert old.pid == process.pid
    process.kill()
    await process.wait()


async def waited(parrot: Service, settings: Settings) -> None:
    async with asyncio.timeout(30):
        while not await health(parrot.health_url(settings)):
            await asyncio.sleep(0.05)


async def test_nobody_else_can_hold_the_lock_that_a_start_waits_for(folder: Path, settings: Settings) -> None:
    settings.state_dir.mkdir(mode=0o755, parents=True)
    await ensure_running(service(folder), settings)
    assert settings.state_dir.stat().st_mode & 0o777 == 0o700
    assert (settings.state_dir / "parrot.lock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "answer",
    [b'HTTP/1.1 200 OK\r\n\r\n{"status": "healthy"}', b"HTTP/1.1 404 Not Found\r\n\r\n<html>", b"SSH-2.0\r\n", b""],
    ids=["another engine", "a web page", "no HTTP", "nothing"],
)
async def test_a_stranger_on_the_port_is_named_with_the_setting_and_left_alone(
    folder: Path, settings: Settings, answer: bytes
) -> None:
    port = settings.whisper_port
    async with stranger(port, answer):
        with pytest.raises(ServiceError, match=f"Port {port} is taken by .*, which is not VoiceMode") as error:
            await ensure_running(service(folder), settings)
        assert f"voicemode config set VOICEMODE_WHISPER_PORT {port + 1}" in str(error.value.hint)
        assert await health(service(folder).health_url(settings)), "it is still there"
    assert started(folder) == {}


async def test_an_engine_that_is_not_installed_is_said_with_the_command(folder: Path, settings: Settings) -> None:
    missing = replace(service(folder), modules=("json", "no_such_engine"))
    with pytest.raises(ServiceError, match="not installed") as error:
        await ensure_running(missing, settings)
    assert error.value.hint == to_install(extra="local")


async def test_one_that_ends_at_once_is_reported_with_its_last_words(folder: Path, settings: Settings) -> None:
    with pytest.raises(ServiceError, match=r"Parrot does not start\. It ended with exit code 1: no luck today") as error:
        await ensure_running(service(folder, "crash"), settings)
    assert error.value.hint.command == "voicemode service logs parrot"


async def test_one_that_never_answers_is_ended_and_reported(folder: Path, settings: Settings) -> None:
    with pytest.raises(ServiceError, match=r"has not answered for 2 s"):
        await ensure_running(service(folder, "mute"), settings, limit_seconds=2)
    for thread in threading.enumerate():
        if thread.name == "parrot-reaper":
            await asyncio.to_thread(thread.join, 10)
    (pid,) = started(folder)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_whoever_is_cancelled_while_starting_keeps_nobody_waiting(folder: Path, settings: Settings) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await ensure_running(service(folder, "mute"), settings)
    await asyncio.wait_for(ensure_running(service(folder), settings), 10)


async def test_whoever_is_cancelled_while_waiting_for_another_leaves_the_other_alone(folder: Path, settings: Settings) -> None:
    first = asyncio.create_task(ensure_running(service(folder), settings))
    second = asyncio.create_task(ensure_running(service(folder), settings))
    await asyncio.wait([first, second], timeout=0.06)
    second.cancel()
    await asyncio.wait_for(first, 10)
    assert len(started(folder)) == 1


async def test_the_log_is_private_and_a_long_one_is_put_aside(folder: Path, settings: Settings) -> None:
    log = log_path("parrot", settings)
    log.parent.mkdir(parents=True)
    log.write_bytes(b"x" * (LOG_BYTES + 1))
    await ensure_running(service(folder), settings)
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.stat().st_size < 1000
    assert log.with_name("parrot.log.1").stat().st_size == LOG_BYTES + 1


async def test_a_base_directory_that_cannot_be_written_is_named(folder: Path, settings: Settings) -> None:
    settings.base_dir.write_text("a file")
    with pytest.raises(ServiceError, match=r"cannot be started: .*Not a directory") as error:
        await ensure_running(service(folder), settings)
    assert str(settings.base_dir) in str(error.value.hint)
