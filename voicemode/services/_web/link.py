"""Links that let one browser in, once. What is secret in them is behind the #, which browsers send to nobody."""

import asyncio
import json
from urllib.parse import quote

from voicemode.config import Settings
from voicemode.errors import ServiceError
from voicemode.services._base import HOST
from voicemode.services._web.entry import pairing_codes
from voicemode.services._web.lan import lan_addresses
from voicemode.speech.bare_http import get

ANSWER_SECONDS = 5.0


def link(base: str, code: str, room: str = "") -> str:
    """`https://HOST:3000/#pair=CODE&room=NAME`."""
    return f"{base}#pair={code}" + (f"&room={quote(room, safe='')}" if room else "")


async def new_link(settings: Settings, base: str, room: str = "") -> str:
    """One that is good for ten minutes. Raises ConfigError where its code cannot be written down."""
    return link(base, await asyncio.to_thread(pairing_codes(settings).issue), room)


def here(settings: Settings) -> str:
    """The page for a browser on this machine."""
    return f"http://{HOST}:{settings.frontend_port}/"


async def in_lan(settings: Settings) -> str:
    """The page for others in the local network. Raises ServiceError if the server that runs is not shown there."""
    addresses = await _lan(settings)
    if not addresses:
        setting = "VOICEMODE_LOCAL_ONLY false" if settings.local_only else "VOICEMODE_FRONTEND_LAN true"
        raise ServiceError("The page is shown on this machine only.", hint=f"voicemode config set {setting}")
    return f"https://{addresses[0]}:{settings.frontend_port}/"


async def is_in_lan(settings: Settings) -> bool:
    """Whether the server that runs is shown there."""
    return bool(await _lan(settings))


def behind(settings: Settings, name: str) -> str:
    """The page behind a proxy that is called `name`. Raises ServiceError if we do not answer to that."""
    if name.lower() not in settings.frontend_hosts:
        raise ServiceError(
            f"The page does not answer to the name {name}.",
            hint=f"voicemode config set VOICEMODE_FRONTEND_HOSTS {','.join((*settings.frontend_hosts, name))}",
        )
    return f"https://{name.lower()}/"


async def _lan(settings: Settings) -> list[str]:
    """The addresses at which the server that runs is shown, the best first."""
    async with asyncio.timeout(ANSWER_SECONDS):
        names = json.loads((await get(HOST, settings.frontend_port, "/health")).body).get("lan", ())
    return [address for address in await asyncio.to_thread(lan_addresses) if address in names]
