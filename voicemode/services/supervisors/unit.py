"""The unit of a service: what a supervisor is given, rendered from the Service and the settings."""

from collections.abc import Sequence
from pathlib import Path

from voicemode.config import Settings
from voicemode.config.child_environment import unit_environment
from voicemode.models.manifests import MODELS
from voicemode.services.logs import log_path
from voicemode.services.service import Service
from voicemode.services.supervisors.supervisor import Unit

WEIGHT_FACTOR = 3
"""Engines hold weights once, a second time while they load them, and need room to work."""


def unit_for(service: Service, settings: Settings, python: Path, weights: Sequence[str]) -> Unit:
    """The unit that runs `service` with the interpreter `python` and `weights`. It changes whenever what concerns it does."""
    log = log_path(service.name, settings)
    return Unit(
        name=service.name,
        title=service.title,
        command=(str(python), *service.installed_arguments(settings, log)),
        environment=unit_environment(settings, service.settings),
        log=log,
        writable=(settings.logs_dir, settings.models_path, settings.state_dir, settings.cache_dir),
        memory_mb=memory_mb(service, weights),
    )


def memory_mb(service: Service, weights: Sequence[str]) -> int:
    """Return the memory the service may hold with its models."""
    size_bytes = sum(MODELS[name].size_bytes for name in weights if name in MODELS)
    return service.memory_mb + WEIGHT_FACTOR * size_bytes // 1_000_000
