"""Our state and transcripts shown to people in a room, and their buttons and written messages.

Compatible with LiveKit's own agents, so that any LiveKit client shows it: an attribute for our state, text streams for
transcripts and written messages, and a remote procedure call for buttons.
"""

import asyncio
import json
import logging
from collections.abc import Callable

from livekit import rtc

from voicemode.controls import Controls, Doing
from voicemode.tasks import ended
from voicemode.transports.base import News, Words
from voicemode.transports.livekit.people import People

log = logging.getLogger(__name__)

STATE = "lk.agent.state"
TRANSCRIPTION = "lk.transcription"
CHAT = "lk.chat"
BUTTONS = "voicemode.controls"
STATES: dict[Doing, str] = {
    "idle": "thinking",
    "speaking": "speaking",
    "listening": "listening",
    "transcribing": "thinking",
}
MOST_NEWS = 200
"""Most items queued for a slow network; beyond it the oldest is lost."""
SEND_SECONDS = 5.0
MOST_WRITTEN = 20_000
"""Most characters of a written message; the rest is cut off."""


class Screen:
    """Screen of all rooms that we join, one after the other."""

    def __init__(self, controls: Controls, people: People, our_track: Callable[[], str]) -> None:
        """`our_track` returns the ID of the track with our voice."""
        self._controls = controls
        self._people = people
        self._our_track = our_track
        self._room: rtc.Room | None = None
        self._doing: Doing = "idle"
        self._news: asyncio.Queue[News] = asyncio.Queue(MOST_NEWS)
        self._sending: asyncio.Task[None] | None = None
        self._reading: set[asyncio.Task[None]] = set()

    def enter(self, room: rtc.Room | None) -> None:
        """Switch to `room`, or to none."""
        self._room = room
        if room:
            room.register_text_stream_handler(CHAT, self._read)
            room.local_participant.register_rpc_method(BUTTONS, self._press)
            self._sending = self._sending or asyncio.create_task(self._send())
            self.show(self._doing)

    def show(self, news: News) -> None:
        """Queue `news` for sending; while we are in no room, only remember the state."""
        if not isinstance(news, Words):
            self._doing = news
        if self._room:
            if self._news.full():
                self._news.get_nowait()
            self._news.put_nowait(news)

    async def close(self) -> None:
        await ended(*self._reading, *([self._sending] if self._sending else []))

    async def _send(self) -> None:
        while True:
            news = await self._news.get()
            if room := self._room:
                try:
                    async with asyncio.timeout(SEND_SECONDS):
                        await self._tell(room.local_participant, news)
                except Exception as error:  # the library raises nothing narrower; a display error must not end the audio
                    log.info("People in the room could not be shown %s: %s", type(news).__name__, error)

    async def _tell(self, we: rtc.LocalParticipant, news: News) -> None:
        if not isinstance(news, Words):
            await we.set_attributes({STATE: STATES[news]})
            return
        sender, attributes = self._described(news)
        stream = await we.stream_text(topic=TRANSCRIPTION, attributes=attributes, sender_identity=sender)
        await stream.write(news.text)
        await stream.aclose()

    def _described(self, words: Words) -> tuple[str | None, dict[str, str]]:
        """Return the identity of the sender of `words` and the attributes of the stream."""
        attributes = {"lk.transcription_final": str(words.final).lower(), "lk.segment_id": words.segment}
        person = self._people.called(words.speaker) if words.speaker else None
        track = (person.microphone.sid if person and person.microphone else "") if words.speaker else self._our_track()
        if track:
            attributes["lk.transcribed_track_id"] = track
        if person:
            attributes["voicemode.speaker"] = person.identity
        if words.interrupted:
            attributes["voicemode.interrupted"] = "true"
        return person.identity if person else None, attributes

    def _read(self, stream: rtc.TextStreamReader, identity: str) -> None:
        task = asyncio.create_task(self._take(stream, identity))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _take(self, stream: rtc.TextStreamReader, identity: str) -> None:
        """Pass on a message written by a person; those of machines are ignored."""
        try:
            text = await stream.read_all()
        except ConnectionError as error:
            log.warning("What somebody wrote has not come whole: %s", error)
            return
        if speaker := self._people.name_of(identity):
            self._controls.write(text[:MOST_WRITTEN], speaker)

    async def _press(self, call: rtc.RpcInvocationData) -> str:
        """Handle a button: {"do": …} → {"done": true if it had an effect}."""
        if not self._people.name_of(call.caller_identity):
            raise rtc.RpcError(rtc.RpcError.ErrorCode.APPLICATION_ERROR, "only people may use the controls")
        return json.dumps({"done": done(self._controls, call.payload)})


def done(controls: Controls, payload: str) -> bool:
    """Perform the action in `payload` and return True if it had an effect. Raises RpcError for an unknown action."""
    try:
        wish = json.loads(payload)["do"]
    except (ValueError, RecursionError, TypeError, KeyError):
        wish = ""
    match wish:
        case "stop":
            return controls.stop()
        case "skip":
            return controls.skip()
        case "send":
            return controls.send()
        case "mute" | "unmute":
            controls.mute(wish == "mute")
            return True
    raise rtc.RpcError(rtc.RpcError.ErrorCode.APPLICATION_ERROR, 'expected {"do": stop, skip, send, mute or unmute}')
