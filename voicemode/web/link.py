"""Links that let one browser in, once. What is secret in them is behind the #, which browsers send to nobody."""

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
IN_FOREGROUND = "; a server in the foreground: start it again, with --lan"


def link(base: str, code: str, room: str = "") -> str:
    """`https://HOST:3000/#pair=CODE&room=NAME`."""
    return f"{base}#pair={code}" + (f"&room={quote(room, safe='')}" if room else "")


async def new_link(settings: Settings, base: str, room: str = "") -> str:
    """One that is good for ten minutes. Raises ConfigError where its code cannot be written down, and ServiceError."""
    await refuse_strangers(settings)
    return link(base, await asyncio.to_thread(pairing_codes(settings).issue), room)


async def refuse_strangers(settings: Settings) -> None:
    """Raise ServiceError if the server that runs is not ours: a link would lead to it, and its code would be told to it."""
    service = find("frontend")
    port, state = service.port(settings), await health_of(service, settings)
    found = await asyncio.to_thread(owner, port)
    if not is_ours(service, found, state):
        hint = Remedy("Choose another port", f"voicemode config set VOICEMODE_FRONTEND_PORT {port + 1}")
        raise ServiceError(f"The page at port {port} is not yours, but that of {found}.", hint=hint)


def here(settings: Settings) -> str:
    """The page for a browser on this machine."""
    return f"http://{HOST}:{settings.frontend_port}/"


async def in_lan(settings: Settings) -> str:
    """The page for others in the local network. Raises ServiceError if the server that runs is not shown there."""
    addresses = await _lan(settings)
    if not addresses and not await asyncio.to_thread(lan_addresses):
        raise ServiceError("This machine has no address in a local network.", hint="Connect it to one.")
    if not addresses:
        hint = "VOICEMODE_LOCAL_ONLY false" if settings.local_only else f"VOICEMODE_FRONTEND_LAN true{IN_FOREGROUND}"
        raise ServiceError("The page is shown on this machine only.", hint=Remedy(command=f"voicemode config set {hint}"))
    return f"https://{addresses[0]}:{settings.frontend_port}/"


async def is_in_lan(settings: Settings) -> bool:
    """True if the server that runs is shown there."""
    return bool(await _lan(settings))


def behind(settings: Settings, name: str) -> str:
    """The page behind a proxy that is called `name`, or NAME:PORT. Raises ServiceError if we do not answer to that."""
    known = name.lower().partition(":")[0]
    if known not in settings.frontend_hosts:
        raise ServiceError(
            f"The page does not answer to the name {known}.",
            hint=Remedy(command=f"voicemode config set VOICEMODE_FRONTEND_HOSTS {','.join((*settings.frontend_hosts, known))}"),
        )
    return f"https://{name.lower()}/"


async def _lan(settings: Settings) -> list[str]:
    """The addresses at which the server that runs is shown, the best first."""
    async with asyncio.timeout(ANSWER_SECONDS):
        names = json.loads((await get(HOST, settings.frontend_port, "/health")).body).get("lan", ())
    return [address for address in await asyncio.to_thread(lan_addresses) if address in names]
