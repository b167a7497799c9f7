"""A real browser, Debian's chromium in headless mode, whose microphone is a recording.

Playwright's Python package drives it, so the browser, the agent and the servers of a test share one event loop. The package
includes the driver, for which playwright-core would need Node.js.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.support.paths import REPOSITORY
from voicemode.audio.frames import Frame
from voicemode.audio.wav import wav_bytes

PAGE = REPOSITORY / "frontend" / "out"
AXE = REPOSITORY / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
)
PERMITTED = "--use-fake-ui-for-media-stream"
PATIENCE_MS = 45_000
"""Timeout of every wait, long enough for a busy machine."""
expect.set_options(timeout=PATIENCE_MS)

PEERS = """
globalThis.peers = [];
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) { super(...given); peers.push(this); }
};
"""
HEARD = """async (seconds) => {
  for (const peer of peers) for (const report of (await peer.getStats()).values()) {
    const isSound = report.type === "inbound-rtp" && report.kind === "audio";
    if (isSound && report.totalSamplesDuration > seconds && report.totalAudioEnergy > 0.01) return true;
  }
  return false;
}"""


def needed() -> str:
    """Return the path of the browser; skip the test if the browser or the page is missing."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed: scripts/check installs it")
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built: scripts/check builds it")
    return found


def microphone(folder: Path, said: Frame) -> str:
    """Return the flag for a person who says this when a microphone is opened or chosen, and is silent from then on."""
    path = folder / "said.wav"
    path.write_bytes(wav_bytes(said))
    return f"--use-file-for-fake-audio-capture={path}%noloop"


@asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Browser]:
    """Yield a new browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=needed(), args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visitor(browser: Browser, **context: Any) -> AsyncIterator[Page]:
    """Yield a page for a new person on a phone, without cookies; fail on violations of the page's policy and on errors."""
    about: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "locale": "en-GB", **context}
    async with await browser.new_context(**about) as person:
        person.set_default_timeout(PATIENCE_MS)
        await person.add_init_script(PEERS)
        page = await person.new_page()
        broken = watched(person)
        try:
            yield page
        except Exception as error:
            error.add_note(await page.locator("body").aria_snapshot())
            raise
        assert not broken, broken


def watched(person: BrowserContext) -> list[str]:
    """Return a list that collects violations of the policy and uncaught errors."""
    broken: list[str] = []
    person.on("weberror", lambda error: broken.append(str(error.error)))
    person.on("console", lambda said: broken.append(said.text) if "Content Security Policy" in said.text else None)
    return broken


async def faults(page: Page) -> list[str]:
    """Return the accessibility violations that axe finds on the page."""
    found: dict[str, Any] = await page.evaluate(f"async () => {{ {AXE.read_text(encoding='utf-8')}; return axe.run(); }}")
    return [f"{fault['id']}: {fault['nodes'][0]['html']}" for fault in found["violations"]]


async def hears(page: Page, seconds: float) -> None:
    """Wait until the page has received `seconds` of audio that is not silent."""
    async with asyncio.timeout(PATIENCE_MS / 1000 + seconds):
        while not await page.evaluate(HEARD, seconds):
            await asyncio.sleep(0.1)
