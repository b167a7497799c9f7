"""Results of a turn, as the agent receives them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from voicemode.audio.turns.endpointer import TurnState
from voicemode.controls import Typed
from voicemode.conversation.utterance import Utterance
from voicemode.text.commands import Heeded
from voicemode.text.quoting import in_quotes, quoted, readable
from voicemode.text.spoken import written

Pairs = tuple[tuple[str, str], ...]
"""(written, spoken) pairs."""

SOMEBODY = "Somebody"
"""Name of a speaker who has none; the names of people are in quotes."""
STOPPED_ALOUD = 'said "stop"'
"""Reason why a turn ended with a spoken stop command, in any language."""


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """Consecutive speech or typed text of one person."""

    text: str
    speaker: str = ""
    """Empty if there is only one person."""
    typed: bool = False


@dataclass(frozen=True, slots=True)
class TurnResult:
    text: str
    """Transcript, as `text_of` formats it."""
    ended: str
    """Reason of the end: "finished", "silence", 'said "over"', "sent", "typed", "too long", "no speech" or "stopped"."""
    note: str = ""
    """Advice if something was wrong."""
    provider: str = ""
    audio_seconds: float = 0.0
    transcribe_seconds: float = 0.0
    """Seconds from the end of the turn to its transcript."""
    again: bool = False
    """True if the person asked to hear the message again."""
    said: tuple[SpokenLine, ...] = ()
    """Lines of all speakers, in order."""


def text_of(lines: Sequence[SpokenLine], *, several: bool) -> str:
    """Return `lines` as one text; with `several` people, as a line for each: `"Anna": …`.

    Quoting ensures that nothing reads like another person's line or like a note of VoiceMode in square brackets.
    """
    if several or len({line.speaker for line in lines}) > 1:
        return "\n".join(f"{in_quotes(line.speaker) if line.speaker else SOMEBODY}: {quoted(line.text)}" for line in lines)
    return quoted(" ".join(line.text for line in lines), named=any(line.speaker for line in lines))


def reason(ended: TurnState, heeded: Heeded) -> str:
    """Return why a turn ended, in the agent's terms."""
    if heeded.action == "stop":
        return STOPPED_ALOUD
    if heeded.action == "send" or (ended is TurnState.SAID and heeded.action):
        return f'said "{heeded.phrase}"'
    # A command in a partial transcript that the final one does not confirm.
    return TurnState.FINISHED.value if ended is TurnState.SAID else ended.value


def lines_of(said: Iterable[Utterance], typed: Iterable[Typed], pronounce: Pairs) -> tuple[SpokenLine, ...]:
    """Return transcribed and typed text by speaker; a person's consecutive utterances become one line."""
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
    """Return the result of the settled utterances `said` and `typed` text. Raises VoiceModeError if there are only errors."""
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
        # A request to repeat must not discard what somebody else has said meanwhile.
        again=heeded.action == "repeat" and not lines,
        said=lines,
    )
