"""The page in a real browser, with the page's server, LiveKit's server, and agents that are real MCP servers."""

import asyncio
import contextlib
import math
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.client import Client
from mcp.types import CallToolResult
from playwright.async_api import Browser, Page, expect

from tests.support.agents import Engines, speaking_agent
from tests.support.browser import PAGE, PERMITTED, chromium, faults, hears, microphone, needed, visitor
from tests.support.endpoints import endpoint, speech_api
from tests.support.livekit_server import LiveKitServer, settings_for
from tests.support.mcp_client import connect, environment, text
from tests.support.page_server import PageServer, serving
from tests.support.paths import RECORDINGS
from tests.support.people import CLIPS
from tests.support.wer import wer
from voicemode.audio.frames import silence
from voicemode.audio.wav import read_wav
from voicemode.web.entry import pairing_codes

pytestmark = pytest.mark.anyio

CLIP = "austen-0930.wav"
PASSWORD = "correct horse battery"  # noqa: S105 of nobody
QUESTION = "Good morning. What would you like to read to me?"
TALK_SECONDS = 120.0
BUDGET_BYTES = 250_000
TONE = b"".join(struct.pack("<h", round(6000 * math.sin(n / 10))) for n in range(24_000))
"""One second at 24 kHz."""


@pytest.fixture(scope="module")
async def server(livekit: LiveKitServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageServer]:
    needed()
    settings = settings_for(livekit.access, base_dir=tmp_path_factory.mktemp("server"), frontend_password=PASSWORD)
    async with serving(settings, PAGE) as running:
        yield running


@pytest.fixture(scope="module")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """One whose person is permitted a microphone, and silent."""
    quiet = silence(0.5, 16_000)
    async with chromium(PERMITTED, microphone(tmp_path_factory.mktemp("quiet"), quiet)) as running:
        yield running


def link(server: PageServer) -> str:
    return f"{server.origin}/#pair={pairing_codes(server.settings).issue()}"


async def sign_in(page: Page, server: PageServer) -> None:
    await page.goto(link(server))
    await page.get_by_label("Your name").fill("Anna")


async def start_talking(page: Page, room: str) -> None:
    await page.get_by_label("Name of a new room").fill(room)
    await page.get_by_role("button", name="Create").click()
    await expect(page.get_by_role("radio", name=room)).to_be_checked()
    await page.get_by_role("button", name="Start talking").click()
    await expect(page.get_by_role("button", name="Mute")).to_be_enabled()


@asynccontextmanager
async def talking(browser: Browser, server: PageServer, room: str) -> AsyncIterator[Page]:
    """A person who has come by a link, and is in the room."""
    async with visitor(browser) as page:
        await sign_in(page, server)
        await start_talking(page, room)
        yield page


def in_room(livekit: LiveKitServer, room: str) -> dict[str, str]:
    """Settings of an agent that talks there, and has time for people whose browser is slow."""
    return {
        "LIVEKIT_URL": livekit.url,
        "LIVEKIT_API_KEY": livekit.key,
        "LIVEKIT_API_SECRET": livekit.secret,
        "VOICEMODE_LIVEKIT_ROOM": room,
        "VOICEMODE_PATIENCE_SECONDS": "90",
    }


@asynccontextmanager
async def agent(livekit: LiveKitServer, room: str, seconds: int = 1) -> AsyncIterator[Client]:
    """An agent whose every sentence lasts so long, and that understands the same whatever is said."""
    async with endpoint(speech_api(TONE * seconds, "It was the speech.")) as speech:
        environ = speaking_agent(speech.url, VOICEMODE_STT_BASE_URLS=speech.url)
        async with connect({**environ, **in_room(livekit, room)}) as client:
            yield client


@asynccontextmanager
async def conversing(client: Client, message: str = QUESTION) -> AsyncIterator[asyncio.Task[CallToolResult]]:
    """A turn that goes on; it is ended with the context."""
    turn = asyncio.create_task(
        client.call_tool("converse", {"message": message, "transport": "livekit"}, read_timeout_seconds=TALK_SECONDS)
    )
    try:
        yield turn
    finally:
        turn.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await turn


async def reply(turn: asyncio.Task[CallToolResult]) -> dict[str, Any]:
    result = await asyncio.wait_for(turn, TALK_SECONDS)
    assert not result.is_error, text(result)
    assert result.structured_content is not None
    return dict(result.structured_content)


def state(page: Page, word: str) -> Any:
    """The agent's state, as it is shown."""
    return page.get_by_label("Agent", exact=True).get_by_text(word, exact=True)


