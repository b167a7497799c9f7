"""LiveKit's own server, rooms on this machine, as a service."""

from voicemode.config import Settings
from voicemode.services.livekit_server.config import CONFIG
from voicemode.services.livekit_server.program import LiveKitProgram
from voicemode.services.service import Service


async def proof(settings: Settings) -> str:
    """Create a room with the server's own key, and end it; return a summary for the person."""
    from voicemode.services.livekit_server.proof import meet

    return await meet(settings)


SERVICE = Service(
    name="livekit",
    title="LiveKit server",
    kind="room",
    health_name="livekit",
    port_setting="livekit_port",
    settings=("base_dir", "log_level", "local_only", "livekit_lan"),
    extra="",
    fitting=LiveKitProgram(),
    proof=proof,
    on_demand=False,
    command=("-P", "-m", "voicemode", "serve", "livekit", "--port", "{port}"),
    address="ws://127.0.0.1:{port}",
    health_path="/",
    health_words=(("OK", "ready"), ("Not Ready", "loading")),
    sign=CONFIG,
)
