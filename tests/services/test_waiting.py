"""Waiting for a local server: real processes that load, fail, end, or never answer."""

import asyncio
from pathlib import Path

import pytest

from tests.support.parrots import service
from voicemode.config import Settings
from voicemode.errors import ServiceError
from voicemode.services.process import ensure_running
from voicemode.services.waiting import answering, wait_ready

pytestmark = pytest.mark.anyio


async def test_what_has_ended_is_not_waited_for(folder: Path, settings: Settings) -> None:
    async def ended() -> str:
        return "signal 11"

    with pytest.raises(ServiceError, match=r"Parrot does not start\. Its engine crashed\.") as error:
        await answering(service(folder), settings, ended)
    assert error.value.hint.command == "voicemode service install parrot"


async def test_what_does_not_answer_is_given_up_and_not_forgotten(folder: Path, settings: Settings) -> None:
    async def alive() -> str:
        return ""

    with pytest.raises(ServiceError, match=r"Parrot has not answered for 0\.2 s\.") as error:
        await answering(service(folder), settings, alive, 0.2)
    assert str(error.value.hint) == "Why: voicemode service status parrot"


async def test_ready_is_when_the_engine_is_loaded(folder: Path, settings: Settings) -> None:
    parrot = service(folder, "loading")
    await ensure_running(parrot, settings)
    waiting = asyncio.create_task(wait_ready(parrot, settings, 10))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    (folder / "loaded").touch()
    assert (await waiting).status == "ready"


async def test_an_engine_that_takes_too_long_is_said_to_be_still_loading(folder: Path, settings: Settings) -> None:
    parrot = service(folder, "loading")
    await ensure_running(parrot, settings)
    with pytest.raises(ServiceError, match=r"still loading after 0\.2 s"):
        await wait_ready(parrot, settings, 0.2)


async def test_an_engine_that_cannot_be_loaded_says_why(folder: Path, settings: Settings) -> None:
    parrot = service(folder, "failed")
    await ensure_running(parrot, settings)
    with pytest.raises(ServiceError, match=r"cannot load its engine: No weights\. Get some\."):
        await wait_ready(parrot, settings, 5)


async def test_waiting_for_a_server_that_is_gone_ends(folder: Path, settings: Settings) -> None:
    with pytest.raises(ServiceError, match="is not running any more"):
        await wait_ready(service(folder), settings, 5)
