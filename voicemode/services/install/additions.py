"""Parts of a service's environment besides Python packages, such as a third-party program."""

from pathlib import Path
from typing import Protocol

from voicemode.config import Settings
from voicemode.progress import Report


class Fitting(Protocol):
    """A part to add to an environment. Both methods raise ServiceError if the part cannot be provided."""

    def planned(self, settings: Settings) -> str:
        """Describe what `fit` would do. Blocks."""

    async def fit(self, settings: Settings, environment: Path, report: Report) -> str:
        """Add the part to a new environment; return a summary. An interruption leaves the environment incomplete."""
