"""Progress of a server before its engine is loaded, for /health and the log."""

import logging

from voicemode.models.sources import SourceProgress

log = logging.getLogger(__name__)


class EngineProgress:
    """The latest, as a sentence. Written by the loading thread, read by the event loop."""

    def __init__(self) -> None:
        self.text = ""
        self._source = ""

    def fetched(self) -> None:
        """All weights are here; what is left takes a second or two."""
        self.text = "loading the engine" if self.text else ""

    def __call__(self, progress: SourceProgress) -> None:
        """Record the progress of a model; a `Report` for `models.ensure`."""
        self.text = str(progress)
        if progress.source != self._source:
            self._source = progress.source
            log.info("%s", self.text)
