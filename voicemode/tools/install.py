"""Tools that install a service; `voicemode service install NAME` on the command line."""

import asyncio
from dataclasses import replace

from voicemode.app import App
from voicemode.conversation.detectors import hears_melody
from voicemode.errors import WeightsError
from voicemode.models.manifests import SMART_TURN
from voicemode.models.models import fetch, sources_from, status
from voicemode.progress import size_text
from voicemode.services import find
from voicemode.services.install.installation import Installed, InstallOptions
from voicemode.tools import Tool, tool

ABOUT = f"{SMART_TURN.title}, {size_text(SMART_TURN.size_bytes)} ({SMART_TURN.licence})"


@tool
async def whisper_install(app: App, model: str = "", port: int = 0, dry_run: bool = False) -> Installed:
    """Make local speech-to-text permanent: installed, started with the machine, and verified to work.

    Args:
        model: Whisper's size, as `models` lists them; empty suits this machine.
        port: Port it listens on; 0 is the one in the settings.
        dry_run: Only say what would be done.
    """
    installed = await install_service(app, "whisper", InstallOptions(model=model, port=port, dry_run=dry_run))
    return await with_turn_model(app, installed)


@tool
async def kokoro_install(app: App, port: int = 0, dry_run: bool = False) -> Installed:
    """Make local text-to-speech permanent: installed, started with the machine, and verified to work.

    Args:
        port: Port it listens on; 0 is the one in the settings.
        dry_run: Only say what would be done.
    """
    return await install_service(app, "kokoro", InstallOptions(port=port, dry_run=dry_run))


@tool
async def livekit_install(app: App, port: int = 0, dry_run: bool = False) -> Installed:
    """Install rooms on this machine, to talk from a browser: LiveKit's server, started with the machine, and verified to work.

    Args:
        port: Port it listens on; 0 is the one in the settings. Audio takes the two ports after it.
        dry_run: Only say what would be done.
    """
    return await install_service(app, "livekit", InstallOptions(port=port, dry_run=dry_run))


async def frontend_install(app: App, port: int = 0, dry_run: bool = False) -> Installed:
    """Install the web page to talk from: its server, started with the machine, and verified to work.

    Args:
        port: Port it listens on; 0 is the one in the settings.
        dry_run: Only say what would be done.
    """
    return await install_service(app, "frontend", InstallOptions(port=port, dry_run=dry_run))


INSTALLERS: dict[str, Tool] = {
    "frontend": frontend_install,
    "kokoro": kokoro_install,
    "livekit": livekit_install,
    "whisper": whisper_install,
}
"""Installers by service. The page's installer is no tool: a person who wants the page is at a terminal."""


async def install_service(app: App, name: str, options: InstallOptions) -> Installed:
    """Install the service `name` with this machine's supervisor."""
    from voicemode.services.install.install import install
    from voicemode.services.supervisors.find import find_supervisor

    return await install(find(name), app.settings, find_supervisor(app.settings), options, app.report)


async def with_turn_model(app: App, installed: Installed) -> Installed:
    """Fetch the turn model after installing Whisper; a failed download becomes a notice, as Whisper works without it."""
    here = await asyncio.to_thread(status, SMART_TURN.name, app.settings.models_path)
    if here.present or not hears_melody(app.settings):
        return installed
    if installed.dry_run:
        return replace(installed, changed=True, did=[*installed.did, f"download {ABOUT}, to {here.folder}"])
    try:
        await fetch(SMART_TURN, app.settings.models_path, sources_from(app.settings), app.report)
    except WeightsError as error:
        return replace(installed, notices=[*installed.notices, str(error)])
    return replace(installed, changed=True, did=[*installed.did, f"fetched {ABOUT}, to {here.folder}"])
