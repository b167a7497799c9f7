"""The `livekit_install` tool."""

from voicemode.app import App
from voicemode.services.install.installation import Installed, InstallOptions
from voicemode.tools import tool
from voicemode.tools._installing import install_service


@tool
async def livekit_install(app: App, port: int = 0, dry_run: bool = False) -> Installed:
    """Have rooms on this machine, to talk from a browser: LiveKit's server installed, started with the machine, proved.

    Args:
        port: Where it listens; 0 is the one in the settings. Sound takes the two ports after it.
        dry_run: Only say what would be done.
    """
    return await install_service(app, "livekit", InstallOptions(port=port, dry_run=dry_run))
