"""Parts of a service's environment besides Python packages: a program of somebody else's, for example."""

from pathlib import Path
from typing import Protocol

from voicemode.config import Settings
from voicemode.progress import Report


class Fitting(Protocol):
    """Raises ServiceError where it cannot be had."""

    def planned(self, settings: Settings) -> str:
        """Describe what `fit` would do. Blocks."""

    async def fit(self, settings: Settings, environment: Path, report: Report) -> str:
        """Put it into a new environment; what was done, in words. Whoever is interrupted leaves that incomplete."""
