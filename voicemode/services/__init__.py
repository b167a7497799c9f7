"""Local servers: what each is, and how it is installed, supervised, watched and removed."""

import importlib

from voicemode.errors import ServiceError
from voicemode.services.service import Service

NAMES = ("frontend", "kokoro", "livekit", "whisper")
"""Modules here that define a `SERVICE`. A new service is a file and its name in this list."""


def services() -> dict[str, Service]:
    """Every local server by its name."""
    found: list[Service] = [importlib.import_module(f"{__name__}.{name}").SERVICE for name in NAMES]
    return {service.name: service for service in found}


def find(name: str) -> Service:
    """The server called `name`; ServiceError with the valid names if there is none."""
    known = services()
    if name not in known:
        raise ServiceError(f"No service is called {name!r}.", hint=f"There are: {', '.join(sorted(known))}.")
    return known[name]
