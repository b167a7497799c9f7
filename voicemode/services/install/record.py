"""Record of an installation, beside the environments of a service. It is written last, and so always true."""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from voicemode.config import Settings
from voicemode.config.files import write_atomically
from voicemode.errors import ServiceError
from voicemode.services.service import Service
from voicemode.services.supervisors.supervisor import Unit

FILE = "installed.json"
TRIAL = "trial"
"""Name of the folder in which a service on trial writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A finished installation."""

    version: str
    """VoiceMode's version."""
    environment: Path
    """Folder the service runs from."""
    supervisor: str
    """Supervisor that keeps it running: a SupervisorName."""
    unit: Unit
    """Unit as it was registered, or would be if there were a supervisor."""

    @property
    def kept(self) -> bool:
        """True if a supervisor keeps the service running; otherwise it starts on demand."""
        return self.supervisor != "none"


def service_dir(service: Service, settings: Settings) -> Path:
    """Return the folder of everything of an installed service but its weights, cache, state and log."""
    return settings.services_dir / service.name


def installing_lock(service: Service, settings: Settings) -> Path:
    """Return the lock file that is held while the service is installed or removed."""
    return settings.state_dir / f"{service.name}-install.lock"


def load_record(service: Service, settings: Settings) -> Record | None:
    """Return the record of an installation; None if there is none, or it was never finished."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return _decoded(json.loads((service_dir(service, settings) / FILE).read_text(encoding="utf-8")))
    return None


def kept_elsewhere(service: Service, record: Record | None, supervisor: str) -> ServiceError | None:
    """Return the error if a supervisor other than `supervisor` keeps it running: under sudo, in a container, other settings."""
    if record is None or not record.kept or record.supervisor == supervisor:
        return None
    keeper = record.supervisor
    return ServiceError(
        f"{service.title} is kept running by {keeper}, which is not asked here.",
        hint=f"Log in as when you installed it, and set VOICEMODE_SUPERVISOR={keeper}. For another: uninstall it first.",
    )


def refuse_other(service: Service, record: Record | None, supervisor: str) -> None:
    """Raise ServiceError if another supervisor keeps the service running."""
    if error := kept_elsewhere(service, record, supervisor):
        raise error


def save_record(service: Service, settings: Settings, record: Record) -> None:
    """Save the record of a finished installation."""
    text = json.dumps(asdict(record), indent=1, default=str)
    write_atomically(service_dir(service, settings) / FILE, text.encode())


def _decoded(noted: dict[str, Any]) -> Record:
    return Record(
        version=noted["version"],
        environment=Path(noted["environment"]),
        supervisor=noted["supervisor"],
        unit=Unit.from_json(noted["unit"]),
    )