@pytest.mark.engine
async def test_a_person_talks_with_an_agent_and_both_read_what_was_said(
    livekit: LiveKitServer, server: PageServer, engines: Engines, tmp_path: Path
) -> None:
    async with (
        connect(environment(**engines.environ, **in_room(livekit, "parlour"))) as client,
        chromium(PERMITTED, microphone(tmp_path, read_wav(RECORDINGS / CLIP))) as browser,
        talking(browser, server, "parlour") as page,
    ):
        # Their first words are said before anybody listens; a microphone that is chosen says them again.
        await page.get_by_role("button", name="Mute").click()
        async with conversing(client) as turn:
            await expect(state(page, "Listening")).to_be_visible(timeout=TALK_SECONDS * 1000)
            await hears(page, 2)
            await page.get_by_role("button", name="Unmute").click()
            await page.get_by_role("button", name="Room and settings").click()
            await page.get_by_role("combobox", name="Microphone").select_option(label="Fake Audio Input 1")
            await page.keyboard.press("Escape")
            answer = await reply(turn)
        assert wer(CLIPS[CLIP], answer["text"]) <= 0.25, answer
        await expect(page.locator(".said[data-who=agent] .said-text")).to_have_text(QUESTION)
        theirs = page.locator(".said[data-who=you][data-final=true]")
        await expect(theirs.locator(".said-text")).to_have_text(answer["text"])
        assert await theirs.locator("time").get_attribute("datetime")


async def test_the_agent_is_interrupted_with_one_button_and_stopped_with_another(
    browser: Browser, livekit: LiveKitServer, server: PageServer
) -> None:
    async with (
        talking(browser, server, "study") as page,
        agent(livekit, "study", seconds=30) as client,
        conversing(client) as turn,
    ):
        await expect(state(page, "Speaking")).to_be_visible()
        await hears(page, 6)
        await page.get_by_role("button", name="Skip").click()
        await expect(page.get_by_text("interrupted")).to_be_visible()
        cut = await page.locator(".said-text").inner_text()
        assert cut != QUESTION
        assert QUESTION.startswith(cut)
        await expect(state(page, "Listening")).to_be_visible()
        assert await faults(page) == []
        await page.get_by_role("button", name="Stop").click()
        assert (await reply(turn))["ended"] == "stopped"
        await expect(state(page, "Thinking")).to_be_visible()


async def test_what_is_typed_answers_and_is_shown(browser: Browser, livekit: LiveKitServer, server: PageServer) -> None:
    async with talking(browser, server, "office") as page, agent(livekit, "office") as client, conversing(client) as turn:
        await expect(state(page, "Listening")).to_be_visible()
        await page.get_by_label("Write instead of speaking").fill("Sense and Sensibility, please.")
        await page.keyboard.press("Enter")
        answer = await reply(turn)
        assert (answer["text"], answer["ended"]) == ("Sense and Sensibility, please.", "typed")
        await expect(page.locator(".said[data-who=you]")).to_have_count(1)
        await expect(page.locator(".said[data-who=you] .said-text")).to_have_text("Sense and Sensibility, please.")


async def test_mute_and_push_to_talk_decide_when_one_is_heard(
    browser: Browser, livekit: LiveKitServer, server: PageServer
) -> None:
    async with talking(browser, server, "attic") as page, agent(livekit, "attic") as client, conversing(client) as turn:
        await page.get_by_role("button", name="Mute").click()
        await expect(page.get_by_role("button", name="Unmute")).to_be_visible()
        await page.get_by_role("button", name="Room and settings").click()
        assert await faults(page) == []
        await expect(page.get_by_role("dialog").get_by_text("muted")).to_be_visible()
        await page.get_by_role("radio", name="Push to talk").check()
        await page.keyboard.press("Escape")
        await expect(state(page, "Listening")).to_be_visible()
        await page.locator("h1").click()
        await page.keyboard.down(" ")
        await expect(page.get_by_role("button", name="Speak now")).to_be_visible()
        await page.keyboard.up(" ")
        assert (await reply(turn))["ended"] == "sent"
        await expect(page.get_by_role("button", name="Hold to talk")).to_be_visible()


async def test_a_lost_server_is_told_of_and_come_back_to(browser: Browser, livekit: LiveKitServer, server: PageServer) -> None:
    async with talking(browser, server, "cellar") as page:
        connection = page.locator(".connection")
        livekit.kill()
        await expect(connection).to_have_text("Reconnecting…")
        await asyncio.to_thread(livekit.start)
        await expect(connection).to_have_attribute("data-connected", "true")
        async with agent(livekit, "cellar") as client, conversing(client) as turn:
            await expect(state(page, "Listening")).to_be_visible()
            await page.get_by_label("Write instead of speaking").fill("Still here.")
            await page.keyboard.press("Enter")
            assert (await reply(turn))["text"] == "Still here."


