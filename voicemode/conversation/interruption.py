"""Barge-in: somebody talks over the agent; the volume of playback meanwhile, and the verdict."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType

from voicemode.audio.frames import Frame, join, silence
from voicemode.audio.turns.barge_in import InterruptionDetector, InterruptionState
from voicemode.audio.vad import RATE
from voicemode.config.values import Action
from voicemode.conversation.utterance import ListenContext
from voicemode.errors import VoiceModeError
from voicemode.tasks import BackgroundTasks
from voicemode.text.commands import heed, nods

log = logging.getLogger(__name__)

VOLUMES: Mapping[InterruptionState, float] = MappingProxyType({InterruptionState.QUIET: 1.0, InterruptionState.MAYBE: 0.25})
"""Volume of the agent's voice; any other state pauses playback."""
JUDGE_SECONDS = 1.5
"""Timeout for transcribing an interruption; a longer one counts as a turn."""
STALL_SECONDS = 2.0
"""Timeout for the next frame of the microphone during an interruption."""


class Verdict(Enum):
    """Decision on what a person who talks over the agent wants."""

    NOTHING = "nothing"
    """A cough, or a sign that the person is listening."""
    TURN = "turn"
    STOP = "stop"
    REPEAT = "repeat"


def judged(text: str, phrases: Mapping[str, Action]) -> Verdict:
    """Return the verdict on the few words of `text`."""
    match heed(text, phrases).action:
        case "stop":
            return Verdict.STOP
        case "repeat":
            return Verdict.REPEAT
    return Verdict.NOTHING if nods(text, phrases) or not any(map(str.isalnum, text)) else Verdict.TURN


class Interruption:
    """Barge-in on one microphone, for as long as the agent speaks."""

    def __init__(
        self, context: ListenContext, echoes: Callable[[], bool], working: BackgroundTasks, changed: Callable[[], None]
    ) -> None:
        """
        Args:
            context: Everything needed to hear the person.
            echoes: True if the agent's own voice can be in the frames: then no interruption can begin.
            working: Runs background work.
            changed: Called when `call` or `verdict` changes.
        """
        self.call = InterruptionState.QUIET
        self.verdict = Verdict.NOTHING
        self._detector = InterruptionDetector(context.detectors().vad)
        self._context = context
        self._echoes = echoes
        self._working = working
        self._changed = changed
        self._judging: asyncio.Task[None] | None = None
        self._stall: asyncio.TimerHandle | None = None

    @property
    def volume(self) -> float:
        """Volume of the agent's voice."""
        return VOLUMES.get(self.call, 0.0)

    @property
    def kept(self) -> list[Frame]:
        """Frames heard so far, from before the first sound on; empty if nobody speaks."""
        return [] if self.call is InterruptionState.QUIET else self._detector.kept

    def hear(self, frame: Frame) -> None:
        """Process `frame` from the microphone."""
        muted = self._context.muted
        if self.call in VOLUMES and (muted or self._echoes() or not self._context.may_interrupt):
            self._forget()
        else:
            self._become(self._detector.hear(silence(frame.seconds, frame.rate) if muted else frame))

    def take(self) -> None:
        """Give the person the turn, however little they have said so far."""
        self._rule(Verdict.TURN)

    def close(self) -> None:
        """End detection: the agent has stopped speaking."""
        self._end_judging()
        self._expect_frames(None)

    def _forget(self) -> None:
        """Discard the interruption: nobody speaks after all."""
        if self.call is not InterruptionState.QUIET:
            self._detector.resume()
            self._become(InterruptionState.QUIET)

    def _become(self, call: InterruptionState) -> None:
        before, self.call = self.call, call
        self._expect_frames(None if call is InterruptionState.QUIET else STALL_SECONDS)
        if call is not InterruptionState.OVER:
            self._end_judging()
        elif self._judging is None:
            self._judging = self._working.start(self._judge())
        if call is InterruptionState.TURN:
            self.take()
        elif call is not before:
            self._changed()

    async def _judge(self) -> None:
        expected, audio = self._context.expected, join(self._detector.kept, RATE)
        try:
            async with asyncio.timeout(JUDGE_SECONDS):
                heard = await self._context.stt.transcribe(audio, prompt=expected.prompt, language=expected.language)
            verdict = judged(heard.text, expected.phrases)
        except (VoiceModeError, TimeoutError):
            # Better to fall silent for nothing than to speak over a person.
            verdict = Verdict.TURN
        except Exception:  # whatever fails, playback must not stay paused for ever
            log.exception("Nobody knows what was said over our voice.")
            verdict = Verdict.TURN
        if verdict is Verdict.NOTHING:
            self._judging = None
            self._forget()
        else:
            self._rule(verdict)

    def _rule(self, verdict: Verdict) -> None:
        if self.verdict is not verdict:
            self.verdict = verdict
            self._changed()

    def _end_judging(self) -> None:
        if self._judging is not None:
            self._judging.cancel()
        self._judging = None

    def _expect_frames(self, seconds: float | None) -> None:
        """Restart the timeout for the next frame: a network lost in mid-word must not silence the agent for ever."""
        if self._stall is not None:
            self._stall.cancel()
        self._stall = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self._stalled)

    def _stalled(self) -> None:
        if self.call in VOLUMES:
            self._forget()
        else:
            self.take()
