"""Time until a person who opens the page can talk, by the browser's clock from the start of navigation."""

import asyncio

from playwright.async_api import Browser

from bench.figures import Figure
from bench.lab import Lab
from tests.support.browser import PAGE, PERMITTED, chromium, microphone, visitor
from tests.support.livekit_server import LiveKitServer, settings_for
from tests.support.page_server import PageServer, serving
from voicemode.audio.frames import silence
from voicemode.web.entry import pairing_codes

WAIT_MS = 20_000
CLICKER = """
localStorage.setItem("voicemode.name", "Anna");
const button = (words) => [...document.querySelectorAll("button:enabled")].find((each) => each.textContent === words);
new MutationObserver(() => {
  if (location.protocol === "about:") return;
  globalThis.shown ??= document.querySelector(".rooms") ? performance.now() : undefined;
  if (!globalThis.clicked && button("Start talking")) { globalThis.clicked = true; button("Start talking").click(); }
  if (button("Mute")) globalThis.able ??= performance.now();
}).observe(document, { subtree: true, childList: true, attributes: true });
"""
"""Presses each button as soon as it is enabled, and notes the time, so that no delay of the browser's driver counts."""


def measure(lab: Lab) -> list[Figure]:
    """Measure loads of the page, each with a cold cache."""
    loads = asyncio.run(measured(lab))
    return [
        Figure(name="page: first load → able to talk, loopback", values=tuple(able for _, able in loads), at_most=1.0),
        Figure(name="page: first load → lobby", values=tuple(shown for shown, _ in loads)),
    ]


async def measured(lab: Lab) -> list[tuple[float, float]]:
    """Return for each run the seconds until the lobby was shown, and until the microphone was in the room."""
    folder = lab.home / "page"
    folder.mkdir()
    with LiveKitServer(folder / "livekit") as livekit:
        settings = settings_for(livekit.access, base_dir=folder)
        async with serving(settings, PAGE) as server, chromium(PERMITTED, microphone(folder, silence(0.5, 16_000))) as browser:
            return [await one(browser, server) for _ in range(lab.runs + 1)][1:]


async def one(browser: Browser, server: PageServer) -> tuple[float, float]:
    async with visitor(browser) as page:
        await page.add_init_script(CLICKER)
        await page.goto(f"{server.origin}/#pair={pairing_codes(server.settings).issue()}")
        await page.get_by_role("button", name="Mute").wait_for(timeout=WAIT_MS)
        shown, able = await page.evaluate("[shown, able]")
    return shown / 1000, able / 1000
