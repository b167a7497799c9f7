"""Proof that the LiveKit server installed here does its work: a room is made and ended with its key."""

import secrets

from voicemode.config import Settings
from voicemode.errors import RoomError
from voicemode.services.livekit_server.config import alone
from voicemode.transports.livekit.access import access_to
from voicemode.transports.livekit.directory import open_directory


async def meet(settings: Settings) -> str:
    """Make a room, find it, end it; what was done, in words. Raises RoomError, ConfigError."""
    room = f"voicemode-proof-{secrets.token_hex(4)}"
    async with open_directory(access_to(alone(settings))) as directory:
        await directory.create(room)
        found = room in [one.name for one in await directory.rooms()]
        await directory.end(room)
    if not found:
        raise RoomError("A room that was made is not there.")
    return "made a room and ended it"
