"""The speech endpoints: configured ones, discovered ones, the cloud."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Generic, TypeVar

from voicemode.config import LoadedSettings, Settings
from voicemode.config.urls import Address, same_address
from voicemode.progress import Report
from voicemode.providers import Distance, EndpointSource, OnDemand, Provider, Providers, distance_of
from voicemode.providers.discovery import Found, Lookout, discover
from voicemode.providers.plugins import Plugins
from voicemode.providers.pool import Pool
from voicemode.services import find
from voicemode.services.process import LocalServer
from voicemode.services.service import Service
from voicemode.speech.base import Kind, Serving, Synthesizer, Transcriber
from voicemode.speech.openai.client import Endpoint, SpeechClient

if TYPE_CHECKING:
    import httpx2

S = TypeVar("S", bound=Serving)

CLOUD_URL = "https://api.openai.com/v1"


def service_for(kind: Kind) -> Service:
    """Return our own service for this job."""
    return find("whisper" if kind == "stt" else "kokoro")


def configured(settings: Settings, service: Service) -> list[tuple[EndpointSource, str]]:
    """Return base URLs for the job of `service`, best first: the user's, the local one, the cloud if it has a key."""
    named = [
        (EndpointSource.USER, url) for url in (settings.stt_base_urls if service.kind == "stt" else settings.tts_base_urls)
    ]
    # If the user names endpoints, a local one that is not installed would only add noise to every error.
    local = [(EndpointSource.LOCAL, service.url(settings))] if service.installed or not named else []
    wanted = settings.cloud and settings.openai_api_key and not settings.local_only
    cloud = [(EndpointSource.CLOUD, CLOUD_URL)] if wanted else []
    return distinct([*named, *local, *cloud])


def distinct(urls: Sequence[tuple[EndpointSource, str]]) -> list[tuple[EndpointSource, str]]:
    """Return `urls` without those that mean the same as an earlier one."""
    kept: list[tuple[EndpointSource, str]] = []
    for source, url in urls:
        if not any(same_address(url, other) for _, other in kept):
            kept.append((source, url))
    return kept


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes providers from URLs, according to the settings."""

    settings: Settings
    http: "httpx2.AsyncClient"
    plugins: Plugins

    def transcriber(self, url: str, source: EndpointSource) -> Provider[Transcriber]:
        """Make the provider of a speech-to-text endpoint. Raises ConfigError if the scheme of `url` is unknown."""
        return self._provider(url, source, "stt", self._client(url, "stt") or self.plugins.transcriber(url, self.settings))

    def speaker(self, url: str, source: EndpointSource) -> Provider[Synthesizer]:
        """Make the provider of a text-to-speech endpoint. Raises ConfigError if the scheme of `url` is unknown."""
        return self._provider(url, source, "tts", self._client(url, "tts") or self.plugins.speaker(url, self.settings))

    def _client(self, url: str, kind: Kind) -> SpeechClient | OnDemand | None:
        """Make a client of the OpenAI API, which starts our own server on demand; None for other schemes."""
        if not Address.parse(url).is_http:
            return None
        client = SpeechClient(Endpoint(url, self.settings.key_for(url)), self.http, self.settings, kind)
        service = service_for(kind)
        ours = same_address(url, service.url(self.settings))
        return OnDemand(client, LocalServer(service, self.settings)) if ours else client

    def _provider(self, url: str, source: EndpointSource, kind: Kind, speech: S) -> Provider[S]:
        sends_key, place = bool(self.settings.key_for(url)), distance_of(url)
        return Provider(
            name=url,
            kind=kind,
            speech=speech,
            source=source,
            place=place,
            paid=source is EndpointSource.CLOUD or (sends_key and place is Distance.INTERNET),
            sends_key=sends_key,
            on_demand=isinstance(speech, OnDemand),
        )


class Endpoints:
    """All endpoints: those in the settings, and those that come and go on this machine."""

    @classmethod
    async def made(cls, loaded: LoadedSettings, http: "httpx2.AsyncClient") -> "Endpoints":
        """Load the plugins that the URLs need, then make the endpoints. Raises ConfigError if a URL's scheme is unknown."""
        settings = loaded.settings
        plugins = Plugins(settings.providers_dir)
        if not all(Address.parse(url).is_http for url in (*settings.stt_base_urls, *settings.tts_base_urls)):
            await plugins.load()
        return cls(loaded, http, plugins)

    def __init__(self, loaded: LoadedSettings, http: "httpx2.AsyncClient", plugins: Plugins) -> None:
        """Raises ConfigError if a URL's scheme is unknown."""
        settings = loaded.settings
        self.plugins = plugins
        make = Maker(settings, http, self.plugins)
        named = settings.stt_model if loaded.sources["stt_model"].kind != "default" else ""
        self._ears = Roster(make.transcriber, configured(settings, service_for("stt")))
        self._voices = Roster(make.speaker, configured(settings, service_for("tts")))
        self.providers = Providers(
            self._ears.now([]), self._voices.now([]), hedge=settings.hedge, stt_model=named, voices=settings.voices
        )
        self._settings = settings
        self.lookout = Lookout(self._look, self._take)

    async def warm_up(self, kind: Kind, report: Report) -> None:
        """Get the endpoint ready that the next turn will try first. Raises VoiceModeError."""
        pool: Pool[Transcriber] | Pool[Synthesizer] = self.providers.stt if kind == "stt" else self.providers.tts
        best = pool.best()
        if best is None or not best.awake:
            # No engine is started, and no weights are fetched, where a server runs already.
            await self.lookout.first()
        await pool.warm_up(report)

    async def close(self) -> None:
        await asyncio.gather(self.lookout.close(), self.providers.close())

    async def _look(self, known: Sequence[Found]) -> Sequence[Found]:
        found = await asyncio.gather(discover(self._settings, known), self.plugins.discover(self._settings))
        return list(chain.from_iterable(found))

    def _take(self, found: Sequence[Found]) -> None:
        self.providers.stt.update(self._ears.now([one.url for one in found if one.kind == "stt"]))
        self.providers.tts.update(self._voices.now([one.url for one in found if one.kind == "tts"]))


class Roster(Generic[S]):
    """The providers for one job: those that are configured, and those that are discovered."""

    def __init__(
        self, make: Callable[[str, EndpointSource], Provider[S]], configured: Sequence[tuple[EndpointSource, str]]
    ) -> None:
        self._make = make
        self._configured = configured
        self._made: dict[str, Provider[S]] = {}

    def now(self, found: Sequence[str]) -> list[Provider[S]]:
        """Return all providers, best first; `found` are the URLs of discovered servers."""
        urls = distinct([*self._configured, *((EndpointSource.LOCAL, url) for url in found)])
        return [self._provider(url, source, found) for source, url in sorted(urls, key=lambda entry: entry[0])]

    def _provider(self, url: str, source: EndpointSource, found: Sequence[str]) -> Provider[S]:
        if url not in self._made:
            self._made[url] = self._make(url, source)
        provider = self._made[url]
        return replace(provider, runs=any(same_address(url, other) for other in found))
