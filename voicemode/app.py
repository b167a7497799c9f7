"""The composition root: builds the object graph from the settings. Nothing else builds these objects."""

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, get_args

from voicemode import egress
from voicemode.audio.turns.endpointer import Pace, Rules
from voicemode.config import LoadedSettings, Settings, changed, read_settings
from voicemode.config.values import language_code
from voicemode.control.server import steerable
from voicemode.conversation.conversation import Conversation
from voicemode.conversation.detectors import Detectors
from voicemode.conversation.floor import Floor
from voicemode.conversation.kept_recordings import prune
from voicemode.conversation.turn import TurnOptions
from voicemode.conversation.utterance import Expected
from voicemode.errors import ArgumentError, ConfigError
from voicemode.http_client.client import open_http
from voicemode.log import configure as configure_log
from voicemode.progress import Report, nobody
from voicemode.providers import Account, Providers
from voicemode.providers.endpoints import Endpoints
from voicemode.speech.base import Kind, Voice
from voicemode.speech.sentence_stream import Sentences
from voicemode.tasks import ended, in_thread, seen
from voicemode.text.commands import chosen
from voicemode.transports import TRANSPORTS
from voicemode.transports.base import Transport
from voicemode.warmup import Warmup

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger(__name__)

LEAST_SILENCE_SECONDS = 0.2
"""Minimum of the silence threshold: words lie this far apart."""


@dataclass(frozen=True, slots=True)
class App:
    """Everything a tool can use, under the current settings."""

    loaded: LoadedSettings
    endpoints: Endpoints
    readiness: Warmup
    report: Report
    floor: Floor
    hearing: Detectors
    transports: dict[str, Transport]
    http: "httpx2.AsyncClient"

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    @property
    def providers(self) -> Providers:
        return self.endpoints.providers

    async def conversation(self, transport: str = "auto", account: Account | None = None) -> Conversation:
        """Return a conversation on `transport`, and record the outcome of its requests in `account`."""
        turn, settings = self.providers.turn(account, self.settings.speculate), self.settings
        # Nobody waits for it: it spares the recordings of running turns.
        bounds = settings.kept_recordings, settings.kept_recordings_days
        in_thread(partial(prune, settings.recordings_dir, *bounds)).add_done_callback(seen)
        return Conversation(
            self.transport(await self._whereabouts(transport)),
            stt=turn,
            tts=Sentences(turn, turn.account.unheard),
            detectors=self.hearing.detectors,
            recordings=self.settings.recordings_dir,
            floor=self.floor,
        )

    async def ready(self, *, speaking: bool, listening: bool) -> None:
        """Wait until preparation of the services in question has ended, well or not, and report its progress."""
        if listening:
            # A turn works without the turn model, so nothing waits for it.
            self.readiness.begin("turn model")
        kinds = {"tts": speaking, "stt": listening}
        await self.readiness.wait(self.report, *(kind for kind, needed in kinds.items() if needed))

    def options(self, *, language: str = "", max_seconds: float | None = None, pace: Pace | None = None) -> TurnOptions:
        """Return the options of a turn: the settings with the caller's overrides. Raises ArgumentError."""
        settings = self.settings
        if max_seconds is not None and not 1 <= max_seconds <= 3600:
            raise ArgumentError(f"listen_duration_max is {max_seconds:g}; it must be 1 to 3600 seconds.")
        language = checked_language(language) or settings.language
        silence = max(LEAST_SILENCE_SECONDS, settings.silence_threshold_ms / 1000) if settings.silence_threshold_ms else None
        return TurnOptions(
            rules=Rules(
                pace=pace or settings.pace,
                # A caller who requests a pace expects the evidence to be weighed.
                silence_seconds=None if pace else silence,
                patience_seconds=min(settings.patience_seconds, max_seconds or settings.patience_seconds),
                max_seconds=max_seconds or settings.default_listen_duration,
            ),
            cues=settings.audio_feedback,
            pronounce=settings.pronunciations,
            expected=Expected(prompt=settings.prompt, language=language, phrases=chosen(settings.steering_words, language)),
            save_audio=settings.save_audio,
            barge_in=settings.barge_in != "off",
            keep_listening=settings.keep_listening,
        )

    def voice(self, name: str = "", speed: float | None = None, instructions: str = "", language: str = "") -> Voice:
        """Return the voice to speak with: the settings with the caller's overrides. Raises ArgumentError."""
        if speed is not None and not 0.25 <= speed <= 4.0:
            raise ArgumentError(f"speed is {speed:g}; it must be 0.25 to 4.0, where 1.0 is normal.")
        return Voice(name, speed or self.settings.tts_speed, instructions, checked_language(language) or self.settings.language)

    async def _whereabouts(self, transport: str) -> str:
        """Return `transport`; if neither it nor the settings choose one, the room while somebody is in it."""
        from voicemode.transports.livekit.directory import somebody_in_room

        name = self.settings.transport if transport == "auto" else transport
        return "livekit" if name == "auto" and await somebody_in_room(self.settings, self.http) else name

    def transport(self, name: str = "auto") -> Transport:
        """Return the transport called `name`; `auto` is the one in the settings, or else the sound card."""
        name = self.settings.transport if name == "auto" else name
        name = "local" if name == "auto" else name
        if name not in self.transports:
            module, _, cls = TRANSPORTS[name].partition(":")
            self.transports[name] = getattr(importlib.import_module(module), cls).from_settings(
                self.settings, self.floor.controls
            )
        return self.transports[name]


