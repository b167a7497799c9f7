"""People in a room besides us, and the listeners to their microphones."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Self

from livekit import rtc

from voicemode.errors import Remedy, RoomError, VoiceModeError
from voicemode.tasks import ended
from voicemode.text.person_names import distinct, person_name
from voicemode.transports.base import Microphone
from voicemode.transports.livekit.ear import Ear

RETURN_SECONDS = 15.0
"""Time in which a person who lost the connection can return and continue the same utterance."""
SOMEBODY_SECONDS = 3.0
"""Time to wait for the first person: reloading a page takes a moment."""
IDLE_SECONDS = 60.0
"""Time for which microphones stay subscribed after a turn, so that the next one starts at once; then they are a waste."""
OPEN_SECONDS = 1.5
"""Time to wait for the tracks of active microphones: over a slow network the negotiation takes a while."""
MACHINES = (rtc.ParticipantKind.PARTICIPANT_KIND_AGENT, rtc.ParticipantKind.PARTICIPANT_KIND_EGRESS)
LEFT = (rtc.DisconnectReason.CLIENT_INITIATED, rtc.DisconnectReason.PARTICIPANT_REMOVED)
"""Disconnect reasons of people who will not return by themselves."""


class RoomPerson:
    """A person in the room, also while their connection is lost."""

    def __init__(self, identity: str, speaker: str) -> None:
        self.identity = identity
        self.speaker = speaker
        """Name of the person, cleaned; no two people have names that look the same."""
        self.present = True
        """False while their connection is lost, or ours."""
        self.microphone: rtc.RemoteTrackPublication | None = None
        self.parting: asyncio.TimerHandle | None = None
        """Timer that runs while they can still return."""

    @property
    def silent(self) -> bool:
        """True if they are present without an active microphone."""
        return self.present and (self.microphone is None or self.microphone.muted)

    @property
    def track(self) -> rtc.Track | None:
        """Current audio track."""
        return self.microphone.track if self.microphone else None

    def stays(self) -> None:
        if self.parting:
            self.parting.cancel()
            self.parting = None


class Listening:
    """One use of all people's microphones: an iterator of them, each as it appears, until the last person has left."""

    def __init__(self) -> None:
        self._ears: dict[str, Ear] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._new: asyncio.Queue[Microphone | VoiceModeError | None] = asyncio.Queue()

    def hear(self, person: RoomPerson) -> None:
        """Listen to `person` on their current track."""
        ear = self._ears.get(person.identity)
        if ear is None:
            ear = self._ears[person.identity] = Ear(lambda: person.silent)
            self._tasks.append(asyncio.create_task(ear.listen()))
            self._new.put_nowait(Microphone(ear, person.speaker))
        ear.take(person.track)

    def forget(self, person: RoomPerson, *, last: bool) -> None:
        """End the frames of a person who left; `last` if nobody else is present."""
        if ear := self._ears.pop(person.identity, None):
            ear.end()
        if last:
            self._new.put_nowait(None)

    def fail(self, error: VoiceModeError) -> None:
        """End all frames with an error, raised after the audio received."""
        for ear in self._ears.values():
            ear.end(error)
        self._new.put_nowait(None if self._ears else error)

    async def close(self) -> None:
        for ear in self._ears.values():
            ear.end()
        await ended(*self._tasks)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Microphone:
        match await self._new.get():
            case Microphone() as microphone:
                return microphone
            case VoiceModeError() as error:
                raise error
        raise StopAsyncIteration


