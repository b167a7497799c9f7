"""Local servers: their descriptions, installation, supervision, health and removal."""

import importlib

from voicemode.errors import ServiceError
from voicemode.services.service import Service

NAMES = ("frontend", "kokoro", "livekit", "whisper")
"""Modules of this package that define a `SERVICE`. A new service takes one file and its name in this tuple."""


def services() -> dict[str, Service]:
    """Return every local server by name."""
    found: list[Service] = [importlib.import_module(f"{__name__}.{name}").SERVICE for name in NAMES]
    return {service.name: service for service in found}


def find(name: str) -> Service:
    """Return the server called `name`. Raises ServiceError, listing the valid names, if there is none."""
    known = services()
    if name not in known:
        raise ServiceError(f"No service is called {name!r}.", hint=f"There are: {', '.join(sorted(known))}.")
    return known[name]
