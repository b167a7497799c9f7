"""One person's utterance: recorded, written to disk, and transcribed while it is spoken."""

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
"""Seconds kept before the detected onset: Silero's median onset is 0.27 s late, and the first phoneme is quiet."""
NO_EVIDENCE = Evidence()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Words, language and commands expected in speech."""

    prompt: str = ""
    """Words that the transcriber should expect."""
    language: str = ""
    """ISO 639-1 code; empty means detection."""
    phrases: Mapping[str, Action] = field(default_factory=dict)
    """Spoken commands."""


@dataclass(frozen=True, slots=True)
class FinalTranscript:
    transcript: Transcript
    """Transcript without spoken commands."""
    heeded: Heeded


@dataclass(frozen=True, slots=True)
class ListenContext:
    """Everything needed to hear people in a turn."""

    stt: StreamingTranscriber
    detectors: Callable[[], TurnDetectors]
    """Makes new detectors."""
    record: Callable[[], Recording]
    """Makes a new recording for one utterance."""
    controls: Controls
    rules: Rules
    expected: Expected
    status: StatusFeed
    may_interrupt: bool = False
    """True if people who talk over the agent are heard."""

    @property
    def muted(self) -> bool:
        """True if the microphone is muted and push-to-talk is not held."""
        return self.controls.state.muted and not self.controls.state.held


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSnapshot:
    """State of an utterance at one moment."""

    level_db: float = SILENCE_DB
    speech: float = 0.0
    """Probability of speech."""
    turn: TurnState = TurnState.WAITING
    pause_seconds: float = 0.0
    """Length of the current pause."""
    wait_seconds: float = 0.0
    """Seconds the pause must last to end the turn, on the evidence so far."""
    evidence: Evidence = NO_EVIDENCE
    text: str = ""
    """Transcript so far, where speech is transcribed at each pause."""


class Utterance:
    """One person's utterance: transcribed while it is spoken, and on disk until the transcript has arrived.

    Each event has a method here: nothing else writes to the endpointer.
    """

    def __init__(self, context: ListenContext, speaker: str, pauses: MutableSequence[float], *, over_us: bool = False) -> None:
        """`pauses` are the speaker's pauses so far, in seconds; `over_us` is true if it began while the agent spoke."""
        self.speaker = speaker
        self.segment = urandom(6).hex()
        self.answer: FinalTranscript | None = None
        """Set once the utterance is settled."""
        self.error: VoiceModeError | None = None
        """Set once the utterance is settled without a transcript; names the recording, if any."""
        self.audio = Frame(b"", RATE)
        """Set once the utterance is complete."""
        self.recording = context.record()
        self._controls = context.controls
        self._status = context.status
        self._stt = context.stt
        phrases = context.expected.phrases if over_us else listening(context.expected.phrases)
        self._expected = replace(context.expected, phrases=phrases)
        self._early = self._stt.early(self._expected.language)
        """True if speech is transcribed at each pause."""
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
        """True if the person speaks, or begins to, even if the speech is still too short for an onset."""
        return not self.turn.done and (self.begun or self._endpointer.speech_seconds > 0)

    def snapshot(self, frame: Frame) -> TurnSnapshot:
        """Return the state after `frame`, the latest one."""
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
        """Process `frame`, of any length; return True if the utterance is complete.

        Frames from `earlier` count even if the microphone is muted now.
        """
        for chunk in self._chunks.cut(frame):
            self._hear(chunk, earlier=earlier)
            if self.turn.done:
                self.finish()
                break
        return self.turn.done

    async def read(self, transcript: Transcript) -> None:
        """Use the transcript so far as evidence at the current pause."""
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
        """Use the turn model's probability of an end as evidence at the current pause; None if the model failed."""
        self._endpointer.weigh(sounds=sounds, hearing=False)

    def expect(self) -> None:
        """Expect speech at once: the first frame belongs to the utterance, and the first sound begins it."""
        self._endpointer.expect()
        self._recorder.keep_all()

    def begin(self) -> None:
        """Begin the utterance now, with or without speech."""
        self._endpointer.begin()

    def follow(self, before: "Utterance") -> None:
        """Take over the pre-roll of `before`, in which nobody has spoken."""
        self._recorder.kept += before._recorder.kept

    def finish(self, turn: TurnState = TurnState.SILENCE) -> None:
        """Complete the utterance; `turn` is the reason unless it has already ended."""
        self._endpointer.end(turn)
        # Silence after a pause that was transcribed would cost another transcription. Held speech can be too quiet to detect.
        self.audio = self._recorder.finish(silence=self._was_held or not self._early)

    async def settle(self) -> None:
        """Wait for `answer` or `error`. A cancelled wait can be repeated."""
        try:
            self.answer = await asyncio.shield(self._work)
        except ProviderError as error:
            self.error = self.failure(error)
        else:
            if self.answer.transcript.text:
                await self._status.words(Words(self.answer.transcript.text, self.speaker, segment=self.segment))

    def failure(self, error: VoiceModeError) -> VoiceModeError:
        """Return `error`, with the path of the recording if the person has begun to speak."""
        return self.recording.failure(error) if self.begun else error

    async def close(self) -> None:
        """Stop all work on the utterance. Its recording stays on disk."""
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
            # Exactly the frames that arrive while push-to-talk is held.
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
            # Too short to end the pause, but it is the end of the last word.
            self._recorder.resume()
        if tail or (before is not TurnState.PAUSED and turn is TurnState.PAUSED):
            self._pause()

    def _pause(self) -> None:
        self._recorder.pause()
        hearing = self._predictor.ask(join(self._recorder.kept[-round(SECONDS / self._vad.frame_seconds) :], RATE))
        self._endpointer.weigh(reading=self._early, hearing=hearing)

    async def _understand(self) -> FinalTranscript:
        """Return the final transcript, empty if there is no speech. Raises ProviderError."""
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
    """Utterances of all participants: open until they are released, in `said` until they are taken."""

    def __init__(self, pauses: Callable[[str], MutableSequence[float]], working: BackgroundTasks) -> None:
        """`pauses` returns the pauses that a speaker has made so far; `working` runs background work."""
        self.said: list[Utterance] = []
        """Utterances that have begun and were not taken yet, in order of onset."""
        self.began_at = math.inf
        """Onset of the first of them, by the loop's clock."""
        self._pauses = pauses
        self._working = working
        self._open = set[Utterance]()

    def new(self, context: ListenContext, speaker: str, *, over_us: bool = False) -> Utterance:
        utterance = Utterance(context, speaker, self._pauses(speaker), over_us=over_us)
        self._open.add(utterance)
        return utterance

    def began(self, utterance: Utterance) -> None:
        """Add `utterance`, which has begun."""
        if not self.said:
            self.began_at = asyncio.get_running_loop().time()
        self.said.append(utterance)

    def drop(self, utterance: Utterance) -> None:
        """Release `utterance`, which holds no speech, in the background."""
        self._working.start(self.release([utterance]))

    def take(self) -> list[Utterance]:
        """Return the complete utterances; the caller must `release` them."""
        complete = [utterance for utterance in self.said if utterance.turn.done]
        self.said = [utterance for utterance in self.said if not utterance.turn.done]
        return complete

    def disown(self, utterances: Iterable[Utterance]) -> None:
        """Leave `utterances` to the caller to close."""
        self._open.difference_update(utterances)

    async def release(self, utterances: Iterable[Utterance]) -> None:
        """Close `utterances`."""
        for utterance in utterances:
            await utterance.close()
            self._open.discard(utterance)

    async def discard(self) -> None:
        """Close all open utterances and delete their recordings."""
        utterances = list(self._open)
        await self.release(utterances)
        for utterance in utterances:
            utterance.recording.discard()

    async def close(self) -> None:
        """Close all open utterances. Recordings that were not transcribed stay on disk."""
        utterances = list(self._open)
        await self.release(utterances)
        for utterance in utterances:
            if utterance.recording.kept:
                log.warning("A turn ended early; what was said is kept in %s", utterance.recording.path)
