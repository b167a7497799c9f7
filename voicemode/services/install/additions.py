"""Parts of a service's environment besides Python packages: a program of somebody else's, for example."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from voicemode.config import Settings

Tell = Callable[[str], Awaitable[None]]


class Fitting(Protocol):
    """Raises ServiceError where it cannot be had."""

    def planned(self, settings: Settings) -> str:
        """Describe what `fit` would do. Blocks."""

    async def fit(self, settings: Settings, environment: Path, tell: Tell) -> str:
        """Put it into a new environment; what was done, in words. Whoever is interrupted leaves that incomplete."""
