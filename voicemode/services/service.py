"""Description of a local server: everything needed to start and watch it."""

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
    """One local server, as data from which its commands and units are rendered."""

    name: str
    """Name on the command line and in file names."""
    title: str
    kind: Literal["stt", "tts", "room", "page"]
    """Job of the server: speech to text, text to speech, rooms, or the web page."""
    health_name: str
    """Name that its /health reports as `service`."""
    port_setting: str
    """Name of the field of Settings that holds its port."""
    settings: tuple[str, ...]
    """Fields of Settings that it reads; its environment contains these and no other setting of ours."""
    modules: tuple[str, ...] = ()
    """Python modules its engine needs to run."""
    weights: tuple[str, ...] = ()
    """Models it needs; `{whisper_model}` is substituted."""
    extra: str = "local"
    """The extra of VoiceMode that installs its engine; empty if none is needed."""
    fitting: Fitting | None = None
    """Parts of its environment besides packages."""
    proof: Callable[[Settings], Awaitable[str]] | None = None
    """Check that it works, unless its job is speech; returns a summary. Raises VoiceModeError if it does not work."""
    on_demand: bool = True
    """True if it starts on demand where no supervisor keeps it running; otherwise a person starts it."""
    address: str = f"http://{HOST}:{{port}}/v1"
    """URL for its clients."""
    health_path: str = "/health"
    health_words: tuple[tuple[str, str], ...] = ()
    """Prefixes of its health response, each with the status it means; empty if the response is our JSON."""
    sign: str = ""
    """End of its command line's last argument, by which a server is recognised whose health response has no process id."""
    model_setting: str = ""
    """Name of the field of Settings that selects its model; empty if it has only one."""
    memory_mb: int = 1000
    """Memory limit besides its weights, in millions of bytes; above it the supervisor restarts the server."""
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
    """Arguments for the Python interpreter. -P keeps the working directory out of the import path."""
    installed_command: tuple[str, ...] = ("-P", "-m", "voicemode", "serve", "{name}", "--port", "{port}", "--log-file", "{log}")
    """Arguments for a server that a supervisor keeps running: it never exits when idle, and it rotates its own log."""

    def port(self, settings: Settings) -> int:
        """Return the port it listens on."""
        return int(getattr(settings, self.port_setting))

    def url(self, settings: Settings) -> str:
        """Return the URL for its clients."""
        return self.address.format(port=self.port(settings))

    def health_url(self, settings: Settings) -> str:
        """Return the URL of its health check."""
        return f"http://{HOST}:{self.port(settings)}{self.health_path}"

    @property
    def starts(self) -> str:
        """Instruction for starting it where no supervisor keeps it running, as a sentence."""
        if self.on_demand:
            return "It starts by itself when it is needed."
        return f"Start it when you need it: voicemode service start {self.name}"

    @property
    def installed(self) -> bool:
        """True if it can be started from our own environment: its engine's modules are found; none is imported."""
        return self.on_demand and all(find_spec(module) for module in self.modules)

    def arguments(self, settings: Settings) -> list[str]:
        """Return `command` with its placeholders substituted."""
        values = {"name": self.name, "port": self.port(settings), "idle_minutes": f"{settings.idle_minutes:g}"}
        return [part.format_map(values) for part in self.command]

    def installed_arguments(self, settings: Settings, log: Path) -> list[str]:
        """Return `installed_command` with its placeholders substituted."""
        values = {"name": self.name, "port": self.port(settings), "log": log}
        return [part.format_map(values) for part in self.installed_command]

    def weights_for(self, settings: Settings) -> tuple[str, ...]:
        """Return the names of the models it needs with `settings`. Blocks: without a choice there the hardware decides."""
        return self.weights_with(chosen(settings).model) if self.model_setting else self.weights

    def weights_with(self, model: str) -> tuple[str, ...]:
        """Return the names of the models it needs to serve `model`, as its settings and its /health name it."""
        return tuple(name.format(whisper_model=model) for name in self.weights)