class Runtime:
    """The running program: provides an `App` for each turn, rebuilt when a settings file has changed."""

    def __init__(self, load: Callable[[], LoadedSettings], http: "httpx2.AsyncClient", *, log_to_stderr: bool = True) -> None:
        self._load = load
        self._log_to_stderr = log_to_stderr
        self._http = http
        self.floor = Floor()
        self._leaving: list[asyncio.Task[None]] = []
        self._building = asyncio.Lock()
        self._app: App

    async def begin(self) -> None:
        """Build the first App."""
        self._app = await self._build(self._load())

    async def now(self, report: Report = nobody, *, broken: bool = False) -> App:
        """Return the App for the current settings. Raises ConfigError if they are invalid, unless `broken` accepts that."""
        async with self._building:
            if changed(self._app.loaded):
                before, self._app = self._app, await self._build(self._load())
                self._leaving = [task for task in self._leaving if not task.done()]
                self._leaving.append(asyncio.create_task(self._leave_later(before)))
                await self._end(before)
        if self._app.loaded.error and not broken:
            raise self._app.loaded.error.with_traceback(None)
        return replace(self._app, report=report)

    def warm_up(self) -> None:
        """Begin the preparations for the first turn, so that it need not wait; does nothing if the settings are invalid."""
        if self._app.loaded.error is None:
            self._app.endpoints.lookout.begin()
            self._app.readiness.begin()

    async def close(self) -> None:
        """End background work and close the transports."""
        await ended(*self._leaving)
        await self._leave(self._app)
        await self.floor.meanwhile.close()
        await self._end(self._app)

    async def _leave_later(self, app: App) -> None:
        """Close the transports of `app` once no turn runs."""
        async with self.floor.lock:
            await self._leave(app)

    async def _leave(self, app: App) -> None:
        await self.floor.meanwhile.stop()
        await self.floor.left.settle()
        for transport in app.transports.values():
            await transport.close()

    async def _end(self, app: App) -> None:
        await app.readiness.close()
        await app.endpoints.close()

    async def _build(self, loaded: LoadedSettings) -> App:
        settings = loaded.settings
        egress.enforce(settings.local_only)
        configure_log(settings.log_level, settings.logs_dir, secrets=settings.secrets, stderr=self._log_to_stderr)
        for notice in loaded.notices:
            log.warning("%s", notice)
        loaded, endpoints = await self._endpoints(loaded)
        hearing = Detectors(settings)
        jobs = {kind: partial(endpoints.warm_up, kind) for kind in get_args(Kind)}
        readiness = Warmup(jobs | {"turn model": hearing.load, "its weights": hearing.fetch})
        return App(loaded, endpoints, readiness, nobody, self.floor, hearing, {}, self._http)

    async def _endpoints(self, loaded: LoadedSettings) -> tuple[LoadedSettings, Endpoints]:
        """Return `loaded` with the configured endpoints; if one is invalid, with its error and none that the person named."""
        try:
            return loaded, await Endpoints.made(loaded, self._http)
        except ConfigError as error:
            unnamed = replace(loaded.settings, tts_base_urls=(), stt_base_urls=())
            loaded = replace(loaded, settings=unnamed, error=loaded.error or error)
            return loaded, await Endpoints.made(loaded, self._http)


def checked_language(text: str) -> str:
    """Return `text` as an ISO 639-1 code, or empty. Raises ArgumentError."""
    try:
        return language_code(text) if text else ""
    except ValueError as error:
        raise ArgumentError(f"language is {text!r}; it must be {error}.") from error


@asynccontextmanager
async def open_app(load: Callable[[], LoadedSettings] = read_settings, *, log_to_stderr: bool = True) -> AsyncIterator[Runtime]:
    """Open the program: connections, devices and tasks live exactly as long as this context."""
    async with open_http() as http:
        opened = Runtime(load, http, log_to_stderr=log_to_stderr)
        await opened.begin()
        try:
            async with steerable(opened.floor.controls):
                yield opened
        finally:
            await opened.close()
