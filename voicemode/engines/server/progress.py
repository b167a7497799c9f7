"""Progress of loading the engine, for /health and the log."""

import logging

from voicemode.progress import Progress

log = logging.getLogger(__name__)


class EngineProgress:
    """A `Report` that keeps the latest progress. Written by the loading thread, read by the event loop."""

    def __init__(self) -> None:
        self.latest: Progress | None = None

    def fetched(self) -> None:
        """Report that all weights are here; the rest takes a second or two."""
        self.latest = Progress("loading", "the engine") if self.latest else None

    def __call__(self, progress: Progress) -> None:
        before, self.latest = self.latest, progress
        if before is None or before.title != progress.title:
            log.info("%s", progress)
