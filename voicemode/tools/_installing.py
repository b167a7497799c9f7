"""What the tools that install a service share."""

from voicemode.app import App
from voicemode.services import find
from voicemode.services._installation import Installed, InstallOptions


async def install_service(app: App, name: str, options: InstallOptions) -> Installed:
    """Install the service called `name` with whoever supervises services here."""
    from voicemode.services._install import install
    from voicemode.services._supervisors import find_supervisor

    return await install(find(name), app.settings, find_supervisor(app.settings), options, app.report)
