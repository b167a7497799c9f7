"""The web page for conversations, as a service."""

import asyncio

from voicemode.config import Settings
from voicemode.errors import ServiceError
from voicemode.http_client.bare import get
from voicemode.services.service import HOST, Service

PROOF_SECONDS = 5.0
OK = 200
NOT_BUILT = 503


async def shown(settings: Settings) -> str:
    """Fetch the page once; return a summary for the person. Raises ServiceError if that fails."""
    try:
        async with asyncio.timeout(PROOF_SECONDS):
            answer = await get(HOST, settings.frontend_port, "/")
    except (OSError, TimeoutError) as error:
        raise ServiceError(f"The page does not come: {error or 'it takes too long'}.") from error
    if answer.status == NOT_BUILT:
        raise ServiceError(
            "This copy of VoiceMode has no page in it.", hint="In its clone: cd frontend && npm ci && npm run build"
        )
    if answer.status != OK or b"<html" not in answer.body:
        raise ServiceError(f"Instead of the page comes status {answer.status}.")
    return "showed the page"


SERVICE = Service(
    name="frontend",
    title="Web page",
    kind="page",
    health_name="voicemode-frontend",
    port_setting="frontend_port",
    settings=(
        *("base_dir", "log_level", "local_only", "frontend_lan", "frontend_hosts"),
        *("livekit_url", "livekit_api_key", "livekit_port", "livekit_name", "whisper_port", "kokoro_port"),
    ),
    modules=("cryptography", "segno", "starlette", "uvicorn", "websockets"),
    extra="livekit",
    proof=shown,
    address=f"http://{HOST}:{{port}}/",
    memory_mb=300,
    command=("-P", "-m", "voicemode", "frontend", "--port", "{port}", "--idle-minutes", "{idle_minutes}"),
    installed_command=("-P", "-m", "voicemode", "frontend", "--port", "{port}", "--log-file", "{log}"),
)
