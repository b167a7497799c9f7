"""Server side of the control channel: admits the person's clients and passes their requests to Controls."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from voicemode.config.values import printable
from voicemode.control.doors import Door, begins_muted, folder, open_door, sweep
from voicemode.control.messages import MAX_REQUEST_BYTES, ControlReply, MalformedError, Verb, line, parse_request
from voicemode.control.talk_key import TalkKey
from voicemode.controls import Controls
from voicemode.errors import ConfigError

log = logging.getLogger(__name__)

REST_SECONDS = 0.5
"""Delay after a connection that could not be accepted for lack of file descriptors."""


@dataclass(frozen=True, slots=True)
class VisitorLimits:
    """Limits on clients."""

    visitors: int = 16
    """Simultaneous clients; more are turned away."""
    request_seconds: float = 2.0
    """Timeout for receiving the request, and for sending the reply."""
    press_seconds: float = 300.0
    """Timeout for push-to-talk that is pressed and not released."""


@asynccontextmanager
async def steerable(controls: Controls) -> AsyncIterator[None]:
    """Serve requests for `controls` while the context lasts. Never delays the caller and never fails."""
    task = asyncio.create_task(_run(controls))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and (error := task.exception()):
            log.error("The control channel broke down.", exc_info=error)


async def _run(controls: Controls) -> None:
    try:
        place = folder()
        door = await _opened(place)
    except (OSError, ConfigError) as error:
        log.warning("This conversation cannot be steered from outside: %s", error)
        return
    try:
        # A client that mutes all programs writes the file before it sends requests: a starting program sees one of the two.
        if await asyncio.to_thread(begins_muted, place):
            controls.mute(on=True)
        await asyncio.to_thread(sweep, place)
        await Channel(controls, door).serve()
    finally:
        door.close()


async def _opened(place: Path) -> Door:
    """Open a door in a thread, since files can be slow; close it again if cancelled."""
    opening = asyncio.ensure_future(asyncio.to_thread(open_door, place))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        (await opening).close()
        raise


class Channel:
    """Serves the clients of one door concurrently."""

    def __init__(self, controls: Controls, door: Door, limits: VisitorLimits = VisitorLimits()) -> None:
        self._controls = controls
        self._door = door
        self._limits = limits
        self._talk_key = TalkKey(controls, limits.press_seconds)
        self._visitors: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()
        self._door.listener.settimeout(0)
        try:
            while True:
                try:
                    visitor, _ = await loop.sock_accept(self._door.listener)
                except OSError as error:
                    log.warning("Cannot let anybody in: %s", error)
                    await asyncio.sleep(REST_SECONDS)
                    continue
                self._receive(visitor)
        finally:
            await self._close()

    def _receive(self, visitor: socket.socket) -> None:
        if len(self._visitors) >= self._limits.visitors:
            visitor.close()
            return
        task = asyncio.create_task(self._meet(visitor))
        self._visitors.add(task)
        task.add_done_callback(self._visitors.discard)

    async def _close(self) -> None:
        self._talk_key.release()
        for task in self._visitors:
            task.cancel()
        await asyncio.gather(*self._visitors, return_exceptions=True)

    async def _meet(self, visitor: socket.socket) -> None:
        """Serve one client; its errors end its connection and nothing else."""
        with visitor:
            visitor.settimeout(0)
            try:
                async with asyncio.timeout(self._limits.request_seconds):
                    request = parse_request(await read_line(visitor))
                if self._door.admits(visitor, request.token):
                    await self._answer(visitor, request.verb)
                else:
                    log.warning("Somebody else wanted to steer this conversation, and was refused.")
            except (MalformedError, TimeoutError, OSError) as error:
                log.debug("A visitor left without a word that makes sense: %s", error)

    async def _answer(self, visitor: socket.socket, verb: Verb) -> None:
        if verb is not Verb.HOLD:
            await self._tell(visitor, did=self._obey(verb))
            return
        with self._talk_key.held() as did:
            await self._tell(visitor, did=did)
            if did:
                await asyncio.get_running_loop().sock_recv(visitor, 1)

    async def _tell(self, visitor: socket.socket, *, did: bool) -> None:
        state = self._controls.state
        answer = ControlReply(did, state.doing, state.muted, state.held, working_folder(), os.getpid())
        async with asyncio.timeout(self._limits.request_seconds):
            await asyncio.get_running_loop().sock_sendall(visitor, line(answer))

    def _obey(self, verb: Verb) -> bool:
        """Carry out `verb`; False if there is nothing to act on."""
        match verb:
            case Verb.STOP:
                return self._controls.stop()
            case Verb.SKIP:
                return self._controls.skip()
            case Verb.SEND:
                return self._controls.send()
            case Verb.MUTE | Verb.UNMUTE:
                self._controls.mute(verb is Verb.MUTE)
                return True
            case Verb.PRESS:
                return self._talk_key.press()
            case Verb.RELEASE:
                return self._talk_key.release()
            case _:
                return True


async def read_line(visitor: socket.socket) -> bytes:
    """Read one line from a client. Raises MalformedError if the line is too long or breaks off."""
    said = b""
    while not said.endswith(b"\n"):
        piece = await asyncio.get_running_loop().sock_recv(visitor, MAX_REQUEST_BYTES)
        said += piece
        if not piece or len(said) > MAX_REQUEST_BYTES:
            raise MalformedError(f"{len(said)} bytes and no line")
    return said


def working_folder() -> str:
    try:
        return printable(Path.cwd())
    except OSError:
        return ""
