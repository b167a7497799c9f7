"""Making the unit of a service from its Service and the settings."""

from collections.abc import Sequence
from pathlib import Path

from voicemode.config import Settings
from voicemode.config.child_environment import unit_environment
from voicemode.models.manifests import MODELS
from voicemode.services.logs import log_path
from voicemode.services.service import Service
from voicemode.services.supervisors.supervisor import Unit

WEIGHT_FACTOR = 3
"""Memory per byte of weights: engines hold them once, a second time while loading, and need working memory."""


def unit_for(service: Service, settings: Settings, python: Path, weights: Sequence[str]) -> Unit:
    """Return the unit that runs `service` with `python`. It differs whenever a setting of the service or `weights` does."""
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
    """Return the memory limit of the service with its models, in millions of bytes."""
    size_bytes = sum(MODELS[name].size_bytes for name in weights if name in MODELS)
    return service.memory_mb + WEIGHT_FACTOR * size_bytes // 1_000_000
