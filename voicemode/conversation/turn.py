"""One turn: the agent speaks unless somebody talks over it, and hears the answer."""

import time
from contextlib import suppress
from dataclasses import dataclass, field, replace

from voicemode.audio.cues import done_cue, listening_cue
from voicemode.audio.frames import Frame, stream
from voicemode.audio.turns.endpointer import Rules, TurnState
from voicemode.conversation.floor import Floor
from voicemode.conversation.interruption import Verdict
from voicemode.conversation.message import Message, Playback
from voicemode.conversation.participants import Participants
from voicemode.conversation.result import STOPPED_ALOUD, TurnResult, heard_of
from voicemode.conversation.status import DEAD_MICROPHONE, MUTED, StatusFeed
from voicemode.conversation.utterance import Expected
from voicemode.errors import AudioDeviceError
from voicemode.speech.base import Voice
from voicemode.speech.sentence_stream import Sentences
from voicemode.tasks import alongside, unless
from voicemode.transports.base import Transport

CUE_RATE = 24_000
"""Hertz; the sample rate of speech, so that the device need not change it."""
RESUMES = 3
"""Times that a message is resumed after an interruption by noise without words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOptions:
    """Options of a turn: the settings with the caller's overrides."""

    rules: Rules = field(default_factory=Rules)
    cues: bool = True
    """Play a soft tone when listening starts and ends."""
    pronounce: tuple[tuple[str, str], ...] = ()
    """(written, spoken) pairs."""
    expected: Expected = field(default_factory=Expected)
    """Words, language and commands expected in the answer."""
    save_audio: bool = False
    """True to keep recordings that have been transcribed, too."""
    barge_in: bool = True
    """True if people can talk over the agent where its voice can be removed from their audio."""
    keep_listening: bool = False
    """True to hear people between turns."""


class ConversationTurn:
    """One turn: the agent speaks, people answer."""

    def __init__(
        self, tts: Sentences, participants: Participants, options: TurnOptions, status: StatusFeed, floor: Floor
    ) -> None:
        self._tts = tts
        self._transport = participants.transport
        self._participants = participants
        self._options = options
        self._status = status
        self._floor = floor
        self._controls = floor.controls
        self._message = Message("", Voice())
        self._before = Playback(None, 0.0)
        """Playback before a noise, after which the message was resumed."""

    @property
    def broken_off(self) -> Playback:
        """Playback of the message so far, if the turn ends here."""
        return self._before.then(self._message.spoken())

    async def run(self, text: str, voice: Voice) -> tuple[Playback, TurnResult]:
        """Speak and listen until the person has answered, repeating the message whenever they ask for it."""
        rest, resumes = text, RESUMES
        while True:
            said, verdict = await self.speak(rest, voice)
            if verdict is Verdict.STOP:
                return said, TurnResult("", STOPPED_ALOUD)
            heard = TurnResult("", "", again=True) if verdict is Verdict.REPEAT else await self._hear()
            if heard.again and text.strip():
                rest, self._before = text, Playback(None, 0.0)
            elif (
                verdict is Verdict.TURN and not heard.text and heard.ended != TurnState.SENT.value and said.unheard and resumes
            ):
                # A noise without words.
                rest, self._before, resumes = said.unheard, said, resumes - 1
            else:
                return said, heard

    async def speak(self, text: str, voice: Voice) -> tuple[Playback, Verdict]:
        """Speak `text` to its end or an interruption; return the verdict, too. Interruptions are heard from the first word.

        Raises NotSpokenError, and AudioDeviceError if nobody can be heard.
        """
        message = self._message = Message(text, voice, self._options.pronounce)
        verdict = Verdict.NOTHING
        if message.words:
            self._participants.overhear(message.speaker)
            await self._status.now("speaking")
            playing = unless(self._participants.taken(), message.play(self._transport, self._tts, self._status))
            await unless(self._controls.skipped(), playing)
            verdict = self._participants.verdict
        if verdict in (Verdict.NOTHING, Verdict.TURN):
            self._participants.listen()
        self._participants.check()
        skipped = not (message.complete or self._controls.typed or verdict is not Verdict.NOTHING)
        return self._before.then(message.spoken(skipped=skipped)), verdict

    async def _hear(self) -> TurnResult:
        ended = await self._answer()
        said = self._participants.utterances.take()
        if not (said or self._controls.typed):
            return self._nobody_spoke(ended)
        if not self._options.keep_listening:
            self._participants.rest()
        ended_at = time.monotonic()
        await self._status.now("transcribing")
        self._floor.left.start(self._cue(done_cue(CUE_RATE)))
        for utterance in said:
            await utterance.settle()
        await self._participants.utterances.release(said)
        heard = heard_of(said, self._controls.take(), ended, self._options.pronounce, several=self._participants.several)
        for utterance in said:
            if utterance.answer and self._options.save_audio:
                utterance.recording.save()
            elif utterance.answer:
                utterance.recording.discard()
        note = " ".join(filter(None, [heard.note, self._participants.trouble]))
        return replace(heard, note=note, transcribe_seconds=time.monotonic() - ended_at)

    async def _answer(self) -> TurnState:
        """Wait for the end of the answer and return its reason."""
        interrupted = self._participants.busy
        self._controls.now("listening")
        try:
            async with alongside(self._cue(listening_cue(CUE_RATE), wanted=not interrupted)):
                await self._status.now("listening")
                return await self._participants.answer()
        except AudioDeviceError as error:
            raise self._participants.failure(error) from error

    async def _cue(self, tone: Frame, *, wanted: bool = True) -> None:
        await cue(self._transport, tone, wanted=wanted and self._options.cues)

    def _nobody_spoke(self, ended: TurnState) -> TurnResult:
        if ended is TurnState.SENT:
            return TurnResult("", "sent", "The person sent an answer without a word.")
        if self._controls.state.muted:
            return TurnResult("", ended.value, MUTED)
        waited = f"Nobody spoke within {self._options.rules.patience_seconds:g} s."
        return TurnResult("", ended.value, DEAD_MICROPHONE if self._participants.dead else waited)


async def cue(transport: Transport, tone: Frame, *, wanted: bool) -> None:
    """Play `tone` if `wanted`."""
    if wanted:
        # A failed cue must not fail a turn.
        with suppress(AudioDeviceError):
            await transport.play(stream(tone))
