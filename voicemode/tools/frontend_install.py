"""The `frontend_install` tool."""

from voicemode.app import App
from voicemode.services.install.installation import Installed, InstallOptions
from voicemode.tools import tool
from voicemode.tools._installing import install_service


@tool
async def frontend_install(app: App, port: int = 0, dry_run: bool = False) -> Installed:
    """Have the web page to talk from on this machine: its server installed, started with the machine, proved.

    Args:
        port: Where it listens; 0 is the one in the settings.
        dry_run: Only say what would be done.
    """
    return await install_service(app, "frontend", InstallOptions(port=port, dry_run=dry_run))
