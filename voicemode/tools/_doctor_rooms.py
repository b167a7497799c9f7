"""Checks of `doctor` for the LiveKit server whose rooms we would join."""

import asyncio

from voicemode.app import App
from voicemode.errors import Remedy, VoiceModeError
from voicemode.tools._doctor_check import Check, failed
from voicemode.transports.livekit.access import find_access
from voicemode.transports.livekit.directory import RoomDirectory

AREA = "rooms"
NAME = "LiveKit server"


async def about_rooms(app: App) -> list[Check]:
    access = await asyncio.to_thread(find_access, app.settings)
    if access is None:
        return [Check(AREA, NAME, "none", Remedy("To talk from a browser", "voicemode service install livekit"))]
    try:
        rooms = await RoomDirectory(access, app.http).rooms()
    except VoiceModeError as error:
        # Without rooms, talking at this machine still works.
        return [failed(AREA, NAME, error, "broken" if app.settings.transport == "livekit" else "attention")]
    people = sum(room.people for room in rooms)
    return [Check(AREA, NAME, f"{access.url} answers and takes our key; rooms: {len(rooms)}, people in them: {people}")]
