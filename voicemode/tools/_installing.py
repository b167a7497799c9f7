"""Code that the tools that install a service share."""

import asyncio
from dataclasses import replace

from voicemode.app import App
from voicemode.conversation.detectors import hears_melody
from voicemode.errors import WeightsError
from voicemode.models.manifests import SMART_TURN
from voicemode.models.models import fetch, sources_from, status
from voicemode.models.sources import size_text
from voicemode.services import find
from voicemode.services.install.installation import Installed, InstallOptions

ABOUT = f"{SMART_TURN.title}, {size_text(SMART_TURN.size_bytes)} ({SMART_TURN.licence})"


async def install_service(app: App, name: str, options: InstallOptions) -> Installed:
    """Install the service called `name` with whoever supervises services here."""
    from voicemode.services.install.install import install
    from voicemode.services.supervisors.find import find_supervisor

    return await install(find(name), app.settings, find_supervisor(app.settings), options, app.report)


async def with_turn_model(app: App, installed: Installed) -> Installed:
    """`installed`, and what hears the end of a turn beside it. Nobody is without ears for want of that."""
    here = await asyncio.to_thread(status, SMART_TURN.name, app.settings.models_path)
    if here.present or not hears_melody(app.settings):
        return installed
    if installed.dry_run:
        return replace(installed, changed=True, did=[*installed.did, f"download {ABOUT}, to {here.folder}"])
    await app.report(f"Fetching {SMART_TURN.title}")
    try:
        await fetch(SMART_TURN, app.settings.models_path, sources_from(app.settings), app.report)
    except WeightsError as error:
        return replace(installed, notices=[*installed.notices, str(error)])
    return replace(installed, changed=True, did=[*installed.did, f"fetched {ABOUT}, to {here.folder}"])
