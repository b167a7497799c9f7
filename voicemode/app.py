"""The composition root: settings in, a working object graph out. Nothing else builds these."""

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from voicemode.audio.endpoint import Rules
from voicemode.audio.vad import create_vad
from voicemode.config import Loaded, Settings, changed, load_settings
from voicemode.config.urls import same_address
from voicemode.config.values import language_code
from voicemode.conversation import Conversation, Manners, Report
from voicemode.errors import ArgumentError
from voicemode.log import configure as configure_log
from voicemode.providers import OnDemand, Provider, Providers, Speech
from voicemode.readiness import Readiness
from voicemode.services import find
from voicemode.services._base import Service
from voicemode.services._process import LocalServer
from voicemode.speech.base import Voice
from voicemode.speech.openai_api import Endpoint, SpeechClient, open_http
from voicemode.speech.sentences import Sentences
from voicemode.transports import TRANSPORTS
from voicemode.transports.base import Transport

if TYPE_CHECKING:
    import httpx2

log = logging.getLogger(__name__)

CLOUD_URL = "https://api.openai.com/v1"


async def silent(stage: str) -> None:
    """A report nobody reads."""


@dataclass(frozen=True, slots=True)
class App:
    """Everything a tool may use, as the settings are at this moment."""

    loaded: Loaded
    providers: Providers
    readiness: Readiness
    report: Report
    floor: asyncio.Lock
    """Held while something is said or heard."""
    transports: dict[str, Transport]

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    def conversation(self, transport: str = "auto") -> Conversation:
        """What is said and heard over `transport`."""
        return Conversation(
            self.transport(transport),
            speech=(self.providers, Sentences(self.providers)),
            vad=partial(create_vad, self.settings.vad, self.settings.vad_aggressiveness),
            recordings=self.settings.recordings_dir,
            floor=self.floor,
        )

    async def ready(self, *, speaking: bool, listening: bool) -> None:
        """Wait until those who are needed can be asked, reporting what that waits for."""
        kinds = {"tts": speaking, "stt": listening}
        await self.readiness.wait(self.report, *(kind for kind, needed in kinds.items() if needed))

    def manners(self, *, language: str = "", max_seconds: float | None = None) -> Manners:
        """How to converse: the settings, with what the caller wants differently."""
        settings = self.settings
        if max_seconds is not None and not 1 <= max_seconds <= 3600:
            raise ArgumentError(f"listen_duration_max is {max_seconds:g}; it must be 1 to 3600 seconds.")
        language = checked_language(language)
        return Manners(
            rules=Rules(
                silence_seconds=settings.silence_threshold_ms / 1000,
                patience_seconds=min(settings.patience_seconds, max_seconds or settings.patience_seconds),
                max_seconds=max_seconds or settings.default_listen_duration,
            ),
            cues=settings.audio_feedback,
            pronounce=settings.pronunciations,
            prompt=settings.stt_prompt,
            language=language or settings.language,
            save_audio=settings.save_audio,
        )

    def voice(self, name: str = "", speed: float | None = None, instructions: str = "", language: str = "") -> Voice:
        """How to speak: the settings, with what the caller wants differently."""
        if speed is not None and not 0.25 <= speed <= 4.0:
            raise ArgumentError(f"speed is {speed:g}; it must be 0.25 to 4.0, where 1.0 is normal.")
        return Voice(name, speed or self.settings.tts_speed, instructions, checked_language(language) or self.settings.language)

    def transport(self, name: str = "auto") -> Transport:
        """The transport called `name`; `auto` is the one in the settings."""
        name = self.settings.transport if name == "auto" else name
        name = "local" if name == "auto" else name
        if name not in self.transports:
            module, _, cls = TRANSPORTS[name].partition(":")
            self.transports[name] = getattr(importlib.import_module(module), cls).from_settings(self.settings)
        return self.transports[name]


class Opened:
    """The running program: gives an `App` for each turn, built anew when a settings file has changed."""

    def __init__(self, load: Callable[[], Loaded], http: "httpx2.AsyncClient") -> None:
        self._load = load
        self._http = http
        self._floor = asyncio.Lock()
        self._app = self._build(load())

    async def now(self, report: Report = silent) -> App:
        """The App as the settings are now. Raises ConfigError if they have become wrong."""
        if changed(self._app.loaded):
            before, self._app = self._app, self._build(self._load())
            await before.readiness.close()
        return replace(self._app, report=report)

    def warm_up(self) -> None:
        """Begin to get ready for the first turn, so that it need not wait."""
        self._app.readiness.begin()

    async def close(self) -> None:
        """End what goes on in the background."""
        await self._app.readiness.close()

    def _build(self, loaded: Loaded) -> App:
        settings = loaded.settings
        configure_log(settings.log_level, settings.logs_dir, secrets=settings.secrets)
        for notice in loaded.notices:
            log.warning("%s", notice)
        local = (find("whisper"), find("kokoro"))
        providers = Providers([self._provider(url, service, settings) for service in local for url in urls(settings, service)])
        readiness = Readiness({service.kind: partial(providers.warm_up, service.kind) for service in local})
        return App(loaded, providers, readiness, silent, self._floor, {})

    def _provider(self, url: str, service: Service, settings: Settings) -> Provider:
        client = SpeechClient(Endpoint(url, settings.key_for(url)), self._http, settings)
        speech: Speech = client
        if settings.auto_start and same_address(url, service.url(settings)):
            speech = OnDemand(client, LocalServer(service, settings))
        return Provider(url, speech, service.kind)


def checked_language(text: str) -> str:
    """`text` as an ISO 639-1 code, or empty. Raises ArgumentError."""
    try:
        return language_code(text) if text else ""
    except ValueError as error:
        raise ArgumentError(f"language is {text!r}; it must be {error}.") from error


def urls(settings: Settings, service: Service) -> list[str]:
    """Endpoints for the job of `service`, best first: the user's, the local one, the cloud if it was not ruled out.

    Whoever names endpoints wants those and no others: the cloud is added only where none are named. The local server is
    the last resort there, too, if it is installed: it costs nothing and tells nobody.
    """
    named = list(settings.stt_base_urls if service.kind == "stt" else settings.tts_base_urls)
    local = service.url(settings)
    if not named:
        return [local] + ([CLOUD_URL] if settings.openai_api_key else [])
    return named + ([local] if service.installed and not any(same_address(url, local) for url in named) else [])


@asynccontextmanager
async def open_app(load: Callable[[], Loaded] = load_settings) -> AsyncIterator[Opened]:
    """The only opener: connections, devices and tasks live exactly as long as this context."""
    async with open_http() as http:
        opened = Opened(load, http)
        try:
            yield opened
        finally:
            await opened.close()
