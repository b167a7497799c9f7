"""Say something, listen for the answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from voicemode.audio.alongside import alongside, unless
from voicemode.audio.cues import done_cue, listening_cue
from voicemode.audio.endpoint import Rules, Turn
from voicemode.audio.frames import Frame, stream
from voicemode.audio.record import Recorder, Recording, Senses
from voicemode.audio.tape import Tape
from voicemode.errors import AudioDeviceError, NotSpokenError, ProviderError
from voicemode.floor import Floor
from voicemode.speech.base import TextToSpeech, Voice
from voicemode.speech.speculative import Ears
from voicemode.speech.spoken_text import spoken, written
from voicemode.speech.steering import Heeded
from voicemode.transports.base import Played, Transport
from voicemode.understanding import Expected, Report, Understanding, Understood

CUE_RATE = 24_000
"""Hertz; the rate speech comes in, so the device need not change it."""

DEAD_MICROPHONE = (
    "The microphone delivers only digital silence: it is muted, or this program may not use it. Unmute it, or allow "
    "microphone access for the terminal or app that runs VoiceMode in the system's privacy settings."
)
MUTED = "The person has muted the microphone: voicemode unmute."
SKIPPED = "The person skipped the rest of the message."


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a conversation is held."""

    rules: Rules = field(default_factory=Rules)
    cues: bool = True
    """Play a soft tone when listening starts and ends."""
    pronounce: tuple[tuple[str, str], ...] = ()
    """(written, spoken) pairs."""
    expected: Expected = field(default_factory=Expected)
    """What is known of the answer before it is heard."""
    save_audio: bool = False
    """Keep recordings that have been transcribed, too."""


@dataclass(frozen=True, slots=True)
class Spoken:
    started_at: float | None
    """`time.monotonic()` at the first sound; None if there was none."""
    seconds: float
    """Audio that was heard."""
    skipped: bool = False
    """The person did not want to hear the rest."""


@dataclass(frozen=True, slots=True)
class Heard:
    text: str
    ended: str
    """Why the turn ended: "finished", "silence", 'said "over"', "sent", "too long", "no speech" or "stopped"."""
    note: str = ""
    """What to do about it, where something was wrong."""
    provider: str = ""
    audio_seconds: float = 0.0
    transcribe_seconds: float = 0.0
    """From the end of the turn to the text."""
    again: bool = False
    """The person asks to hear the message once more."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something to say, and how far that is."""

    text: str
    voice: Voice
    played: Played = field(default_factory=Played)

    def spoken(self, *, skipped: bool = False) -> Spoken:
        return Spoken(self.played.started_at, self.played.seconds, skipped)


