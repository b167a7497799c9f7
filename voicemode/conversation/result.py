"""Results of a turn, as the agent is told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from voicemode.audio.turns.endpointer import TurnState
from voicemode.controls import Typed
from voicemode.conversation.utterance import Utterance
from voicemode.text.commands import Heeded
from voicemode.text.quoting import in_quotes, quoted, readable
from voicemode.text.spoken import written

Pairs = tuple[tuple[str, str], ...]
"""(written, spoken)"""

SOMEBODY = "Somebody"
"""Name of who has none; those that people have are in quotes."""
STOPPED_ALOUD = 'said "stop"'
"""Why a turn ended in which somebody told us to be silent, in whatever language."""


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """One person's speech or writing in one go."""

    text: str
    speaker: str = ""
    """Empty where there is only one person."""
    typed: bool = False


@dataclass(frozen=True, slots=True)
class TurnResult:
    text: str
    """What was said, as `text_of` puts it."""
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
    said: tuple[SpokenLine, ...] = ()
    """Who said what, in order."""


def text_of(lines: Sequence[SpokenLine], *, several: bool) -> str:
    """One text of `lines`; where there are `several` people a line for each: `"Anna": …`.

    Nobody can say or write what reads like a line of somebody else, or like a note of ours in square brackets.
    """
    if several or len({line.speaker for line in lines}) > 1:
        return "\n".join(f"{in_quotes(line.speaker) if line.speaker else SOMEBODY}: {quoted(line.text)}" for line in lines)
    return quoted(" ".join(line.text for line in lines), named=any(line.speaker for line in lines))


def reason(ended: TurnState, heeded: Heeded) -> str:
    """Why a turn ended, as the agent is told."""
    if heeded.action == "stop":
        return STOPPED_ALOUD
    if heeded.action == "send" or (ended is TurnState.SAID and heeded.action):
        return f'said "{heeded.phrase}"'
    # A word that the whole text does not bear out.
    return TurnState.FINISHED.value if ended is TurnState.SAID else ended.value


def lines_of(said: Iterable[Utterance], typed: Iterable[Typed], pronounce: Pairs) -> tuple[SpokenLine, ...]:
    """Who said and wrote what, as far as it was understood; what one person says in several goes is one line."""
    understood = ((" ".join(each.answer.transcript.text.split()), each.speaker) for each in said if each.answer)
    spoken = (SpokenLine(readable(written(text, pronounce)), speaker) for text, speaker in understood)
    told = list[SpokenLine]()
    for line in (*spoken, *(SpokenLine(readable(each.text), each.speaker, typed=True) for each in typed)):
        if told and (told[-1].speaker, told[-1].typed) == (line.speaker, line.typed):
            told[-1] = replace(line, text=f"{told[-1].text} {line.text}".strip())
        elif line.text:
            told.append(line)
    return tuple(told)


def heard_of(
    said: Sequence[Utterance], typed: Sequence[Typed], ended: TurnState, pronounce: Pairs, *, several: bool
) -> TurnResult:
    """Return the result of `said`, all of it settled, and `typed` in a turn. Raises VoiceModeError if none of it is known."""
    errors = [each.error for each in said if each.error]
    answers = [each.answer for each in said if each.answer]
    if errors and not (answers or typed):
        raise errors[0]
    heeded = answers[-1].heeded if answers else Heeded("")
    lines = lines_of(said, typed, pronounce)
    return TurnResult(
        text=text_of(lines, several=several),
        ended="typed" if typed else reason(ended, heeded),
        note=" ".join(map(str, errors)),
        provider=", ".join(dict.fromkeys(answer.transcript.provider for answer in answers if answer.transcript.provider)),
        audio_seconds=sum(each.audio.seconds for each in said),
        # What somebody else has said meanwhile must not be forgotten over it.
        again=heeded.action == "repeat" and not lines,
        said=lines,
    )
