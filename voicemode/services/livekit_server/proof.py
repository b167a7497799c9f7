"""Proof that the LiveKit server installed here works: a room is created and ended with its key."""

import secrets

from voicemode.config import Settings
from voicemode.errors import RoomError
from voicemode.services.livekit_server.config import alone
from voicemode.transports.livekit.access import access_to
from voicemode.transports.livekit.directory import open_directory


async def meet(settings: Settings) -> str:
    """Create a room, find it and end it; return a summary. Raises RoomError, ConfigError."""
    room = f"voicemode-proof-{secrets.token_hex(4)}"
    async with open_directory(access_to(alone(settings))) as directory:
        await directory.create(room)
        found = room in [one.name for one in await directory.rooms()]
        await directory.end(room)
    if not found:
        raise RoomError("A room that was made is not there.")
    return "made a room and ended it"
