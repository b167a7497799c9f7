"""Speech and typed text that arrive while the agent works, kept for the next turn."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress

from voicemode.controls import Typed
from voicemode.conversation.participants import Participants
from voicemode.conversation.result import TurnResult, lines_of, text_of
from voicemode.conversation.utterance import Utterance
from voicemode.errors import AudioDeviceError
from voicemode.tasks import BackgroundTasks

log = logging.getLogger(__name__)

LISTEN_SECONDS = 600.0
"""Seconds the microphone stays open while no turn begins."""
PAUSE_WAIT_SECONDS = 8.0
"""Seconds a new turn waits for somebody who is speaking to pause."""


class BetweenTurns:
    """Listens between turns; one instance in a running program."""

    def __init__(self, listen_seconds: float = LISTEN_SECONDS) -> None:
        self._listen_seconds = listen_seconds
        self._participants: Participants | None = None
        self._listening: asyncio.Task[None] | None = None
        self._said: list[Utterance] = []
        self._typed: list[Typed] = []
        self._several = False
        self._closing = BackgroundTasks()

    def begin(self, participants: Participants, kept: Callable[[], object]) -> None:
        """Keep hearing `participants` after a turn and take over closing them; call `kept` for each utterance with text."""
        self._participants = participants
        self._listening = asyncio.create_task(self._listen(participants, kept))

    async def end(self, *, pause: bool = False) -> Participants | None:
        """End listening for a new turn and return the participants if they are still open; with `pause`, once nobody speaks."""
        participants, listening = self._participants, self._listening
        if participants is not None and pause:
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_WAIT_SECONDS):
                    await participants.quiet()
            participants.finish()
        if listening is not None and self._participants is None:
            await asyncio.wait([listening])
        participants, self._participants, self._listening = self._participants, None, None
        if participants is not None and listening is not None:
            # Not awaited: cancellation here would leave a microphone that nobody closes.
            listening.cancel()
            self._take_from(participants)
        return participants

    def hears(self, participants: Participants) -> bool:
        """True if `participants` are heard between turns now."""
        return self._participants is participants

    def note(self, typed: Iterable[Typed]) -> None:
        """Keep text that was typed before a turn began."""
        self._typed += typed

    async def tell(self) -> TurnResult:
        """Return and clear what was kept. A recording that could not be transcribed stays on disk; the note says so."""
        while unsettled := [utterance for utterance in self._said if not utterance.settled]:
            await unsettled[0].settle()
            await unsettled[0].close()
        # No await from here on: a caller cancelled now would lose what was kept.
        said, self._said, typed, self._typed = self._said, [], self._typed, []
        for utterance in said:
            if utterance.answer:
                utterance.recording.discard()
        lines = lines_of(said, typed, ())
        note = " ".join(str(utterance.error) for utterance in said if utterance.error)
        return TurnResult(text_of(lines, several=self._several), "between turns", note, said=lines)

    async def stop(self) -> None:
        """Stop listening until the next turn has ended."""
        participants = await self.end()
        if participants is not None:
            await self._closing.finish(participants.close())

    async def close(self) -> None:
        """Stop for good. Recordings that were not reported stay on disk."""
        await self.stop()
        said, self._said = self._said, []
        for utterance in said:
            await utterance.close()

    async def _listen(self, participants: Participants, kept: Callable[[], object]) -> None:
        try:
            async with asyncio.timeout(self._listen_seconds):
                while True:
                    await participants.spoken()
                    for utterance in self._take_from(participants):
                        await utterance.settle()
                        await utterance.close()
                        if utterance.answer and utterance.answer.transcript.text:
                            kept()
        except TimeoutError:
            log.info("No turn came for %g s: the microphone is closed.", self._listen_seconds)
        except AudioDeviceError as error:
            log.warning("What is said between turns is no longer heard: %s", error)
        participants.finish()
        self._take_from(participants)
        self._participants = None
        await participants.close()

    def _take_from(self, participants: Participants) -> list[Utterance]:
        said = participants.utterances.take()
        participants.utterances.disown(said)
        self._said += said
        self._several = participants.several
        return said
