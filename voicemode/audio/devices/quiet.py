"""Suppression of what Linux sound libraries write to stderr of their own accord."""

import sys
from ctypes import CDLL, CFUNCTYPE

_IGNORE = CFUNCTYPE(None)(lambda: None)


def quieten() -> None:
    """Stop ALSA and JACK from logging every failed probe to stderr: dozens of lines that look like failures."""
    if not sys.platform.startswith("linux"):
        return
    for library, setters in (
        ("libasound.so.2", ("snd_lib_error_set_handler",)),
        ("libjack.so.0", ("jack_set_error_function", "jack_set_info_function")),
    ):
        try:
            loaded = CDLL(library)
        except OSError:
            continue
        for setter in setters:
            getattr(loaded, setter)(_IGNORE)
