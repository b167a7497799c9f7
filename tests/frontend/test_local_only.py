"""With VOICEMODE_LOCAL_ONLY not one packet of a talk in a room leaves, neither of ours nor of a browser's."""

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.frontend.test_page import QUESTION, agent, conversing, reply, sign_in, start_talking, state
from tests.support.browser import PAGE, PERMITTED, chromium, hears, microphone, needed, visitor
from tests.support.livekit_server import LiveKitServer, free_port_pair
from tests.support.page_server import serving
from tests.support.sealed_network import SealedNetwork
from voicemode.audio.frames import silence
from voicemode.config import Settings
from voicemode.services.livekit_server.config import config_text, ensure_keys
from voicemode.transports.livekit.access import access_to

OWN = ("accounts.google.com", "clients2.google.com", "*.googleapis.com")
SILENT = (f"--host-resolver-rules={','.join(f'MAP {name} 127.0.0.1' for name in OWN)}", "--disable-features=MediaRouter")
"""Flags for a browser that does not speak with its makers, and looks for no televisions."""
IGMP = "2 224.0.0.22"
"""To hide its addresses, the browser has a name made up for them, and joins the group in the local network that hears such."""
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def network() -> Iterator[SealedNetwork]:
    needed()
    with SealedNetwork() as sealed:
        yield sealed


@pytest.fixture
def settings(network: SealedNetwork, tmp_path: Path) -> Settings:
    port, _ = free_port_pair()
    settings = Settings(base_dir=tmp_path, livekit_port=port, whisper_port=9, kokoro_port=9, local_only=True)
    ensure_keys(settings)
    return settings


@pytest.fixture
def livekit(settings: Settings, tmp_path: Path) -> Iterator[LiveKitServer]:
    """As `voicemode service install livekit` sets it up."""
    access, port = access_to(settings), settings.livekit_port
    own = LiveKitServer(tmp_path, config=config_text(settings, port), key=access.key, secret=access.secret)
    with replace(own, ports=(port, port + 2)) as server:
        yield server


async def test_not_one_packet_leaves(
    network: SealedNetwork, settings: Settings, livekit: LiveKitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEMODE_LOCAL_ONLY", "true")
    async with (
        serving(settings, PAGE) as server,
        chromium(*SILENT, PERMITTED, microphone(tmp_path, silence(0.5, 16_000))) as browser,
        visitor(browser) as page,
        agent(livekit, "sealed") as client,
    ):
        await sign_in(page, server)
        await start_talking(page, "sealed")
        async with conversing(client, QUESTION) as turn:
            await hears(page, 0.5)
            await expect(state(page, "Listening")).to_be_visible()
            await page.get_by_label("Write instead of speaking").fill("I cannot talk.")
            await page.get_by_role("button", name="Send").click()
            assert (await reply(turn))["text"] == "I cannot talk."
    assert [leak for leak in network.leaks if leak != IGMP] == []


def test_what_would_leave_is_noticed(network: SealedNetwork) -> None:
    before = len(network.leaks)
    with socket.socket(type=socket.SOCK_DGRAM) as out:
        out.sendto(b"x" * 20, ("192.0.2.1", 3478))
    deadline = time.monotonic() + 10
    while len(network.leaks) == before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert network.leaks[before:] == ["UDP 192.0.2.1:3478"]
