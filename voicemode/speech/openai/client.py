"""Client for speech over HTTP: any endpoint with OpenAI's audio API.

Raises nothing but ProviderError (UnreachableError where nothing listens), and VoiceModeError for an unreadable file.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from voicemode.audio.codec import decode_stream, has_codecs
from voicemode.audio.frames import Frame, Frames, closing
from voicemode.config import Settings
from voicemode.config.installer import to_install
from voicemode.errors import NoConnectionError, ProviderError, RefusedFormatError
from voicemode.http_client.body import parsed
from voicemode.progress import Report
from voicemode.speech.base import FilePart, FileProgress, Kind, Listed, Offer, TextFormat, Transcript, Voice
from voicemode.speech.openai.address import Endpoint
from voicemode.speech.openai.catalogue import (
    OPENAI_VOICES,
    choose_stt_model,
    choose_tts_model,
    choose_voice,
    follows_instructions,
    languages_of_models,
    languages_of_voices,
    names,
)
from voicemode.speech.openai.errors import nonsense, translated
from voicemode.speech.openai.events import events
from voicemode.speech.openai.formats import PLAIN, Formats, candidates, sound_type
from voicemode.speech.openai.listing import EndpointListing
from voicemode.speech.openai.upload import form, open_file, recording
from voicemode.speech.openai.wire import ERROR_BYTES, Response, Timeouts, Wire
from voicemode.speech.speculative import at_the_end

if TYPE_CHECKING:
    import httpx2

__all__ = ["Endpoint", "SpeechClient"]

LEARN_SECONDS = 1.0
"""Timeout for requesting all lists."""
FILE_SECONDS = 3600.0
"""Timeout for a response while a file is transcribed: an hour of audio takes a slow engine that long."""


class SpeechClient:
    """A Transcriber and Synthesizer at one endpoint."""

    streams = False

    def __init__(
        self,
        endpoint: Endpoint,
        http: "httpx2.AsyncClient",
        settings: Settings,
        kind: Kind | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`kind` is the job of the endpoint; None means both."""
        self.endpoint = endpoint
        self._settings = settings
        self._kinds: tuple[Kind, ...] = (kind,) if kind else get_args(Kind)
        self._wire = Wire(endpoint, http, Timeouts.of(settings, local=endpoint.is_here))
        self._lists = EndpointListing(self._wire, clock)
        self._codecs = has_codecs()
        self._formats = {kind: Formats(self._candidates(kind)) for kind in self._kinds}

    @property
    def offer(self) -> Offer:
        """Offer as known so far."""
        models, voices = self._lists.known.get("models"), self._known_voices()
        if len(self._kinds) > 1:
            # No language is certain for both jobs: voices may have fewer than speech-to-text models.
            return Offer(models, voices)
        return Offer(models, voices, languages_of_voices(voices) if "tts" in self._kinds else languages_of_models(models))

    @property
    def format(self) -> str:
        """Format of the audio exchanged, as known so far."""
        return "/".join(self._formats[kind].best for kind in self._kinds)

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        """Transcribe `audio`. Raises ProviderError."""
        fields = await self._transcription_fields("json", prompt, language)
        refusals: list[RefusedFormatError] = []
        for name in self._formats["stt"].in_order():
            try:
                transcript = await self._transcribe_as(name, audio, fields)
            except RefusedFormatError as error:
                refusals.append(error)
            else:
                self._formats["stt"].remember(name)
                return transcript
        raise refusals[0]

    def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        return at_the_end(self, frames, prompt=prompt, language=language)

    async def transcribe_file(
        self, path: Path, *, language: str = "", response_format: TextFormat = "text", progress: FileProgress | None = None
    ) -> str:
        """Return the endpoint's text of an audio file, in any format it reads. Raises ProviderError and VoiceModeError."""
        fields = await self._transcription_fields(response_format, self._settings.prompt, language)
        if progress and self.endpoint.is_here:
            # Only our own server knows this field.
            fields["progress"] = "true"
        limits = Timeouts(self._wire.limits.connect_seconds, FILE_SECONDS, FILE_SECONDS, 2 * FILE_SECONDS)
        with await asyncio.to_thread(open_file, path) as file:
            async with self._wire.ask("POST", "audio/transcriptions", limits, **form(fields, path.name, file)) as answer:
                if progress and "event-stream" in answer.response.headers.get("content-type", ""):
                    return await self._followed(answer, progress)
                body = await answer.text()
        if response_format == "text" and "json" in answer.response.headers.get("content-type", ""):
            return self._transcript(body).text
        return body.decode("utf-8", "replace").strip()

    async def _followed(self, answer: Response, progress: FileProgress) -> str:
        """Return the whole text of a response that comes in parts; report each part."""
        said: dict[str, Any] = {}
        async with closing(events(answer.chunks())) as coming:
            async for said in coming:
                if "delta" in said:
                    progress(FilePart(said["delta"], said["start"], said["end"], said["duration"]))
        if "error" in said:
            raise ProviderError(f"{self.endpoint} failed: {said['error'].get('message', '')}", transient=True)
        if "text" not in said:
            raise nonsense(self.endpoint, "a whole transcript", json.dumps(said).encode())
        return str(said["text"]).strip()

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        """Speak `text`; yield frames as the bytes arrive. Raises ProviderError, also after frames were yielded."""
        request = await self._speech_request(text, voice)
        refusals: list[RefusedFormatError] = []
        for name in self._formats["tts"].in_order():
            try:
                async with closing(self._speak_as(name, request)) as frames:
                    async for frame in frames:
                        yield frame
            except RefusedFormatError as error:
                refusals.append(error)
            else:
                return
        raise refusals[0]

    async def voices(self) -> Listed:
        """Return the voices that the endpoint lists, if any; retried until it responds. Raises NoConnectionError."""
        return self._known_voices() or await self._lists.get("audio/voices")

    async def models(self) -> Listed:
        """Return the models that the endpoint lists, if any; retried until it responds. Raises NoConnectionError."""
        return await self._lists.get("models")

    async def learn(self) -> None:
        """Request the offer if it is unknown; takes 1 s at most and never fails."""
        with suppress(TimeoutError, NoConnectionError):
            async with asyncio.timeout(LEARN_SECONDS):
                await self.models()
                if "tts" in self._kinds:
                    await self.voices()

    async def check(self) -> str:
        """Name a few of the endpoint's models. Raises ProviderError if it does not respond as it should."""
        async with self._wire.ask("GET", "models") as answer:
            body = await answer.text()
        if (said := parsed(body)) is None:
            raise nonsense(self.endpoint, "a list of models", body)
        found = names(said)
        return f"answers; models: {', '.join(found[:4])}" if found else "answers"

    async def warm_up(self, _report: Report) -> None:
        """Open a connection and request the offer, so that the first turn need not. Never fails."""
        await self.learn()

    def _candidates(self, kind: Kind) -> tuple[str, ...]:
        setting = self._settings.stt_audio_format if kind == "stt" else self._settings.tts_audio_format
        return candidates(kind, setting, local=self.endpoint.is_here, codecs=self._codecs)

    def _known_voices(self) -> Listed:
        return OPENAI_VOICES if self.endpoint.is_openai else self._lists.known.get("audio/voices")

    async def _transcription_fields(self, response_format: TextFormat, prompt: str, language: str) -> dict[str, str]:
        model = choose_stt_model(self._settings.stt_model, await self.models())
        fields = {"model": model, "response_format": response_format, "prompt": prompt, "language": language}
        return {name: value for name, value in fields.items() if value}

    async def _transcribe_as(self, audio_format: str, audio: Frame, fields: dict[str, str]) -> Transcript:
        with translated(self.endpoint):
            file = await recording(audio, audio_format)
        limits = self._wire.limits.longer(audio.seconds)
        async with self._wire.ask("POST", "audio/transcriptions", limits, data=fields, files={"file": file}) as answer:
            return self._transcript(await answer.text())

    def _transcript(self, body: bytes) -> Transcript:
        answer = parsed(body)
        if not isinstance(answer, dict) or not isinstance(answer.get("text"), str):
            raise nonsense(self.endpoint, "a transcript", body)
        language = answer.get("language")
        # Some servers give the language's English name instead of its code.
        return Transcript(answer["text"].strip(), language if isinstance(language, str) and len(language) == 2 else "")

    async def _speech_request(self, text: str, voice: Voice) -> dict[str, object]:
        models, voices = await self.models(), await self.voices()
        name = choose_voice(voice, self._settings.voices, voices)
        model = choose_tts_model(self._settings.tts_models, models, replace(voice, name=name))
        request: dict[str, object] = {"model": model, "input": text}
        if name:
            request["voice"] = name
        if voice.speed != 1:
            request["speed"] = voice.speed
        if voice.instructions and follows_instructions(model):
            request["instructions"] = voice.instructions
        return request

    async def _speak_as(self, audio_format: str, request: dict[str, object]) -> Frames:
        """Speak in one format. Raises RefusedFormatError, before the first frame only."""
        content = request | {"response_format": audio_format}
        async with self._wire.ask("POST", "audio/speech", json=content) as answer:
            coming, rate = await self._sound_of(answer, audio_format)
            self._formats["tts"].remember(coming)
            heard = False
            async with closing(decode_stream(answer.chunks(), coming, rate)) as frames:
                async for frame in frames:
                    heard = True
                    yield frame
            if not heard:
                raise ProviderError(f"{self.endpoint} answered with no audio.", transient=True)

    async def _sound_of(self, answer: Response, asked: str) -> tuple[str, int]:
        """Return the format and, for PCM, the sample rate of the response, as the server declares them."""
        content_type = answer.response.headers.get("content-type", "").lower()
        if content_type.startswith("text/") or "json" in content_type:
            raise nonsense(self.endpoint, "audio", await answer.beginning(ERROR_BYTES))
        said, rate = sound_type(content_type)
        if said not in {asked, "", *PLAIN} and not self._codecs:
            raise RefusedFormatError(
                f"{self.endpoint} answered in {said}, which needs a codec library that is not installed.",
                hint=to_install(extra="codecs"),
            )
        return said or asked, rate
