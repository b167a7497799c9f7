"""Options of a turn."""

from dataclasses import dataclass, field

from voicemode.audio.turns.endpointer import Rules
from voicemode.conversation.utterance import Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOptions:
    """Options of a turn: the settings, with what the caller wants differently."""

    rules: Rules = field(default_factory=Rules)
    cues: bool = True
    """Play a soft tone when listening starts and ends."""
    pronounce: tuple[tuple[str, str], ...] = ()
    """(written, spoken) pairs."""
    expected: Expected = field(default_factory=Expected)
    """Words, language and commands expected in the answer."""
    save_audio: bool = False
    """Keep recordings that have been transcribed, too."""
    barge_in: bool = True
    """True if people may talk over us where our own voice can be removed."""
    keep_listening: bool = False
    """Hear what is said between turns."""
