"""People in a LiveKit room who speak recordings, hear, read, write and press buttons: LiveKit's own client. Also a program."""

import asyncio
import json
import sys
import time
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from livekit import rtc

from voicemode.audio.frames import Frame
from voicemode.audio.wav import read_wav

RATE = 48_000
LOUD = 300
"""Sample value above the hiss of silence."""
CHAT, TRANSCRIPTION, BUTTONS = "lk.chat", "lk.transcription", "voicemode.controls"


@dataclass(slots=True)
class Line:
    """A line of the transcript, as a client receives it."""

    sender: str
    text: str
    attributes: dict[str, str]


@dataclass(slots=True)
class Guest:
    """A person in a room."""

    room: rtc.Room = field(default_factory=rtc.Room)
    lines: list[Line] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    """States that agents have reported."""
    loud_at: list[float] = field(default_factory=list)
    """`time.monotonic()` of each loud frame of 10 ms received."""
    source: rtc.AudioSource = field(default_factory=lambda: rtc.AudioSource(RATE, 1, queue_size_ms=200))
    microphone: rtc.LocalAudioTrack | None = None
    heard_of: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when somebody receives this person's audio."""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def join(self, url: str, token: str, *, speaking: bool = True, hearing: bool = True) -> None:
        if hearing:
            self.room.on("track_subscribed", lambda track, publication, who: self._spawn(self._hear(track)))
        self.room.on("participant_attributes_changed", self._see)
        self.room.on("participant_connected", lambda who: self._news.set())
        self.room.on("participant_disconnected", lambda who: self._news.set())
        self.room.on("disconnected", lambda reason: self.left.set())
        self.room.on("local_track_subscribed", lambda track: self.heard_of.set())
        self.room.register_text_stream_handler(TRANSCRIPTION, lambda stream, who: self._spawn(self._read(stream, who)))
        await self.room.connect(url, token)
        if speaking:
            await self.publish()

    async def publish(self) -> None:
        self.microphone = rtc.LocalAudioTrack.create_audio_track("microphone", self.source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=True, red=True)
        await self.room.local_participant.publish_track(self.microphone, options)

    async def say(self, *clips: Frame) -> None:
        """Speak `clips`; return when the last word has been sent."""
        for clip in clips:
            resampler = rtc.AudioResampler(clip.rate, RATE)
            for frame in [*resampler.push(bytearray(clip.pcm)), *resampler.flush()]:
                await self.source.capture_frame(frame)
        await self.source.wait_for_playout()

    async def write(self, text: str) -> None:
        await self.room.local_participant.send_text(text, topic=CHAT)

    async def press(self, payload: str) -> bool:
        """Press a button of the first agent; True if the press had an effect. Raises RpcError."""
        await self.sees(lambda _: bool(self.agents))
        answer = await self.room.local_participant.perform_rpc(
            destination_identity=self.agents[0].identity, method=BUTTONS, payload=payload
        )
        return bool(json.loads(answer)["done"])

    @property
    def agents(self) -> list[rtc.RemoteParticipant]:
        """The agents in the room."""
        people = self.room.remote_participants.values()
        return [who for who in people if who.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT]

    async def leave(self) -> None:
        await self.room.disconnect()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.source.aclose()

    async def sees(self, what: Callable[["Guest"], bool], seconds: float = 30) -> None:
        """Wait until `what` is true. Raises TimeoutError, which describes the actual state."""
        try:
            async with asyncio.timeout(seconds):
                while not what(self):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(f"states {self.states}, lines {self.lines}, {len(self.loud_at)} loud frames") from None

    def _spawn(self, work: "asyncio.Future[None] | object") -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hear(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, frame_size_ms=10)
        try:
            async for event in stream:
                if max(map(abs, array("h", bytes(event.frame.data)))) > LOUD:
                    self.loud_at.append(time.monotonic())
                    self._news.set()
        finally:
            await stream.aclose()

    def _see(self, changed: dict[str, str], who: rtc.Participant) -> None:
        if state := changed.get("lk.agent.state"):
            self.states.append(state)
            self._news.set()

    async def _read(self, stream: rtc.TextStreamReader, who: str) -> None:
        with suppress(ConnectionError):  # the room has ended meanwhile
            self.lines.append(Line(who, await stream.read_all(), dict(stream.info.attributes or {})))
            self._news.set()


@asynccontextmanager
async def guest(url: str, token: str, *, speaking: bool = True, hearing: bool = True) -> AsyncIterator[Guest]:
    """Yield a person who is in the room meanwhile; without `hearing` they receive audio, but do not inspect it."""
    somebody = Guest()
    await somebody.join(url, token, speaking=speaking, hearing=hearing)
    try:
        yield somebody
    finally:
        await somebody.leave()


async def program(url: str, token: str) -> None:
    """Join, then speak each recording whose path comes on stdin; print a line when it has been sent completely."""
    async with guest(url, token) as somebody:
        print("joined", flush=True)
        while path := (await asyncio.to_thread(sys.stdin.readline)).strip():
            await somebody.say(read_wav(Path(path)))
            print("said", flush=True)


if __name__ == "__main__":
    asyncio.run(program(*sys.argv[1:]))
