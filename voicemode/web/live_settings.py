"""The settings as they are now: a password that was changed is the only one from then on, without a restart."""

import logging
from dataclasses import replace
from typing import Any

from voicemode.config import LoadedSettings, Settings, changed, load_settings
from voicemode.errors import ConfigError

log = logging.getLogger(__name__)


class Current:
    """Called for the settings; reads them again when a settings file has changed. Blocks, shortly."""

    def __init__(self, loaded: LoadedSettings, **said: Any) -> None:
        """`said` are fields that were given on the command line, and win."""
        self._loaded = loaded
        self._said = said

    def __call__(self) -> Settings:
        if changed(self._loaded):
            self._loaded = self._read()
        return replace(self._loaded.settings, **self._said)

    def _read(self) -> LoadedSettings:
        """Read the settings; keep the last ones if the files have become wrong."""
        before = self._loaded
        try:
            return load_settings()
        except ConfigError as error:
            log.warning("The settings stay as they were: %s", error)
            return before
