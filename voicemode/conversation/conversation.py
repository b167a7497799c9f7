"""A conversation: speak a message, listen for the answer."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from voicemode.audio.cues import done_cue
from voicemode.conversation.detectors import TurnDetectors
from voicemode.conversation.floor import Floor
from voicemode.conversation.interruption import Verdict
from voicemode.conversation.message import Playback
from voicemode.conversation.participants import Participants
from voicemode.conversation.recording import Recording
from voicemode.conversation.result import STOPPED_ALOUD, TurnResult
from voicemode.conversation.status import StatusFeed
from voicemode.conversation.turn import CUE_RATE, ConversationTurn, TurnOptions, cue
from voicemode.conversation.utterance import ListenContext
from voicemode.progress import Report
from voicemode.speech.base import Voice
from voicemode.speech.sentence_stream import Sentences
from voicemode.speech.speculative import StreamingTranscriber
from voicemode.tasks import unless
from voicemode.transports.base import Transport


class Conversation:
    """People on one transport. One turn runs at a time: a concurrent call waits for the current turn to end."""

    def __init__(
        self,
        transport: Transport,
        stt: StreamingTranscriber,
        tts: Sentences,
        detectors: Callable[[], TurnDetectors],
        recordings: Path,
        floor: Floor,
    ) -> None:
        """`detectors` makes new detectors for each turn."""
        self._transport = transport
        self._stt = stt
        self._tts = tts
        self._detectors = detectors
        self._recordings = recordings
        self._floor = floor
        self._controls = floor.controls

    async def say(self, text: str, voice: Voice, options: TurnOptions, report: Report) -> Playback:
        """Speak `text` to its end, or until the person stops or interrupts it. Raises NotSpokenError."""
        async with self._turn(options, report, speaking=True) as (exchange, participants):
            spoken = await unless(self._controls.stopped(), exchange.speak(text, voice))
            if spoken is None:
                return exchange.broken_off
            if spoken[1] is not Verdict.STOP:
                self._hear_on(participants, options)
            return spoken[0]

    async def listen(self, options: TurnOptions, report: Report) -> TurnResult:
        """Listen for the person's next turn."""
        return (await self.converse("", Voice(), options, report))[1]

    async def converse(self, text: str, voice: Voice, options: TurnOptions, report: Report) -> tuple[Playback, TurnResult]:
        """Speak `text` and hear the answer. The microphone opens before speech ends, so a quick answer is not clipped.

        Raises NotSpokenError without listening for an answer.
        """
        async with self._turn(options, report, speaking=bool(text.strip())) as (exchange, participants):
            await participants.open()
            exchanged = await unless(self._controls.stopped(), exchange.run(text, voice))
            if exchanged is None:
                await participants.utterances.discard()
                return exchange.broken_off, TurnResult("", "stopped", "The person stopped the turn.")
            if exchanged[1].ended != STOPPED_ALOUD:
                self._hear_on(participants, options)
            return exchanged

    async def meanwhile(self) -> TurnResult:
        """Return and clear the speech and text that were kept between turns."""
        return await self._floor.meanwhile.tell()

    @asynccontextmanager
    async def _turn(
        self, options: TurnOptions, report: Report, *, speaking: bool
    ) -> AsyncIterator[tuple[ConversationTurn, Participants]]:
        """Run a turn while no other one runs."""
        status = StatusFeed(report, self._controls, self._transport.show)
        async with self._floor.lock:
            await self._floor.left.settle()
            with self._controls.turn():
                self._floor.meanwhile.note(self._controls.take())
                try:
                    async with self._heard(self._context(options, status), pause=speaking) as participants:
                        yield ConversationTurn(self._tts, participants, options, status, self._floor), participants
                finally:
                    self._floor.meanwhile.note(self._controls.take())
                    status.end()
                    await self._transport.show("idle")

    @asynccontextmanager
    async def _heard(self, context: ListenContext, *, pause: bool) -> AsyncIterator[Participants]:
        """Yield the participants heard since the last turn, or new ones; close them at the end unless listening continues."""
        meanwhile = self._floor.meanwhile
        participants = await meanwhile.end(pause=pause)
        if participants is not None and not (participants.is_open and participants.transport is self._transport):
            await self._floor.left.finish(participants.close())
            participants = None
        participants = participants or Participants(self._transport, self._floor.pauses.__getitem__, context)
        try:
            participants.begin(context)
            yield participants
        finally:
            if not meanwhile.hears(participants):
                # After repeated cancellation this returns before the participants are closed; the next turn waits for that.
                await self._floor.left.finish(participants.close())

    def _hear_on(self, participants: Participants, options: TurnOptions) -> None:
        """Keep listening between turns if `options` say so."""
        if options.keep_listening and participants.is_open:
            self._floor.meanwhile.begin(participants, lambda: self._floor.left.start(self._kept_cue(options)))

    async def _kept_cue(self, options: TurnOptions) -> None:
        await cue(self._transport, done_cue(CUE_RATE), wanted=options.cues)

    def _context(self, options: TurnOptions, status: StatusFeed) -> ListenContext:
        return ListenContext(
            stt=self._stt,
            detectors=self._detectors,
            record=partial(Recording, self._recordings),
            controls=self._controls,
            status=status,
            rules=options.rules,
            expected=options.expected,
            may_interrupt=options.barge_in,
        )
