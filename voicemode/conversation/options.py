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
    """What is known of the answer before it is heard."""
    save_audio: bool = False
    """Keep recordings that have been transcribed, too."""
    barge_in: bool = True
    """Whoever talks over us is heard, where our own voice is not."""
    keep_listening: bool = False
    """Hear what is said between turns."""
