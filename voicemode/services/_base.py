"""What we need to know about a local server to start and watch it."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from voicemode.config import Settings
from voicemode.services._hardware import choose_whisper_model, usable_cpus

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One local server, as data: whoever starts or installs it renders this value."""

    name: str
    """What it is called on the command line and in file names."""
    title: str
    kind: Literal["stt", "tts"]
    health_name: str
    """What its /health says in `service`."""
    port_setting: str
    """Name of the field of Settings that has its port."""
    settings: tuple[str, ...]
    """Fields of Settings that it reads: handed on in its environment, and nothing else of ours is."""
    modules: tuple[str, ...]
    """What must be importable for its engine to run."""
    weights: tuple[str, ...]
    """Models it needs; `{whisper_model}` is filled in."""
    command: tuple[str, ...] = (
        "-P",
        "-m",
        "voicemode",
        "serve",
        "{name}",
        "--port",
        "{port}",
        "--idle-minutes",
        "{idle_minutes}",
    )
    """Arguments for the Python interpreter. -P: it imports nothing from the folder it is started in."""

    def port(self, settings: Settings) -> int:
        """The port it listens on."""
        return int(getattr(settings, self.port_setting))

    def url(self, settings: Settings) -> str:
        """The base URL that clients of the OpenAI API are given."""
        return f"http://{HOST}:{self.port(settings)}/v1"

    def health_url(self, settings: Settings) -> str:
        """Where it says how it is."""
        return f"http://{HOST}:{self.port(settings)}/health"

    @property
    def installed(self) -> bool:
        """Whether its engine can be imported. Nothing is."""
        return all(find_spec(module) for module in self.modules)

    def arguments(self, settings: Settings) -> list[str]:
        """`command` with everything filled in."""
        values = {"name": self.name, "port": self.port(settings), "idle_minutes": f"{settings.idle_minutes:g}"}
        return [part.format_map(values) for part in self.command]

    def weights_for(self, settings: Settings) -> tuple[str, ...]:
        """Names of the models it needs with these settings."""
        chosen = choose_whisper_model(usable_cpus()) if settings.whisper_model == "auto" else settings.whisper_model
        return tuple(model.format(whisper_model=chosen) for model in self.weights)
