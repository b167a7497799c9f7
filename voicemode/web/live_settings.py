"""The current settings: a changed password takes effect without a restart."""

import logging
from dataclasses import replace
from typing import Any

from voicemode.config import LoadedSettings, Settings, changed, load_settings
from voicemode.errors import ConfigError

log = logging.getLogger(__name__)


class Current:
    """Callable that returns the settings, reading them again when a settings file has changed. Blocks briefly."""

    def __init__(self, loaded: LoadedSettings, **said: Any) -> None:
        """`said` are fields from the command line; they take precedence."""
        self._loaded = loaded
        self._said = said

    def __call__(self) -> Settings:
        if changed(self._loaded):
            self._loaded = self._read()
        return replace(self._loaded.settings, **self._said)

    def _read(self) -> LoadedSettings:
        """Read the settings; keep the previous ones if the files have become invalid."""
        before = self._loaded
        try:
            return load_settings()
        except ConfigError as error:
            log.warning("The settings stay as they were: %s", error)
            return before
