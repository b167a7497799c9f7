"""Options and result of an installation. Light: tools are described by these."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallOptions:
    """Choices for an installation; empty follows the settings, and what is chosen is written there."""

    model: str = ""
    port: int = 0
    installer: Literal["auto", "uv", "pip"] = "auto"
    """auto is uv where it is installed, else venv and pip."""
    dry_run: bool = False
    """Only say what would be done; nothing is touched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """Result of an installation, or of a dry run."""

    service: str
    changed: bool
    """False: everything was as it should be."""
    dry_run: bool
    url: str
    """The base URL for clients of the OpenAI API."""
    model: str
    environment: str
    supervisor: str
    did: Sequence[str]
    """One sentence for each thing done; of a dry run, for each that would be."""
    notices: Sequence[str] = ()
    """Notes for the person."""

    def __str__(self) -> str:
        if self.dry_run and self.changed:
            head = f"To install {self.service} I would:"
        else:
            answers = "answers" if self.supervisor != "none" else "will answer"
            head = (
                f"{self.service} is installed and {answers} at {self.url}{'' if self.changed else '; there was nothing to do'}."
            )
        return "\n".join([head, *(f"- {line}" for line in self.did), *self.notices])
