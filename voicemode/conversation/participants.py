"""Participants of a conversation, each heard through their own microphone."""

import asyncio
import math
from collections.abc import Callable, MutableSequence
from contextlib import suppress

from voicemode.audio.turns.endpointer import TurnState
from voicemode.conversation.interruption import Interruption, Verdict
from voicemode.conversation.listener import Listener
from voicemode.conversation.utterance import ListenContext, Utterances
from voicemode.errors import AudioDeviceError, RoomError, VoiceModeError
from voicemode.tasks import BackgroundTasks, ended, unless
from voicemode.transports.base import Microphone, Speaker, Transport

SLACK_SECONDS = 1.0
"""Seconds past a limit on audio after which the clock ends a turn whose audio does not arrive."""


class Participants:
    """Participants, heard from `open` to `close`. Their turn ends when everybody who has begun to speak has finished."""

    def __init__(self, transport: Transport, pauses: Callable[[str], MutableSequence[float]], context: ListenContext) -> None:
        """`pauses` returns the pauses that a speaker has made so far."""
        self.context = context
        self.transport = transport
        self._working = BackgroundTasks()
        self.utterances = Utterances(pauses, self._working)
        self._listeners: list[Listener] = []
        self._names = set[str]()
        self._ours: Speaker | None = Speaker()
        """The agent's playback; None while it listens."""
        self._hearing = set[asyncio.Task[None]]()
        self._changed = asyncio.Event()
        self._opened = asyncio.Event()
        self._all_here = False
        """True once nobody else can join."""
        self._listening_since = math.inf
        self._resting = False
        self._hosting: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the microphones if they are closed. Raises AudioDeviceError if there is none and none can come."""
        if self._hosting is None:
            self._hosting = asyncio.create_task(self._host())
            await self._opened.wait()
        self.check()

    async def close(self) -> None:
        """Close all microphones and end all work. Recordings that were not transcribed stay on disk."""
        if self._hosting is not None:
            await ended(self._hosting)
        for interruption in self._interruptions:
            interruption.close()
        await self._working.end()
        await self.utterances.close()

    def check(self) -> None:
        """Raise AudioDeviceError if nobody can be heard. Utterances from before a room ended take precedence."""
        try:
            self._check()
        except RoomError:
            if not self.utterances.said:
                raise

    def _check(self) -> None:
        for task in (self._hosting, *self._hearing):
            if task is not None and task.done() and not task.cancelled():
                task.result()
        failures = [listener.failure for listener in self._listeners if listener.failure]
        if failures and self._all_here and all(listener.gone for listener in self._listeners):
            raise failures[0]

    @property
    def trouble(self) -> str:
        """Reason why nobody can be heard; empty if somebody can."""
        try:
            self.check()
        except AudioDeviceError as error:
            return str(error)
        return ""

    @property
    def is_open(self) -> bool:
        return self._hosting is not None and not self._hosting.done()

    @property
    def dead(self) -> bool:
        """True if all microphones have delivered only digital zeros."""
        return bool(self._listeners) and all(listener.dead for listener in self._listeners)

    @property
    def busy(self) -> bool:
        """True if somebody speaks."""
        return any(listener.busy for listener in self._listeners)

    @property
    def several(self) -> bool:
        """True if a transcript has to name its speakers."""
        return len(self._names) > 1

    @property
    def verdict(self) -> Verdict:
        """Combined verdict on all who talk over the agent: STOP or REPEAT only if nobody says anything else."""
        wanted = {each.verdict for each in self._interruptions if each.kept or each.verdict is not Verdict.NOTHING}
        return wanted.pop() if len(wanted) == 1 else Verdict.TURN if wanted - {Verdict.NOTHING} else Verdict.NOTHING

    def begin(self, context: ListenContext) -> None:
        """Begin a turn, heard with `context`."""
        self.context = context
        self._listeners = [listener for listener in self._listeners if not listener.gone]
        self._names = {listener.speaker for listener in self._listeners}
        for listener in self._listeners:
            listener.context = context

    def overhear(self, speaker: Speaker) -> None:
        """Begin to detect barge-in on `speaker`, which is softened or paused while somebody talks over it."""
        self._ours, self._resting = speaker, False
        for listener in self._listeners:
            listener.overhear(self._interruption())

    async def taken(self) -> None:
        """Wait until somebody who talks over the agent wants something, or nobody can be heard any more."""
        while self.verdict is Verdict.NOTHING and not self.trouble:
            await self._change()

    def listen(self) -> None:
        """Begin to listen."""
        self._ours, self._resting = None, False
        self._listening_since, self.utterances.began_at = asyncio.get_running_loop().time(), math.inf
        for listener in self._listeners:
            listener.listen()

    def rest(self) -> None:
        """Ignore everybody until the agent speaks or listens again: no turn would receive their speech."""
        self._resting = True
        for listener in self._listeners:
            listener.rest()

    async def answer(self) -> TurnState:
        """Wait until the participants' turn is over and return the reason. Raises AudioDeviceError."""
        turn = await unless(self.context.controls.sent(), self._until_over())
        if turn is None:
            self.finish(TurnState.SENT)
        return turn or TurnState.SENT

    async def spoken(self) -> None:
        """Wait until there are complete utterances to take. Raises AudioDeviceError."""
        while not any(utterance.turn.done for utterance in self.utterances.said):
            self.check()
            await self._change()

    async def quiet(self) -> None:
        """Wait until nobody speaks."""
        while self.busy:
            await self._change()

    def failure(self, error: AudioDeviceError) -> VoiceModeError:
        """Return `error`, with the path of the recording if something was said before."""
        said = self.utterances.said
        return said[0].failure(error) if said else error

    async def _until_over(self) -> TurnState:
        loop = asyncio.get_running_loop()
        while (turn := self._over()) is None:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._deadline):
                    await self._change()
            if loop.time() >= self._deadline:
                too_long = loop.time() >= self.utterances.began_at + self._longest
                self.finish(TurnState.TOO_LONG if too_long else TurnState.SILENCE)
                return self._last() or TurnState.NO_SPEECH
        return turn

    def _over(self) -> TurnState | None:
        self.check()
        here = [listener for listener in self._listeners if not listener.gone]
        if any(utterance.turn is TurnState.TOO_LONG for utterance in self.utterances.said):
            self.finish(TurnState.TOO_LONG)
            return TurnState.TOO_LONG
        if any(listener.busy for listener in here):
            return None
        if last := self._last():
            return last
        nobody = self._all_here if not here else all(listener.tired for listener in here)
        return TurnState.NO_SPEECH if nobody else None

    def _last(self) -> TurnState | None:
        """Return the state of the utterance that began last; None if nobody has spoken."""
        said = self.utterances.said
        return said[-1].turn if said else None

    @property
    def _longest(self) -> float:
        return self.context.rules.max_seconds + SLACK_SECONDS

    @property
    def _deadline(self) -> float:
        """End of the turn by the loop's clock: without a microphone or its frames, no time passes in audio."""
        heard_at = max((each.heard_at for each in self._listeners), default=-math.inf)
        patience = self.context.rules.patience_seconds + SLACK_SECONDS
        return min(max(self._listening_since, heard_at) + patience, self.utterances.began_at + self._longest)

    def finish(self, turn: TurnState = TurnState.SILENCE) -> None:
        """End all current utterances."""
        for listener in self._listeners:
            listener.finish(turn)

    @property
    def _interruptions(self) -> list[Interruption]:
        return [listener.interruption for listener in self._listeners if listener.interruption is not None]

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _host(self) -> None:
        try:
            async with self.transport.microphones() as microphones:
                self._opened.set()
                try:
                    async for microphone in microphones:
                        self._join(microphone)
                    self._all_here = True
                    self._look_again()
                    if self._hearing:
                        await asyncio.wait(self._hearing)
                finally:
                    await ended(*self._hearing)
        finally:
            self._opened.set()
            self._look_again()

    def _join(self, microphone: Microphone) -> None:
        listener = Listener(microphone, self.context, self.utterances, self._look_again)
        if self._ours is not None:
            listener.overhear(self._interruption())
        elif self._resting:
            listener.rest()
        self._listeners.append(listener)
        self._names.add(listener.speaker)
        hearing = asyncio.create_task(listener.run())
        self._hearing.add(hearing)
        hearing.add_done_callback(lambda _: self._look_again())

    def _interruption(self) -> Interruption:
        return Interruption(self.context, lambda: self.transport.echoes, self._working, self._look_again)

    def _look_again(self) -> None:
        """Update the volume of playback and wake whatever waits for a change."""
        if self._ours is not None:
            self._ours.volume = min((each.volume for each in self._interruptions), default=1.0)
        self._changed.set()
