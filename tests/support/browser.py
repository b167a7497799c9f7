"""A real browser, Debian's chromium without a window, whose microphone is a recording.

Driven by Playwright's Python package: the browser, the agent and the servers of a test are then on one event loop, and it
carries the driver that playwright-core would need Node.js for.
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
"""Bound on everything that is awaited, on a machine that is busy."""
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
    """Path of the browser; skips the test where it, or the page, is missing."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed: scripts/check installs it")
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built: scripts/check builds it")
    return found


def microphone(folder: Path, said: Frame) -> str:
    """The flag for a person who says this whenever a microphone is opened or chosen, and is silent from then on."""
    path = folder / "said.wav"
    path.write_bytes(wav_bytes(said))
    return f"--use-file-for-fake-audio-capture={path}%noloop"


@asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Browser]:
    """A browser of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=needed(), args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visitor(browser: Browser, **context: Any) -> AsyncIterator[Page]:
    """A person without cookies or memory, on a phone; what they see must break no rule of the page's policy."""
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
    """Fills with what breaks the policy, and with errors that nobody caught."""
    broken: list[str] = []
    person.on("weberror", lambda error: broken.append(str(error.error)))
    person.on("console", lambda said: broken.append(said.text) if "Content Security Policy" in said.text else None)
    return broken


async def faults(page: Page) -> list[str]:
    """What axe finds wrong with what is shown."""
    found: dict[str, Any] = await page.evaluate(f"async () => {{ {AXE.read_text(encoding='utf-8')}; return axe.run(); }}")
    return [f"{fault['id']}: {fault['nodes'][0]['html']}" for fault in found["violations"]]


async def hears(page: Page, seconds: float) -> None:
    """Wait until so much sound has come, with something in it."""
    async with asyncio.timeout(PATIENCE_MS / 1000 + seconds):
        while not await page.evaluate(HEARD, seconds):
            await asyncio.sleep(0.1)
