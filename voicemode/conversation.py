"""Say something, listen for the answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from voicemode.audio.alongside import alongside
from voicemode.audio.cues import done_cue, listening_cue
from voicemode.audio.endpoint import Rules
from voicemode.audio.frames import Frame, closing, stream
from voicemode.audio.line import Line
from voicemode.audio.record import Recorder, Recording
from voicemode.audio.tape import Tape
from voicemode.audio.vad import Vad
from voicemode.errors import AudioDeviceError, NotSpokenError, ProviderError
from voicemode.speech.base import SpeechToText, TextToSpeech, Transcript, Voice
from voicemode.speech.spoken_text import spoken, written
from voicemode.transports.base import Played, Transport

CUE_RATE = 24_000
"""Hertz; the rate speech comes in, so the device need not change it."""

Report = Callable[[str], Awaitable[None]]
"""Tells the person or the agent what is going on: "speaking", "listening", "transcribing"."""

DEAD_MICROPHONE = (
    "The microphone delivers only digital silence: it is muted, or this program may not use it. Unmute it, or allow "
    "microphone access for the terminal or app that runs VoiceMode in the system's privacy settings."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a conversation is held."""

    rules: Rules = field(default_factory=Rules)
    cues: bool = True
    """Play a soft tone when listening starts and ends."""
    pronounce: tuple[tuple[str, str], ...] = ()
    """(written, spoken) pairs."""
    prompt: str = ""
    """Words to expect in what is heard."""
    language: str = ""
    """ISO 639-1 code of what is heard; empty is detected."""
    save_audio: bool = False
    """Keep recordings that have been transcribed, too."""


@dataclass(frozen=True, slots=True)
class Spoken:
    started_at: float | None
    """`time.monotonic()` at the first sound; None if there was none."""
    seconds: float
    """Audio that was heard."""


@dataclass(frozen=True, slots=True)
class Heard:
    text: str
    ended: str
    """Why the turn ended: "silence", "too long" or "no speech"."""
    note: str = ""
    """What to do about it, where something was wrong."""
    provider: str = ""
    audio_seconds: float = 0.0
    transcribe_seconds: float = 0.0
    """From the end of the turn to the text."""


class Conversation:
    """One person, one transport; one thing at a time: whoever calls while another talks waits for its turn."""

    def __init__(
        self,
        transport: Transport,
        speech: tuple[SpeechToText, TextToSpeech],
        vad: Callable[[], Vad],
        recordings: Path,
        floor: asyncio.Lock,
    ) -> None:
        """`vad` makes a fresh detector for each turn; `floor` is held while something is said or heard."""
        self._transport = transport
        self._stt, self._tts = speech
        self._vad = vad
        self._recordings = recordings
        self._floor = floor

    async def say(self, text: str, voice: Voice, manners: Manners, report: Report) -> Spoken:
        """Speak; return when the last word was heard. Raises NotSpokenError."""
        async with self._floor:
            return await self._say(text, voice, manners, report)

    async def listen(self, manners: Manners, report: Report) -> Heard:
        """The person's next turn."""
        return (await self.converse("", Voice(), manners, report))[1]

    async def converse(self, text: str, voice: Voice, manners: Manners, report: Report) -> tuple[Spoken, Heard]:
        """Speak and hear the answer. The microphone is open before we fall silent, so a quick answer is not clipped.

        Raises NotSpokenError, and then has listened for nothing.
        """
        async with self._floor:
            return await self._converse(text, voice, manners, report)

    async def _say(self, text: str, voice: Voice, manners: Manners, report: Report) -> Spoken:
        played = Played()
        words = spoken(text, manners.pronounce, voice.language)
        if words:
            await report("speaking")
            try:
                await self._transport.play(self._tts.synthesize(words, voice), played)
            except (ProviderError, AudioDeviceError) as error:
                raise NotSpokenError(error, started_at=played.started_at, seconds=played.seconds) from error
        return Spoken(played.started_at, played.seconds)

    async def _converse(self, text: str, voice: Voice, manners: Manners, report: Report) -> tuple[Spoken, Heard]:
        async with Tape(self._recordings) as tape:
            recorder = Recorder(self._vad(), manners.rules, tape)
            async with alongside(self._understand(recorder.line, manners, report)) as understanding:
                said, recording = await self._exchange(text, voice, manners, report, recorder, tape)
                if not recording.audio.pcm:
                    return said, nobody_spoke(recording, manners)
                ended_at = time.monotonic()
                await report("transcribing")
                async with alongside(self._cue(done_cue(CUE_RATE), manners)):
                    try:
                        transcript = await understanding
                    except ProviderError as error:
                        raise tape.failure(error) from error
        if not manners.save_audio:
            tape.discard()
        return said, Heard(
            text=written(transcript.text, manners.pronounce),
            ended=recording.ended.value,
            provider=transcript.provider,
            audio_seconds=recording.audio.seconds,
            transcribe_seconds=time.monotonic() - ended_at,
        )

    async def _exchange(
        self, text: str, voice: Voice, manners: Manners, report: Report, recorder: Recorder, tape: Tape
    ) -> tuple[Spoken, Recording]:
        our_voice_ended = asyncio.Event()
        try:
            async with (
                self._transport.microphone() as mic,
                alongside(recorder.record(mic, our_voice_ended.is_set, lambda: report(DEAD_MICROPHONE))) as recording,
            ):
                async with alongside(self._say(text, voice, manners, report)) as saying:
                    await asyncio.wait([saying, recording], return_when=asyncio.FIRST_COMPLETED)
                    if recording.done():
                        # A microphone that fails while we speak is told now, not when we have finished.
                        recording.result()
                our_voice_ended.set()
                async with alongside(self._cue(listening_cue(CUE_RATE), manners)):
                    await report("listening")
                    return saying.result(), await recording
        except AudioDeviceError as error:
            if recorder.speaking:
                raise tape.failure(error) from error
            raise

    async def _understand(self, turn: Line, manners: Manners, report: Report) -> Transcript:
        """What is said in `turn`, begun while it is being said by those who can; empty if nothing is. Raises ProviderError."""
        if await turn.begins():
            transcripts = self._stt.transcripts(turn, prompt=manners.prompt, language=manners.language)
            async with closing(transcripts):
                async for transcript in transcripts:
                    if transcript.final:
                        return transcript
                    await report(f"hearing: {transcript.text}")
        return Transcript("")

    async def _cue(self, cue: Frame, manners: Manners) -> None:
        if manners.cues:
            # A turn must not fail for want of a tone.
            with suppress(AudioDeviceError):
                await self._transport.play(stream(cue))


def nobody_spoke(recording: Recording, manners: Manners) -> Heard:
    waited = f"Nobody spoke within {manners.rules.patience_seconds:g} s."
    return Heard("", recording.ended.value, DEAD_MICROPHONE if recording.dead else waited)
