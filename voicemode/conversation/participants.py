"""The people there, each heard through a microphone of their own."""

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Iterable, MutableSequence
from contextlib import suppress
from typing import Any

from voicemode.audio.turns.barge_in import InterruptionDetector
from voicemode.audio.turns.endpointer import TurnState
from voicemode.conversation.interruption import Interruption, Verdict
from voicemode.conversation.listener import Listener
from voicemode.conversation.utterance import ListenContext, Utterance
from voicemode.errors import AudioDeviceError, RoomError, VoiceModeError
from voicemode.tasks import ended, surely, unless
from voicemode.transports.base import Microphone, Played, Transport

log = logging.getLogger(__name__)

SLACK_SECONDS = 1.0
"""Turns are measured in audio; a clock ends one whose audio does not come, so much later."""


class Participants:
    """Open from `open` to `close`. Their turn has ended when everybody who has begun has ended."""

    def __init__(self, transport: Transport, pauses: Callable[[str], MutableSequence[float]], context: ListenContext) -> None:
        """`pauses` gives those that a speaker has made so far."""
        self.context = context
        self.said: list[Utterance] = []
        """In this turn, in the order they began in."""
        self.transport = transport
        self._pauses = pauses
        self._listeners: list[Listener] = []
        self._names = set[str]()
        self._open_utterances = set[Utterance]()
        self._working = set[asyncio.Task[None]]()
        """On what nobody waits for."""
        self._ours: Played | None = Played()
        """Our voice, until we listen."""
        self._hearing = set[asyncio.Task[None]]()
        self._changed = asyncio.Event()
        self._opened = asyncio.Event()
        self._all_here = False
        """True once nobody else can come."""
        self._heard_at = self._began_at = math.inf
        self._hosting: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises AudioDeviceError if there is no microphone and none can come. Nothing is done if it is open."""
        if self._hosting is None:
            self._hosting = asyncio.create_task(self._host())
            await self._opened.wait()
        self.check()

    async def close(self) -> None:
        """Close all microphones and end all work. Recordings that were not understood stay on disk."""
        await surely(self._close())

    async def _close(self) -> None:
        if self._hosting is not None:
            await ended(self._hosting)
        for interruption in self._interruptions:
            interruption.close()
        await ended(*self._working)
        left = set(self._open_utterances)
        await self.release(left)
        for utterance in left:
            if utterance.recording.kept:
                log.warning("A turn ended early; what was said is kept in %s", utterance.recording.path)

    def check(self) -> None:
        """Raise why nobody can be heard: AudioDeviceError. What was said in a room before it ended comes first."""
        try:
            self._check()
        except RoomError:
            if not self.said:
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
        """Why nobody can be heard; empty if somebody can."""
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
        """No microphone has delivered anything but digital silence."""
        return bool(self._listeners) and all(listener.dead for listener in self._listeners)

    @property
    def busy(self) -> bool:
        """Somebody speaks."""
        return any(listener.busy for listener in self._listeners)

    @property
    def several(self) -> bool:
        """True if it has to be told who said what."""
        return len(self._names) > 1

    @property
    def verdict(self) -> Verdict:
        """Decision of those who talk over us. It is to stop, or to say it again, only if nobody says anything else."""
        wanted = {each.verdict for each in self._interruptions if each.kept or each.verdict is not Verdict.NOTHING}
        return wanted.pop() if len(wanted) == 1 else Verdict.TURN if wanted - {Verdict.NOTHING} else Verdict.NOTHING

    def begin(self, context: ListenContext) -> None:
        """A turn begins; hear it with `context`."""
        self.context = context
        self._listeners = [listener for listener in self._listeners if not listener.gone]
        self._names = {listener.speaker for listener in self._listeners}

    def overhear(self, played: Played) -> None:
        """From now on we speak; `played` is softened, and held, while somebody talks over it."""
        self._ours = played
        for listener in self._listeners:
            listener.overhear()

    async def taken(self) -> None:
        """Wait until somebody who talks over us wants something, or nobody can be heard any more."""
        while self.verdict is Verdict.NOTHING and not self.trouble:
            await self._change()

    def listen(self) -> None:
        """From now on we listen."""
        self._ours = None
        self._heard_at, self._began_at = asyncio.get_running_loop().time(), math.inf
        for listener in self._listeners:
            listener.listen()

    async def answer(self) -> TurnState:
        """Wait until their turn is over, and say why. Raises AudioDeviceError."""
        turn = await unless(self.context.controls.sent(), self._until_over())
        if turn is None:
            self.finish(TurnState.SENT)
        return turn or TurnState.SENT

    def take(self) -> list[Utterance]:
        """Return the complete utterances; they are the caller's to `release`."""
        complete = [utterance for utterance in self.said if utterance.turn.done]
        self.said = [utterance for utterance in self.said if not utterance.turn.done]
        return complete

    def disown(self, utterances: Iterable[Utterance]) -> None:
        """Others look after them."""
        self._open_utterances.difference_update(utterances)

    async def spoken(self) -> None:
        """Wait until there is something to `take`. Raises AudioDeviceError."""
        while not any(utterance.turn.done for utterance in self.said):
            self.check()
            await self._change()

    async def quiet(self) -> None:
        """Wait until nobody speaks."""
        while self.busy:
            await self._change()

    def failure(self, error: AudioDeviceError) -> VoiceModeError:
        """`error`, and where what was said before it is kept."""
        return self.said[0].failure(error) if self.said else error

    async def discard(self) -> None:
        """Drop everything said in this turn."""
        utterances = list(self._open_utterances)
        await self.release(utterances)
        for utterance in utterances:
            utterance.recording.discard()

    async def release(self, utterances: Iterable[Utterance]) -> None:
        """They are done with."""
        for utterance in utterances:
            await utterance.close()
            self._open_utterances.discard(utterance)

    async def _until_over(self) -> TurnState:
        loop = asyncio.get_running_loop()
        while (turn := self._over()) is None:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._deadline):
                    await self._change()
            if loop.time() >= self._deadline:
                self.finish(TurnState.TOO_LONG if loop.time() >= self._began_at + self._longest else TurnState.SILENCE)
                return self.said[-1].turn if self.said else TurnState.NO_SPEECH
        return turn

    def _over(self) -> TurnState | None:
        self.check()
        here = [listener for listener in self._listeners if not listener.gone]
        if any(utterance.turn is TurnState.TOO_LONG for utterance in self.said):
            self.finish(TurnState.TOO_LONG)
            return TurnState.TOO_LONG
        if any(listener.busy for listener in here):
            return None
        if self.said:
            return self.said[-1].turn
        nobody = self._all_here if not here else all(listener.tired for listener in here)
        return TurnState.NO_SPEECH if nobody else None

    @property
    def _longest(self) -> float:
        return self.context.rules.max_seconds + SLACK_SECONDS

    @property
    def _deadline(self) -> float:
        """By the loop's clock: where there is no microphone, or its frames do not come, no time passes in audio."""
        return min(self._heard_at + self.context.rules.patience_seconds + SLACK_SECONDS, self._began_at + self._longest)

    def finish(self, turn: TurnState = TurnState.SILENCE) -> None:
        """End all utterances here."""
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
                    self.changed()
                    if self._hearing:
                        await asyncio.wait(self._hearing)
                finally:
                    await ended(*self._hearing)
        finally:
            self._opened.set()
            self.changed()

    def _join(self, microphone: Microphone) -> None:
        listener = Listener(microphone, self)
        if self._ours is not None:
            listener.overhear()
        self._listeners.append(listener)
        self._names.add(listener.speaker)
        hearing = asyncio.create_task(listener.run())
        self._hearing.add(hearing)
        hearing.add_done_callback(lambda _: self.changed())

    # What listeners ask of their host.

    def interruption(self) -> Interruption:
        context = self.context
        ears = context.stt, context.expected
        return Interruption(InterruptionDetector(context.detectors().vad), ears, self)

    def utterance(self, speaker: str, *, over_us: bool = False) -> Utterance:
        utterance = Utterance(self.context, speaker, self._pauses(speaker), over_us=over_us)
        self._open_utterances.add(utterance)
        return utterance

    async def heard_nothing(self) -> None:
        self.context.status.dead()

    def frame_came(self) -> None:
        self._heard_at = asyncio.get_running_loop().time()

    def began(self, utterance: Utterance) -> None:
        if not self.said:
            self._began_at = asyncio.get_running_loop().time()
        self.said.append(utterance)

    def dropped(self, utterance: Utterance) -> None:
        self.work(self.release([utterance]))

    def work(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have it done, at the latest until nobody is heard any more."""
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return task

    def changed(self) -> None:
        if self._ours is not None:
            self._ours.volume = min((each.volume for each in self._interruptions), default=1.0)
        self._changed.set()

    @property
    def deaf(self) -> bool:
        """True if nobody can begin to interrupt us."""
        return not self.context.may_interrupt or self.transport.echoes

    @property
    def muted(self) -> bool:
        """True if nothing is to be heard at the moment."""
        controls = self.context.controls.state
        return controls.muted and not controls.held
