"""One person's utterance: recorded, on disk, and transcribed while it is said."""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Mapping, MutableSequence
from dataclasses import dataclass, field, replace
from os import urandom

from voicemode.audio.frames import SILENCE_DB, Chunks, Frame, closing, join, level_db
from voicemode.audio.turns.endpointer import Endpointer, Evidence, Rules, TurnState
from voicemode.audio.turns.model import SECONDS, TurnPredictor
from voicemode.audio.turns.tail import Tail
from voicemode.audio.vad import RATE
from voicemode.config.values import Action
from voicemode.controls import Controls
from voicemode.conversation.detectors import TurnDetectors
from voicemode.conversation.recorder import Recorder
from voicemode.conversation.recording import Recording
from voicemode.conversation.status import StatusFeed
from voicemode.errors import ProviderError, VoiceModeError
from voicemode.speech.base import Transcript
from voicemode.speech.speculative import StreamingTranscriber
from voicemode.tasks import BackgroundTasks, ended
from voicemode.text.commands import Heeded, heed, listening
from voicemode.text.completeness import reads_finished
from voicemode.transports.base import Words

log = logging.getLogger(__name__)

PRE_ROLL_SECONDS = 0.5
"""Kept from before the detected onset: Silero's median onset is 0.27 s late, and the first phoneme is quiet."""
NO_EVIDENCE = Evidence()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Words, language and commands expected before speech is heard."""

    prompt: str = ""
    """Words to expect."""
    language: str = ""
    """ISO 639-1 code; empty is detected."""
    phrases: Mapping[str, Action] = field(default_factory=dict)
    """Words that steer."""


@dataclass(frozen=True, slots=True)
class FinalTranscript:
    transcript: Transcript
    """Without the words that steer."""
    heeded: Heeded


@dataclass(frozen=True, slots=True)
class ListenContext:
    """Everything people are heard with in a turn."""

    stt: StreamingTranscriber
    detectors: Callable[[], TurnDetectors]
    """Makes fresh ones."""
    record: Callable[[], Recording]
    """Makes a new one, for one utterance."""
    controls: Controls
    rules: Rules
    expected: Expected
    status: StatusFeed
    may_interrupt: bool = False
    """True if a person who talks over us is heard."""

    @property
    def muted(self) -> bool:
        """True if nothing is to be heard at the moment."""
        return self.controls.state.muted and not self.controls.state.held


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSnapshot:
    """State of an utterance at one moment."""

    level_db: float = SILENCE_DB
    speech: float = 0.0
    """Probability that somebody speaks."""
    turn: TurnState = TurnState.WAITING
    pause_seconds: float = 0.0
    """Length of the pause that goes on."""
    wait_seconds: float = 0.0
    """Seconds the pause must last to end the turn, as far as is known."""
    evidence: Evidence = NO_EVIDENCE
    text: str = ""
    """Text so far, where speech is transcribed at each pause."""


class Utterance:
    """One person's utterance. It is transcribed while it is said, and on disk until its text has arrived.

    A method for each thing that may happen to it: nobody else tells its endpointer anything.
    """

    def __init__(self, context: ListenContext, speaker: str, pauses: MutableSequence[float], *, over_us: bool = False) -> None:
        """`pauses` are those the speaker has made so far, in seconds; `over_us`: it began while we spoke."""
        self.speaker = speaker
        self.segment = urandom(6).hex()
        self.answer: FinalTranscript | None = None
        """Once it is settled."""
        self.error: VoiceModeError | None = None
        """Once it is settled, and nobody knows what was said: where that is kept."""
        self.audio = Frame(b"", RATE)
        """Once it is complete."""
        self.recording = context.record()
        self._controls = context.controls
        self._status = context.status
        self._stt = context.stt
        phrases = context.expected.phrases if over_us else listening(context.expected.phrases)
        self._expected = replace(context.expected, phrases=phrases)
        self._early = self._stt.early(self._expected.language)
        """True if a text is made at each pause."""
        self._text = ""
        detectors = context.detectors()
        self._vad = detectors.vad
        self._chunks = Chunks(self._vad.frame_seconds)
        self._tail = Tail()
        self._predictor = TurnPredictor(detectors.turn_model, self.predicted)
        self._endpointer = Endpointer(context.rules, pauses)
        self._recorder = Recorder(self.recording, PRE_ROLL_SECONDS + context.rules.onset_seconds)
        self._was_held = False
        self._work = asyncio.create_task(self._understand())

    @property
    def settled(self) -> bool:
        return bool(self.answer or self.error)

    @property
    def begun(self) -> bool:
        """True if the person has begun to speak."""
        return self._recorder.begun

    @property
    def turn(self) -> TurnState:
        return self._endpointer.turn

    @property
    def busy(self) -> bool:
        """True if somebody speaks, or begins to, be it too short yet to have begun with."""
        return not self.turn.done and (self.begun or self._endpointer.speech_seconds > 0)

    def snapshot(self, frame: Frame) -> TurnSnapshot:
        """Return the state after `frame`, the last that was heard."""
        return TurnSnapshot(
            level_db=level_db(frame),
            speech=self._vad.probability,
            turn=self.turn,
            pause_seconds=self._endpointer.pause_seconds,
            wait_seconds=self._endpointer.wait_seconds,
            evidence=self._endpointer.evidence,
            text=self._text,
        )

    def hear(self, frame: Frame, *, earlier: bool = False) -> bool:
        """Take `frame`, of any length, into account; return True if the utterance is complete.

        What was heard `earlier` counts though the microphone be muted now.
        """
        for chunk in self._chunks.cut(frame):
            self._hear(chunk, earlier=earlier)
            if self.turn.done:
                self.finish()
                break
        return self.turn.done

    async def read(self, transcript: Transcript) -> None:
        """Take the text so far as evidence at the current pause."""
        match heed(transcript.text, self._expected.phrases).action:
            case "wait":
                self._endpointer.weigh(thinking=True, reading=False)
            case None | "nod":
                language = self._expected.language or transcript.language
                self._endpointer.weigh(reads=reads_finished(transcript.text, language), reading=False)
            case "send" | "repeat" | "stop":
                if self.turn is TurnState.PAUSED and not self._controls.state.held:
                    self._endpointer.end(TurnState.SAID)
        if transcript.text:
            self._text = transcript.text
            await self._status.words(Words(self._text, self.speaker, final=False, segment=self.segment))

    def predicted(self, sounds: float | None) -> None:
        """Take the turn model's probability of an end as evidence at the current pause; None if it failed."""
        self._endpointer.weigh(sounds=sounds, hearing=False)

    def expect(self) -> None:
        """It is known that what comes begins with this turn: the first frame belongs to it, and the first sound begins it."""
        self._endpointer.expect()
        self._recorder.keep_all()

    def begin(self) -> None:
        """The turn begins now, whether or not anything is said."""
        self._endpointer.begin()

    def follow(self, before: "Utterance") -> None:
        """Go on with the pre-roll of `before`, in which nobody has spoken."""
        self._recorder.kept += before._recorder.kept

    def finish(self, turn: TurnState = TurnState.SILENCE) -> None:
        """It is complete: as it is by itself, else as `turn` says."""
        self._endpointer.end(turn)
        # Whoever has made a text at the pause would have to make it again. What is held may be too quiet to be noticed.
        self.audio = self._recorder.finish(silence=self._was_held or not self._early)

    async def settle(self) -> None:
        """Wait for `answer` or `error`; whoever waits may be cancelled, and another wait."""
        try:
            self.answer = await asyncio.shield(self._work)
        except ProviderError as error:
            self.error = self.failure(error)
        else:
            if self.answer.transcript.text:
                await self._status.words(Words(self.answer.transcript.text, self.speaker, segment=self.segment))

    def failure(self, error: VoiceModeError) -> VoiceModeError:
        """`error`, and where what was said is kept."""
        return self.recording.failure(error) if self.begun else error

    async def close(self) -> None:
        """Nothing goes on after it. Its recording stays on disk."""
        self.recording.close()
        await ended(self._work)
        await self._predictor.close()

    def _hear(self, frame: Frame, *, earlier: bool) -> None:
        controls = self._controls.state
        if self._controls.sending:
            self._endpointer.end(TurnState.SENT)
        if self.turn.done:
            return
        if controls.muted and not (controls.held or earlier):
            self._endpointer.feed(is_speech=False, seconds=frame.seconds)
            return
        if controls.held and not self.begun:
            # Exactly what is said while it is held.
            self._recorder.kept.clear()
            self.begin()
        self._take(frame, held=controls.held)

    def _take(self, frame: Frame, *, held: bool) -> None:
        self._was_held = self._was_held or held
        is_speech = self._vad.is_speech(frame)
        before, turn = self.turn, self._endpointer.feed(is_speech, frame.seconds, held=held)
        if before is TurnState.PAUSED and turn is TurnState.SPEAKING:
            self._recorder.resume()
            self._predictor.forget()
        self._recorder.keep(frame, begun=turn not in (TurnState.WAITING, TurnState.NO_SPEECH), is_speech=is_speech)
        tail = self._tail.ended(frame, is_speech=is_speech, paused=before is turn is TurnState.PAUSED)
        if tail:
            # Not enough to go on, but the end of the last word.
            self._recorder.resume()
        if tail or (before is not TurnState.PAUSED and turn is TurnState.PAUSED):
            self._pause()

    def _pause(self) -> None:
        self._recorder.pause()
        hearing = self._predictor.ask(join(self._recorder.kept[-round(SECONDS / self._vad.frame_seconds) :], RATE))
        self._endpointer.weigh(reading=self._early, hearing=hearing)

    async def _understand(self) -> FinalTranscript:
        """All that is said; empty if nothing is. Raises ProviderError."""
        transcript = await self._transcribe()
        heeded = heed(transcript.text, self._expected.phrases)
        return FinalTranscript(replace(transcript, text=heeded.text), heeded)

    async def _transcribe(self) -> Transcript:
        queue, expected = self._recorder.queue, self._expected
        if await queue.begins():
            transcripts = self._stt.transcripts(queue, prompt=expected.prompt, language=expected.language)
            async with closing(transcripts):
                async for transcript in transcripts:
                    if transcript.final:
                        return transcript
                    await self.read(transcript)
        return Transcript("")


