"""Options and result of an installation. Cheap to import: the schemas of tools are derived from these."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallOptions:
    """Options of an installation; an empty one follows the settings, any other is written there."""

    model: str = ""
    port: int = 0
    installer: Literal["auto", "uv", "pip"] = "auto"
    """`auto` is uv where it is installed, else venv and pip."""
    dry_run: bool = False
    """True to list the steps without taking them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """Result of an installation, or of a dry run."""

    service: str
    changed: bool
    """False if there was nothing to do."""
    dry_run: bool
    url: str
    """Base URL for clients."""
    model: str
    environment: str
    supervisor: str
    did: Sequence[str]
    """One sentence for each step taken, or of a dry run for each step that would be taken."""
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