async def test_rooms_are_made_named_left_and_ended_for_everybody(browser: Browser, server: PageServer) -> None:
    async with (
        talking(browser, server, "the kitchen") as page,
        visitor(browser, viewport={"width": 1280, "height": 800}) as other,
    ):
        await expect(state(page, "No agent is here yet")).to_be_visible()
        await expect(page.get_by_text('VOICEMODE_LIVEKIT_ROOM "the kitchen"')).to_be_visible()
        assert await faults(page) == []
        await other.goto(link(server) + "&room=the%20kitchen")
        await other.get_by_label("Your name").fill("Ben")
        # The server remembers rooms of other tests, and whoever has just closed a browser there.
        await expect(other.locator(".room").filter(has_text="the kitchen")).to_contain_text("1 person")
        await other.get_by_role("button", name="Start talking").click()
        await expect(other.get_by_role("listitem").filter(has_text="Anna")).to_be_visible()
        await other.get_by_role("button", name="End for everybody…").click()
        assert await faults(other) == []
        await other.get_by_role("dialog").get_by_role("button", name="End for everybody").click()
        await expect(page.get_by_text("The room was ended for everybody.")).to_be_visible()
        await expect(other.get_by_role("button", name="Start talking")).to_be_visible()


async def test_a_used_link_and_a_wrong_password_say_what_to_do(browser: Browser, server: PageServer) -> None:
    once = link(server)
    async with visitor(browser) as first, visitor(browser) as second:
        await first.goto(once)
        await expect(first.get_by_label("Your name")).to_be_visible()
        assert "pair" not in first.url
        await second.goto(once)
        await expect(second.get_by_text("This link does not open any more.")).to_be_visible()
        assert await faults(second) == []
        await second.get_by_label("Password").fill("correct horse")
        await second.get_by_role("button", name="Sign in").click()
        await expect(second.get_by_text("That is not the password.")).to_be_visible()
        await second.get_by_label("Password").fill(PASSWORD)
        await second.keyboard.press("Enter")
        await expect(second.get_by_label("Your name")).to_be_visible()
        assert await faults(second) == []
        await second.get_by_role("button", name="Sign out").click()
        await expect(second.get_by_label("Password")).to_be_visible()


async def test_without_a_permitted_microphone_one_can_still_listen_and_type(server: PageServer) -> None:
    async with chromium("--deny-permission-prompts") as browser, visitor(browser) as page:
        await sign_in(page, server)
        await page.get_by_role("button", name="Start talking").click()
        await expect(page.get_by_text("The microphone is not permitted.")).to_be_visible()
        await expect(page.get_by_role("button", name="No microphone")).to_be_disabled()
        await expect(page.get_by_label("Write instead of speaking")).to_be_enabled()
        assert await faults(page) == []


async def test_the_first_load_is_small_and_all_of_it_is_ours(browser: Browser, server: PageServer) -> None:
    async with visitor(browser) as page:
        scripts: list[Any] = []
        foreign: list[str] = []
        page.on("response", lambda answer: scripts.append(answer) if answer.request.resource_type == "script" else None)
        page.on("request", lambda request: None if request.url.startswith(server.origin) else foreign.append(request.url))
        await page.goto(server.origin)
        await expect(page.get_by_label("Password")).to_be_visible()
        sizes = [(await answer.request.sizes())["responseBodySize"] for answer in scripts]
        assert 0 < sum(sizes) <= BUDGET_BYTES
        assert foreign == []
        assert await page.locator("script:not([src])").count() == 0


async def test_while_the_server_is_away_the_page_opens_and_says_so(browser: Browser, server: PageServer) -> None:
    async with serving(server.settings, PAGE) as leaving, visitor(browser) as page:
        await sign_in(page, leaving)
        await page.evaluate("navigator.serviceWorker.ready.then((ready) => ready.active.state)")
        await page.reload()
        await expect(page.get_by_label("Your name")).to_be_visible()
        kept = await page.evaluate("caches.open('voicemode-shell').then((c) => c.keys()).then((all) => all.map((r) => r.url))")
        assert kept
        assert not [url for url in kept if "/api/" in url or "?" in url or "#" in url]
        await page.context.set_offline(True)
        await page.reload()
        await expect(page.get_by_text("VoiceMode does not answer.")).to_be_visible()
        await page.context.set_offline(False)
        await page.get_by_role("button", name="Try again").click()
        await expect(page.get_by_label("Your name")).to_be_visible()
