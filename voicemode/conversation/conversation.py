"""Say something, listen for the answer."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from voicemode.audio.cues import done_cue
from voicemode.conversation.floor import Floor
from voicemode.conversation.interruption import Verdict
from voicemode.conversation.message import Playback
from voicemode.conversation.options import TurnOptions
from voicemode.conversation.participants import Participants
from voicemode.conversation.recorder import TurnDetectors
from voicemode.conversation.result import STOPPED_ALOUD, TurnResult
from voicemode.conversation.status import Report, StatusFeed
from voicemode.conversation.turn import CUE_RATE, ConversationTurn, cue
from voicemode.conversation.utterance import ListenContext
from voicemode.speech.base import Voice
from voicemode.speech.sentence_stream import Sentences
from voicemode.speech.speculative import StreamingTranscriber
from voicemode.tasks import unless
from voicemode.transports.base import Transport


class Conversation:
    """People on one transport; one thing at a time: whoever calls while another talks waits for its turn."""

    def __init__(
        self,
        transport: Transport,
        speech: tuple[StreamingTranscriber, Sentences],
        senses: Callable[[], TurnDetectors],
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

    async def say(self, text: str, voice: Voice, manners: TurnOptions, report: Report) -> Playback:
        """Speak; return when the last word was heard, or the person wants to hear no more. Raises NotSpokenError."""
        async with self._turn(manners, report, speaking=True) as (exchange, audience):
            spoken = await unless(self._hands.stopped(), exchange.speak(text, voice))
            if spoken is None:
                return exchange.broken_off
            if spoken[1] is not Verdict.STOP:
                self._hear_on(audience, manners)
            return spoken[0]

    async def listen(self, manners: TurnOptions, report: Report) -> TurnResult:
        """The person's next turn."""
        return (await self.converse("", Voice(), manners, report))[1]

    async def converse(self, text: str, voice: Voice, manners: TurnOptions, report: Report) -> tuple[Playback, TurnResult]:
        """Speak and hear the answer. The microphone is open before we fall silent, so a quick answer is not clipped.

        Raises NotSpokenError, and then has listened for nothing.
        """
        async with self._turn(manners, report, speaking=bool(text.strip())) as (exchange, audience):
            await audience.open()
            exchanged = await unless(self._hands.stopped(), exchange.run(text, voice))
            if exchanged is None:
                await audience.discard()
                return exchange.broken_off, TurnResult("", "stopped", "The person stopped the turn.")
            if exchanged[1].ended != STOPPED_ALOUD:
                self._hear_on(audience, manners)
            return exchanged

    async def meanwhile(self) -> str:
        """What was said and written between turns, and has not been told yet."""
        return await self._floor.meanwhile.tell()

    @asynccontextmanager
    async def _turn(
        self, manners: TurnOptions, report: Report, *, speaking: bool
    ) -> AsyncIterator[tuple[ConversationTurn, Participants]]:
        """While no other goes on."""
        telling = StatusFeed(report, self._hands, self._transport)
        async with self._floor.lock:
            await self._floor.settle()
            with self._hands.turn():
                self._floor.meanwhile.note(self._hands.take())
                try:
                    async with self._heard(self._means(manners, telling), pause=speaking) as audience:
                        yield ConversationTurn(self._tts, audience, manners, telling, self._floor), audience
                finally:
                    self._floor.meanwhile.note(self._hands.take())
                    telling.end()
                    await self._transport.show("idle")

    @asynccontextmanager
    async def _heard(self, means: ListenContext, *, pause: bool) -> AsyncIterator[Participants]:
        """Those who were heard since the last turn, or will be once they are to; closed in the end, or heard on."""
        meanwhile = self._floor.meanwhile
        audience = await meanwhile.end(pause=pause)
        if audience is not None and not (audience.is_open and audience.transport is self._transport):
            await audience.close()
            audience = None
        audience = audience or Participants(self._transport, self._floor.pauses.__getitem__, means)
        try:
            audience.begin(means)
            yield audience
        finally:
            if not meanwhile.hears(audience):
                await audience.close()

    def _hear_on(self, audience: Participants, manners: TurnOptions) -> None:
        """Between turns, if the person wants that."""
        if manners.keep_listening and audience.is_open:
            self._floor.meanwhile.begin(audience, lambda: self._floor.leave(self._kept_cue(manners)))

    async def _kept_cue(self, manners: TurnOptions) -> None:
        await cue(self._transport, done_cue(CUE_RATE), wanted=manners.cues)

    def _means(self, manners: TurnOptions, telling: StatusFeed) -> ListenContext:
        return ListenContext(
            stt=self._stt,
            senses=self._senses,
            recordings=self._recordings,
            hands=self._hands,
            telling=telling,
            rules=manners.rules,
            expected=manners.expected,
            may_interrupt=manners.barge_in,
        )
