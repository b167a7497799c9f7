"""Local servers. A module here without an underscore is one: it defines `SERVICE`."""

import importlib
import pkgutil

from voicemode.errors import ServiceError
from voicemode.services.service import Service


def services() -> dict[str, Service]:
    """Every local server by its name."""
    names = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    found: list[Service] = [importlib.import_module(f"{__name__}.{name}").SERVICE for name in names]
    return {service.name: service for service in found}


def find(name: str) -> Service:
    """The server called `name`; ServiceError with the valid names if there is none."""
    known = services()
    if name not in known:
        raise ServiceError(f"No service is called {name!r}.", hint=f"There are: {', '.join(sorted(known))}.")
    return known[name]