class Conversation:
    """One person, one transport; one thing at a time: whoever calls while another talks waits for its turn."""

    def __init__(
        self,
        transport: Transport,
        speech: tuple[Ears, TextToSpeech],
        senses: Callable[[], Senses],
        recordings: Path,
        floor: Floor,
    ) -> None:
        """`senses` makes fresh ones for each turn."""
        self._transport = transport
        self._stt, self._tts = speech
        self._senses = senses
        self._recordings = recordings
        self._floor = floor
        self._hands = floor.hands

    async def say(self, text: str, voice: Voice, manners: Manners, report: Report) -> Spoken:
        """Speak; return when the last word was heard, or the person wants to hear no more. Raises NotSpokenError."""
        message = Message(text, voice)
        async with self._alone():
            said = await unless(self._hands.stopped(), self._say(message, manners, report))
        return said or message.spoken(skipped=True)

    async def listen(self, manners: Manners, report: Report) -> Heard:
        """The person's next turn."""
        return (await self.converse("", Voice(), manners, report))[1]

    async def converse(self, text: str, voice: Voice, manners: Manners, report: Report) -> tuple[Spoken, Heard]:
        """Speak and hear the answer. The microphone is open before we fall silent, so a quick answer is not clipped.

        Raises NotSpokenError, and then has listened for nothing.
        """
        message = Message(text, voice)
        async with self._alone():
            exchanged = await unless(self._hands.stopped(), self._exchange(message, manners, report))
        return exchanged or (message.spoken(), Heard("", "stopped", "The person stopped the turn."))

    async def _exchange(self, message: Message, manners: Manners, report: Report) -> tuple[Spoken, Heard]:
        """Until the person has answered, however often they ask to hear it again."""
        said, heard = await self._turn(message, manners, report)
        while heard.again and message.text.strip():
            said, heard = await self._turn(message, manners, report)
        return said, heard

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """While no other turn goes on."""
        async with self._floor.lock:
            await self._floor.settle()
            with self._hands.turn():
                yield

    async def _say(self, message: Message, manners: Manners, report: Report) -> Spoken:
        played, words = message.played, spoken(message.text, manners.pronounce, message.voice.language)
        if not words:
            return message.spoken()
        self._hands.now("speaking")
        await report("speaking")
        playing = self._transport.play(self._tts.synthesize(words, message.voice), played)
        try:
            heard = await unless(self._hands.skipped(), playing)
        except (ProviderError, AudioDeviceError) as error:
            raise NotSpokenError(error, started_at=played.started_at, seconds=played.seconds) from error
        return message.spoken(skipped=heard is None)

    async def _turn(self, message: Message, manners: Manners, report: Report) -> tuple[Spoken, Heard]:
        async with Tape(self._recordings) as tape:
            recorder = Recorder(self._senses(), manners.rules, tape, self._hands, self._floor.pauses)
            understanding = Understanding(self._stt, recorder, manners.expected, report)
            async with alongside(understanding.understand()) as understood:
                said, recording = await self._record(message, manners, report, recorder, tape)
                if not recording.audio.pcm:
                    return said, self._nobody_spoke(recording, manners)
                ended_at = time.monotonic()
                self._hands.now("transcribing")
                await report("transcribing")
                self._floor.leave(self._cue(done_cue(CUE_RATE), manners))
                try:
                    answer = await understood
                except ProviderError as error:
                    raise tape.failure(error) from error
        if not manners.save_audio:
            tape.discard()
        return said, answered(answer, recording, manners, time.monotonic() - ended_at)

    async def _record(
        self, message: Message, manners: Manners, report: Report, recorder: Recorder, tape: Tape
    ) -> tuple[Spoken, Recording]:
        our_voice_ended = asyncio.Event()
        try:
            async with (
                self._transport.microphone() as mic,
                alongside(recorder.record(mic, our_voice_ended.is_set, lambda: report(DEAD_MICROPHONE))) as recording,
            ):
                async with alongside(self._say(message, manners, report)) as saying:
                    await asyncio.wait([saying, recording], return_when=asyncio.FIRST_COMPLETED)
                    if recording.done():
                        # A microphone that fails while we speak is told now, not when we have finished.
                        recording.result()
                self._hands.now("listening")
                our_voice_ended.set()
                async with alongside(self._cue(listening_cue(CUE_RATE), manners)):
                    if self._hands.state.muted:
                        await report(MUTED)
                    await report("listening")
                    return saying.result(), await recording
        except AudioDeviceError as error:
            if recorder.speaking:
                raise tape.failure(error) from error
            raise

    async def _cue(self, cue: Frame, manners: Manners) -> None:
        if manners.cues:
            # A turn must not fail for want of a tone.
            with suppress(AudioDeviceError):
                await self._transport.play(stream(cue))

    def _nobody_spoke(self, recording: Recording, manners: Manners) -> Heard:
        if recording.ended is Turn.SENT:
            return Heard("", "sent", "The person sent an answer without a word.")
        if self._hands.state.muted:
            return Heard("", recording.ended.value, MUTED)
        waited = f"Nobody spoke within {manners.rules.patience_seconds:g} s."
        return Heard("", recording.ended.value, DEAD_MICROPHONE if recording.dead else waited)


def answered(answer: Understood, recording: Recording, manners: Manners, transcribe_seconds: float) -> Heard:
    """What an understood turn comes to."""
    return Heard(
        text=written(answer.transcript.text, manners.pronounce),
        ended=reason(recording.ended, answer.heeded),
        provider=answer.transcript.provider,
        audio_seconds=recording.audio.seconds,
        transcribe_seconds=transcribe_seconds,
        again=answer.heeded.action == "repeat",
    )


def reason(ended: Turn, heeded: Heeded) -> str:
    """Why a turn ended, as the agent is told."""
    if heeded.action == "send" or (ended is Turn.SAID and heeded.action):
        return f'said "{heeded.phrase}"'
    # A word that the whole text does not bear out.
    return Turn.FINISHED.value if ended is Turn.SAID else ended.value