class Utterances:
    """Utterances of everybody who is heard: open until they are released, told until they are taken."""

    def __init__(self, pauses: Callable[[str], MutableSequence[float]], working: BackgroundTasks) -> None:
        """`pauses` gives those that a speaker has made so far; what nobody waits for is done by `working`."""
        self.said: list[Utterance] = []
        """Those that have begun, in that order, and were not taken yet."""
        self.began_at = math.inf
        """When the first of them began, by the loop's clock."""
        self._pauses = pauses
        self._working = working
        self._open = set[Utterance]()

    def new(self, context: ListenContext, speaker: str, *, over_us: bool = False) -> Utterance:
        utterance = Utterance(context, speaker, self._pauses(speaker), over_us=over_us)
        self._open.add(utterance)
        return utterance

    def began(self, utterance: Utterance) -> None:
        """Somebody has begun to speak."""
        if not self.said:
            self.began_at = asyncio.get_running_loop().time()
        self.said.append(utterance)

    def drop(self, utterance: Utterance) -> None:
        """Release `utterance`, in which nothing was said, without waiting for it."""
        self._working.start(self.release([utterance]))

    def take(self) -> list[Utterance]:
        """Return the complete utterances; they are the caller's to `release`."""
        complete = [utterance for utterance in self.said if utterance.turn.done]
        self.said = [utterance for utterance in self.said if not utterance.turn.done]
        return complete

    def disown(self, utterances: Iterable[Utterance]) -> None:
        """Let others look after `utterances`."""
        self._open.difference_update(utterances)

    async def release(self, utterances: Iterable[Utterance]) -> None:
        """Close `utterances`, which are done with."""
        for utterance in utterances:
            await utterance.close()
            self._open.discard(utterance)

    async def discard(self) -> None:
        """Drop everything that was said."""
        utterances = list(self._open)
        await self.release(utterances)
        for utterance in utterances:
            utterance.recording.discard()

    async def close(self) -> None:
        """Close all that are open. Recordings that were not understood stay on disk."""
        utterances = list(self._open)
        await self.release(utterances)
        for utterance in utterances:
            if utterance.recording.kept:
                log.warning("A turn ended early; what was said is kept in %s", utterance.recording.path)
