"""Results of a turn, as the agent is told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from voicemode.audio.turns.endpointer import TurnState
from voicemode.controls import Typed
from voicemode.conversation.utterance import Utterance
from voicemode.text.commands import Heeded
from voicemode.text.spoken import written

Pairs = tuple[tuple[str, str], ...]
"""(written, spoken)"""


STOPPED_ALOUD = 'said "stop"'
"""Why a turn ended in which somebody told us to be silent, in whatever language."""


@dataclass(frozen=True, slots=True)
class TurnResult:
    text: str
    """Where several people were there, a line for each: "Anna: …"."""
    ended: str
    """Why the turn ended: "finished", "silence", 'said "over"', "sent", "typed", "too long", "no speech" or "stopped"."""
    note: str = ""
    """Advice, where something was wrong."""
    provider: str = ""
    audio_seconds: float = 0.0
    transcribe_seconds: float = 0.0
    """From the end of the turn to the text."""
    again: bool = False
    """The person asks to hear the message once more."""


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """One person's speech or writing in one go."""

    text: str
    speaker: str = ""


def text_of(lines: Iterable[SpokenLine], *, several: bool) -> str:
    """One text of `lines`, with the names of who said them if there are `several` people."""
    told = list[SpokenLine]()
    for line in filter(lambda line: line.text, lines):
        if told and told[-1].speaker == line.speaker:
            told[-1] = SpokenLine(f"{told[-1].text} {line.text}", line.speaker)
        else:
            told.append(line)
    if several or len({line.speaker for line in told}) > 1:
        return "\n".join(f"{line.speaker or 'Somebody'}: {line.text}" for line in told)
    return " ".join(line.text for line in told)


def reason(ended: TurnState, heeded: Heeded) -> str:
    """Why a turn ended, as the agent is told."""
    if heeded.action == "stop":
        return STOPPED_ALOUD
    if heeded.action == "send" or (ended is TurnState.SAID and heeded.action):
        return f'said "{heeded.phrase}"'
    # A word that the whole text does not bear out.
    return TurnState.FINISHED.value if ended is TurnState.SAID else ended.value


def lines_of(said: Iterable[Utterance], pronounce: Pairs) -> list[SpokenLine]:
    """The texts of those of `said` that were understood."""
    return [SpokenLine(written(each.answer.transcript.text, pronounce), each.speaker) for each in said if each.answer]


def typed_lines(typed: Iterable[Typed]) -> list[SpokenLine]:
    return [SpokenLine(each.text, each.speaker) for each in typed]


def heard_of(
    said: Sequence[Utterance], typed: Sequence[Typed], ended: TurnState, pronounce: Pairs, *, several: bool
) -> TurnResult:
    """Return the result of `said`, all of it settled, and `typed` in a turn. Raises VoiceModeError if none of it is known."""
    errors = [each.error for each in said if each.error]
    answers = [each.answer for each in said if each.answer]
    if errors and not (answers or typed):
        raise errors[0]
    heeded = answers[-1].heeded if answers else Heeded("")
    text = text_of([*lines_of(said, pronounce), *typed_lines(typed)], several=several)
    return TurnResult(
        text=text,
        ended="typed" if typed else reason(ended, heeded),
        note=" ".join(map(str, errors)),
        provider=", ".join(dict.fromkeys(answer.transcript.provider for answer in answers if answer.transcript.provider)),
        audio_seconds=sum(each.audio.seconds for each in said),
        # What somebody else has said meanwhile must not be forgotten over it.
        again=heeded.action == "repeat" and not text,
    )