class People:
    """All people in a room; agents and recorders are not."""

    def __init__(self, room_name: str, ours: str) -> None:
        """`ours` is our own name."""
        self._room_name = room_name
        self._ours = ours
        self._here: dict[str, RoomPerson] = {}
        self._names: dict[str, str] = {}
        """Names by identity, including those who left: nobody gets the name of somebody briefly absent."""
        self._listeners: set[Listening] = set()
        self._connected = False
        self._wanted = False
        """True if we subscribe to microphones."""
        self._resting: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._came = asyncio.Event()

    def watch(self, room: rtc.Room) -> None:
        """Subscribe to the events of `room`, before it is connected."""
        room.on("participant_connected", self._come)
        room.on("participant_disconnected", self._go)
        room.on("track_published", self._publish)
        room.on("track_unpublished", lambda publication, who: self._switch(who, publication, None))
        room.on("track_subscribed", lambda track, publication, who: self._hear(who.identity))
        room.on("track_unsubscribed", lambda track, publication, who: self._hear(who.identity))

    def meet(self, room: rtc.Room) -> None:
        """Take stock of `room` after we joined or rejoined it: absent people can still be on their way back, too."""
        self._connected = True
        # Of two people with the same name, the first to join keeps it.
        for who in sorted(room.remote_participants.values(), key=joined_at):
            self._come(who)
        for identity in self._here.keys() - room.remote_participants.keys():
            self._wait_for(self._here[identity])

    def lose(self) -> None:
        """Mark everybody absent while our connection is lost; `meet` finds out who left meanwhile."""
        self._connected = False
        for person in self._here.values():
            person.present = False
            person.stays()

    def end(self, error: VoiceModeError | None = None) -> None:
        """Forget everybody: we left the room. With `error`, all listeners fail."""
        for person in self._here.values():
            person.stays()
        if self._resting:
            self._resting.cancel()
        self._here.clear()
        self._changed.set()
        self._came.clear()
        if error:
            for listening in self._listeners:
                listening.fail(error)

    @property
    def somebody_hears(self) -> bool:
        """True if anybody is connected."""
        return any(person.present for person in self._here.values())

    def called(self, speaker: str) -> RoomPerson | None:
        """Return the person with the name `speaker`."""
        return next((person for person in self._here.values() if person.speaker == speaker), None)

    def name_of(self, identity: str) -> str:
        """Return the name of a person; empty if `identity` is no person in this room."""
        return self._here[identity].speaker if identity in self._here else ""

    async def somebody(self) -> None:
        """Wait a moment for the first person. Raises RoomError if nobody comes."""
        try:
            async with asyncio.timeout(SOMEBODY_SECONDS):
                await self._came.wait()
        except TimeoutError:
            raise RoomError(
                f"Nobody is in the room {self._room_name!r}.",
                hint=Remedy("The person gets there by", "voicemode frontend open"),
            ) from None

    @asynccontextmanager
    async def microphones(self) -> AsyncIterator[Listening]:
        """Listen to everybody."""
        self._want(wanted=True)
        await self._open()
        listening = Listening()
        self._listeners.add(listening)
        for person in self._here.values():
            listening.hear(person)
        try:
            yield listening
        finally:
            self._listeners.remove(listening)
            if not self._listeners:
                self._resting = asyncio.get_running_loop().call_later(IDLE_SECONDS, partial(self._want, wanted=False))
            await listening.close()

    def _want(self, *, wanted: bool) -> None:
        if self._resting:
            self._resting.cancel()
            self._resting = None
        self._wanted = wanted
        for person in self._here.values():
            self._subscribe(person)

    async def _open(self) -> None:
        """Wait until every active microphone has a track."""
        with suppress(TimeoutError):
            async with asyncio.timeout(OPEN_SECONDS):
                while any(person.present and not person.silent and not person.track for person in self._here.values()):
                    self._changed.clear()
                    await self._changed.wait()

    def _come(self, who: rtc.RemoteParticipant) -> None:
        if who.kind in MACHINES:
            return
        person = self._here.get(who.identity) or self._welcome(who)
        person.stays()
        person.present = True
        person.microphone = None
        for publication in who.track_publications.values():
            self._publish(publication, who)
        self._came.set()
        self._hear(who.identity)

    def _welcome(self, who: rtc.RemoteParticipant) -> RoomPerson:
        if who.identity not in self._names:
            name = person_name(who.name) or person_name(who.identity)
            self._names[who.identity] = distinct(name, self._names.values(), self._ours)
        person = self._here[who.identity] = RoomPerson(who.identity, self._names[who.identity])
        return person

    def _go(self, who: rtc.RemoteParticipant) -> None:
        if person := self._here.get(who.identity):
            person.microphone = None
            self._hear(who.identity)
            if self._connected and who.disconnect_reason in LEFT:
                self._part(person)
            else:
                self._wait_for(person)

    def _wait_for(self, person: RoomPerson) -> None:
        person.present = False
        person.stays()
        if self._connected:
            person.parting = asyncio.get_running_loop().call_later(RETURN_SECONDS, self._part, person)

    def _part(self, person: RoomPerson) -> None:
        person.stays()
        del self._here[person.identity]
        if not self._here:
            self._came.clear()
        for listening in self._listeners:
            listening.forget(person, last=not self._here)

    def _publish(self, publication: rtc.RemoteTrackPublication, who: rtc.RemoteParticipant) -> None:
        if publication.kind == rtc.TrackKind.KIND_AUDIO and publication.source != rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO:
            self._switch(who, None, publication)

    def _switch(
        self, who: rtc.RemoteParticipant, gone: rtc.RemoteTrackPublication | None, new: rtc.RemoteTrackPublication | None
    ) -> None:
        person = self._here.get(who.identity)
        if person and (new or (person.microphone and gone and person.microphone.sid == gone.sid)):
            person.microphone = new
            self._subscribe(person)
            self._hear(who.identity)

    def _subscribe(self, person: RoomPerson) -> None:
        if person.microphone:
            person.microphone.set_subscribed(self._wanted)

    def _hear(self, identity: str) -> None:
        self._changed.set()
        if person := self._here.get(identity):
            for listening in self._listeners:
                listening.hear(person)


def joined_at(who: rtc.RemoteParticipant) -> float:
    """Return `time.time()` when `who` joined; infinity if unknown."""
    return who.joined_at.timestamp() if who.joined_at else math.inf
