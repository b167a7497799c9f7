"""The `whisper_install` tool."""

from voicemode.app import App
from voicemode.services.install.installation import Installed, InstallOptions
from voicemode.tools import tool
from voicemode.tools._installing import install_service, with_turn_model


@tool
async def whisper_install(app: App, model: str = "", port: int = 0, dry_run: bool = False) -> Installed:
    """Make local speech-to-text permanent: installed, started with the machine, and proved to work.

    Args:
        model: Whisper's size, as `models` lists them; empty suits this machine.
        port: Where it listens; 0 is the one in the settings.
        dry_run: Only say what would be done.
    """
    installed = await install_service(app, "whisper", InstallOptions(model=model, port=port, dry_run=dry_run))
    return await with_turn_model(app, installed)
