"""Pairing links, each of which signs in one browser once. The code follows the #, and so is never sent by browsers."""

import asyncio
import json
from urllib.parse import quote

from voicemode.config import Settings
from voicemode.errors import Remedy, ServiceError
from voicemode.http_client.bare import get
from voicemode.services import find
from voicemode.services.health import health_of
from voicemode.services.port_owner import is_ours, owner
from voicemode.services.service import HOST
from voicemode.web.entry import pairing_codes
from voicemode.web.lan import lan_addresses

ANSWER_SECONDS = 5.0
IN_FOREGROUND = "A server in the foreground is started again, with --lan; any other one obeys the setting"


def link(base: str, code: str, room: str = "") -> str:
    """Return a link such as `https://HOST:3000/#pair=CODE&room=NAME`."""
    return f"{base}#pair={code}" + (f"&room={quote(room, safe='')}" if room else "")


async def new_link(settings: Settings, base: str, room: str = "") -> str:
    """Return a link that is valid for ten minutes. Raises ConfigError if its code cannot be saved, and ServiceError."""
    await refuse_strangers(settings)
    return link(base, await asyncio.to_thread(pairing_codes(settings).issue), room)


async def refuse_strangers(settings: Settings) -> None:
    """Raise ServiceError if the running server is not ours: a link would send its code to that server."""
    service = find("frontend")
    port, state = service.port(settings), await health_of(service, settings)
    found = await asyncio.to_thread(owner, port)
    if not is_ours(service, found, state):
        hint = Remedy("Choose another port", f"voicemode config set VOICEMODE_FRONTEND_PORT {port + 1}")
        raise ServiceError(f"The page at port {port} is not yours, but that of {found}.", hint=hint)


def here(settings: Settings) -> str:
    """Return the page's URL on this machine."""
    return f"http://{HOST}:{settings.frontend_port}/"


async def in_lan(settings: Settings) -> str:
    """Return the page's URL in the local network. Raises ServiceError if the running server does not listen there."""
    addresses = await _lan(settings)
    if not addresses and not await asyncio.to_thread(lan_addresses):
        raise ServiceError("This machine has no address in a local network.", hint="Connect it to one.")
    if not addresses:
        in_lan = IN_FOREGROUND, "VOICEMODE_FRONTEND_LAN true"
        text, setting = ("", "VOICEMODE_LOCAL_ONLY false") if settings.local_only else in_lan
        raise ServiceError("The page is shown on this machine only.", hint=Remedy(text, f"voicemode config set {setting}"))
    return f"https://{addresses[0]}:{settings.frontend_port}/"


async def is_in_lan(settings: Settings) -> bool:
    """True if the running server listens in the local network."""
    return bool(await _lan(settings))


def behind(settings: Settings, name: str) -> str:
    """Return the page's URL behind the proxy `name` or NAME:PORT. Raises ServiceError if we do not answer to that name."""
    known = name.lower().partition(":")[0]
    if known not in settings.frontend_hosts:
        raise ServiceError(
            f"The page does not answer to the name {known}.",
            hint=Remedy(command=f"voicemode config set VOICEMODE_FRONTEND_HOSTS {','.join((*settings.frontend_hosts, known))}"),
        )
    return f"https://{name.lower()}/"


async def _lan(settings: Settings) -> list[str]:
    """Return the addresses in the local network at which the running server listens, the best first."""
    async with asyncio.timeout(ANSWER_SECONDS):
        names = json.loads((await get(HOST, settings.frontend_port, "/health")).body).get("lan", ())
    return [address for address in await asyncio.to_thread(lan_addresses) if address in names]
