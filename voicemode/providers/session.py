"""Speech-to-text and text-to-speech for one turn, with failover between endpoints."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from voicemode.audio.frames import Frame, Frames, closing
from voicemode.errors import ProviderError
from voicemode.providers.choice import Wanted, missing
from voicemode.providers.member import Attempt, Member, once
from voicemode.providers.pool import Pool
from voicemode.providers.provider import Account, Failure
from voicemode.providers.race import RacedRequest
from voicemode.speech.base import FileProgress, Synthesizer, TextFormat, Transcriber, Transcript, Voice
from voicemode.speech.openai.catalogue import choose_voice
from voicemode.speech.speculative import at_the_end, speculative
from voicemode.text.sentences import broken_off

T = TypeVar("T")

Speculate = Literal["off", "free", "all"]
"""Endpoints that transcribe before the turn has ended: none, free ones, all."""

SECONDS_PER_COST = 6.0
"""Seconds of audio that add 1 to the cost of a request: Whisper base takes 0.32 s for 3 s, 0.9 s for 15 s."""


@dataclass(frozen=True, slots=True)
class ProviderSession:
    """A SpeechToText and a TextToSpeech that fail over, and record that in an account."""

    stt: Pool[Transcriber]
    tts: Pool[Synthesizer]
    account: Account
    stt_model: str = ""
    """Model requested by name; empty means any."""
    voices: tuple[str, ...] = ()
    """Voices in order of preference, where none is requested."""
    speculate: Speculate = "off"

    def early(self, language: str = "") -> bool:
        """True if `transcripts` yields the transcript so far at each pause."""
        best = self.stt.best(self._ears(language))
        if best is None or best.provider.speech.streams:
            return False
        return self.speculate == "all" or (self.speculate == "free" and not best.provider.paid)

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        transcript, name = await self._answer(
            lambda stt: stt.transcribe(audio, prompt=prompt, language=language), language, audio.seconds
        )
        return replace(transcript, provider=name)

    async def transcribe_file(
        self, path: Path, *, language: str = "", response_format: TextFormat = "text", progress: FileProgress | None = None
    ) -> str:
        """Return the text of an audio file in `response_format`. Raises NoProviderError."""

        def ask(stt: Transcriber) -> Awaitable[str]:
            return stt.transcribe_file(path, language=language, response_format=response_format, progress=progress)

        return (await self._answer(ask, language, None))[0]

    async def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
        """Transcribe `frames`, which has to survive a cancelled read: the next provider needs all of the audio."""
        kept: list[Frame] = []
        best = self.stt.best(self._ears(language))
        if best is not None and best.provider.speech.streams:
            live = best.provider.speech.transcripts(keeping(frames, kept), prompt=prompt, language=language)
            async with closing(self._live(best, live)) as transcripts:
                async for transcript in transcripts:
                    yield transcript
                    if transcript.final:
                        return
        how = speculative if self.early(language) and not kept else at_the_end
        async with closing(how(self, after(kept, frames), prompt=prompt, language=language)) as transcripts:
            async for transcript in transcripts:
                yield transcript

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        """Speak `text`. A sentence that broke off is not repeated; the next provider goes on with the sentence after it."""
        wanted = wanted_of(voice)
        await self._ask_around(self.tts, wanted)
        while text:
            seconds, name = 0.0, ""
            try:
                async with closing(self.tts.stream(speaking(text, voice), wanted, self.account)) as frames:
                    async for member, frame in frames:
                        name = member.name
                        self._spoken_by(member, voice)
                        seconds += frame.seconds
                        yield frame
                text = ""
            except ProviderError as error:
                if not seconds:
                    self.account.unheard.append(text)
                    raise
                self.account.failures.append(Failure("tts", name, error.message))
                begun, text = broken_off(text, seconds, voice.speed)
                self.account.unheard.append(begun)

    async def _answer(self, ask: Callable[[Transcriber], Awaitable[T]], language: str, seconds: float | None) -> tuple[T, str]:
        """Return the first response and the name of its provider. An empty text is a response."""
        wanted = self._ears(language)
        await self._ask_around(self.stt, wanted)
        cost = None if seconds is None else 1 + seconds / SECONDS_PER_COST
        request: RacedRequest[Transcriber, T] = RacedRequest("stt", lambda stt: once(lambda: ask(stt)), cost)
        async with closing(self.stt.stream(request, wanted, self.account)) as answers:
            member, answer = await anext(answers)
        self.account.transcribed = member.name
        self._note_missing(member, wanted, "it did what it could")
        return answer, member.name

    async def _live(self, member: Member[Transcriber], transcripts: AsyncIterator[Transcript]) -> AsyncIterator[Transcript]:
        """Yield the transcripts of `member` while the person speaks; a failure is recorded and ends the stream."""
        attempt = Attempt(member, transcripts, cost=None)
        try:
            async for transcript in attempt.items():
                if transcript.final:
                    # The caller cancels the request once it has the transcript, so the success must be recorded here.
                    member.breaker.succeeded()
                    self.account.transcribed = member.name
                    self.account.why["stt"] = "it understands while you speak"
                yield replace(transcript, provider=member.name)
        except ProviderError as error:
            self.account.failures.append(Failure("stt", member.name, error.message))
        finally:
            await attempt.end()
            self.stt.look_after([member])

    def _spoken_by(self, member: Member[Synthesizer], voice: Voice) -> None:
        if member.name not in self.account.spoke:
            speaks = choose_voice(voice, self.voices, member.provider.speech.offer.voices)
            self._note_missing(member, wanted_of(voice), f"{speaks} spoke instead" if speaks else "another spoke instead")
        self.account.spoken_by(member.name)

    def _note_missing(self, member: Member[Transcriber] | Member[Synthesizer], wanted: Wanted, instead: str) -> None:
        if lacks := " and ".join(missing(member.provider.speech.offer, wanted)):
            self.account.note(f"{member.name} has no {lacks}; {instead}.")

    def _ears(self, language: str) -> Wanted:
        return Wanted(model=self.stt_model, language=language)

    async def _ask_around(self, pool: Pool[Transcriber] | Pool[Synthesizer], wanted: Wanted) -> None:
        if wanted != Wanted():
            await pool.learn()


def wanted_of(voice: Voice) -> Wanted:
    return Wanted(voice.model, voice.name, voice.language)


def speaking(text: str, voice: Voice) -> RacedRequest[Synthesizer, Frame]:
    return RacedRequest("tts", lambda tts: tts.synthesize(text, voice), 1.0)


async def keeping(frames: Frames, kept: list[Frame]) -> Frames:
    """Yield `frames` without their pauses, and add each to `kept`. Closing this does not close `frames`."""
    async for frame in frames:
        if frame.pcm:
            kept.append(frame)
            yield frame


async def after(kept: list[Frame], frames: Frames) -> Frames:
    """Yield `kept`, then `frames`. Closing this does not close `frames`."""
    for frame in kept:
        yield frame
    async for frame in frames:
        yield frame
