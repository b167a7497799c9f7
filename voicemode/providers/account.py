"""Account of the requests of one turn."""

from dataclasses import dataclass, field

from voicemode.speech.base import Kind


@dataclass(frozen=True, slots=True)
class Failure:
    kind: Kind
    provider: str
    reason: str


@dataclass(slots=True)
class Account:
    """Filled in while a turn goes on; the agent is told from it who spoke, who listened, and what went wrong."""

    spoke: list[str] = field(default_factory=list)
    """Names of the providers that spoke, in order, each once."""
    transcribed: str = ""
    """Name of the provider that transcribed."""
    why: dict[Kind, str] = field(default_factory=dict)
    """Why that one: "your first URL", "the only one that has the voice af_sky", "http://… failed"."""
    failures: list[Failure] = field(default_factory=list)
    """Attempts that came to nothing, in order."""
    notes: list[str] = field(default_factory=list)
    """What the person did not get as asked: another voice, another model."""
    unheard: list[str] = field(default_factory=list)
    """Sentences that broke off; they are not begun again, so that nothing is said twice."""

    def spoken_by(self, provider: str) -> None:
        if provider not in self.spoke:
            self.spoke.append(provider)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
