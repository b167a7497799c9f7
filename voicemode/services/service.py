"""Description of a local server: all that is needed to start and watch it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from voicemode.config import Settings
from voicemode.models.choice import chosen
from voicemode.services.install.additions import Fitting

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One local server, as data: whoever starts or installs it renders this value."""

    name: str
    """Name on the command line and in file names."""
    title: str
    kind: Literal["stt", "tts", "room", "page"]
    """Job: speech to text, text to speech, rooms to meet in, the page to talk from."""
    health_name: str
    """Name that its /health gives in `service`."""
    port_setting: str
    """Name of the field of Settings that has its port."""
    settings: tuple[str, ...]
    """Fields of Settings that it reads: handed on in its environment, and nothing else of ours is."""
    modules: tuple[str, ...] = ()
    """Modules its engine needs to run."""
    weights: tuple[str, ...] = ()
    """Models it needs; `{whisper_model}` is filled in."""
    extra: str = "local"
    """The extra of VoiceMode that brings its engine; empty for none."""
    fitting: Fitting | None = None
    """Parts of its environment besides packages."""
    proof: Callable[[Settings], Awaitable[str]] | None = None
    """Has it work once, where that is not speech; returns what it did, in words. Raises VoiceModeError if it cannot."""
    on_demand: bool = True
    """True if it is started when it is needed and no supervisor keeps it running; otherwise a person starts it."""
    address: str = f"http://{HOST}:{{port}}/v1"
    """URL its clients are given."""
    health_path: str = "/health"
    health_words: tuple[tuple[str, str], ...] = ()
    """Beginnings of its answer there, and the status each stands for; empty where it says all of it, in JSON."""
    sign: str = ""
    """End of the last part of its command line, where that does not say which process it is."""
    model_setting: str = ""
    """Name of the field of Settings that chooses among its models; empty where there is but one."""
    memory_mb: int = 1000
    """Memory it may hold besides its weights, in millions of bytes, before its supervisor takes it for broken."""
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
    installed_command: tuple[str, ...] = ("-P", "-m", "voicemode", "serve", "{name}", "--port", "{port}", "--log-file", "{log}")
    """Arguments of one that a supervisor keeps running: it never ends by itself, and keeps its log short."""

    def port(self, settings: Settings) -> int:
        """The port it listens on."""
        return int(getattr(settings, self.port_setting))

    def url(self, settings: Settings) -> str:
        """The URL that its clients are given."""
        return self.address.format(port=self.port(settings))

    def health_url(self, settings: Settings) -> str:
        """Where it says how it is."""
        return f"http://{HOST}:{self.port(settings)}{self.health_path}"

    @property
    def starts(self) -> str:
        """How it starts where no supervisor keeps it running, as a sentence."""
        if self.on_demand:
            return "It starts by itself when it is needed."
        return f"Start it when you need it: voicemode service start {self.name}"

    @property
    def installed(self) -> bool:
        """True if it can be started from our own environment: its engine can be imported. Nothing is."""
        return self.on_demand and all(find_spec(module) for module in self.modules)

    def arguments(self, settings: Settings) -> list[str]:
        """`command` with everything filled in."""
        values = {"name": self.name, "port": self.port(settings), "idle_minutes": f"{settings.idle_minutes:g}"}
        return [part.format_map(values) for part in self.command]

    def installed_arguments(self, settings: Settings, log: Path) -> list[str]:
        """`installed_command` with everything filled in."""
        values = {"name": self.name, "port": self.port(settings), "log": log}
        return [part.format_map(values) for part in self.installed_command]

    def weights_for(self, settings: Settings) -> tuple[str, ...]:
        """Names of the models it needs with these settings. Blocks: the hardware decides where the settings do not."""
        return self.weights_with(chosen(settings).model) if self.model_setting else self.weights

    def weights_with(self, model: str) -> tuple[str, ...]:
        """Names of the models it needs to serve `model`, as its settings and its /health name it."""
        return tuple(name.format(whisper_model=model) for name in self.weights)
