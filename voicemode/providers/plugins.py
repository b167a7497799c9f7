"""Provider plugins from packages and files: found, loaded when one is needed, and kept from harming the others.

plugins = Plugins(settings.providers_dir)
ears = plugins.transcriber("wyoming://127.0.0.1:10300", settings)
found = await plugins.discover(settings)
plugins.problems()      plugins that could not be loaded, for people
"""

import asyncio
import os
import re
import stat
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

from voicemode import egress
from voicemode.config import Settings
from voicemode.config.urls import Address
from voicemode.errors import ConfigError, ProviderError
from voicemode.providers.discovery import LOOK_SECONDS, Found
from voicemode.providers.plugin_adapter import Broken, Culprit, GuardedSynthesizer, GuardedTranscriber
from voicemode.providers.port_owners import Listeners, listeners, may_be_asked
from voicemode.speech.base import Kind, Synthesizer, Transcriber
from voicemode.speech.plugin import Plugin
from voicemode.tasks import in_thread

MODULE = "voicemode_provider_{name}"
"""Module name of a provider file in this process."""
LOAD_SECONDS = 10.0
"""Timeout for importing the plugins: some bring large libraries."""
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def files(folder: Path) -> list[Path]:
    """Return the provider files in `folder`: Python files whose names begin with neither an underscore nor a dot."""
    try:
        return sorted(path for path in folder.glob("*.py") if path.name[0] not in "_.")
    except OSError:
        return []


def run(path: Path) -> ModuleType:
    """Run the file at `path` as a module and return that.

    Raises PermissionError with the reason if another user may have written the file, and any exception of the file itself.
    """
    source = _read(path)
    name = MODULE.format(name=path.stem)
    spec = spec_from_loader(name, loader=None, origin=str(path))
    if spec is None:  # only for namespace packages
        raise ImportError(f"{path} cannot be a module")
    module = module_from_spec(spec)
    module.__file__ = str(path)
    # dataclasses, pickle and typing look up the module of a class here.
    sys.modules[name] = module
    try:
        # Run the very bytes that were checked: the import system would read the file again, or somebody's .pyc beside it.
        exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102 - it is the person's own file
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        if os.name == "posix":
            for reason in _doubts(path, os.fstat(file.fileno())):
                raise PermissionError(reason)
        return file.read()


def _doubts(path: Path, opened: os.stat_result) -> Iterator[str]:
    """Yield the reasons why another user may have written the file at `path`; `opened` is its status."""
    places = [(path, opened), *((folder, folder.stat()) for folder in {path.parent, path.resolve().parent})]
    for place, status in places:
        if status.st_uid != os.getuid():
            yield f"{place} belongs to another user; make it yours: chown {os.getuid()} {place}"
        if status.st_mode & WRITABLE_BY_OTHERS:
            yield f"others may write {place}; forbid it: chmod go-w {place}"


GROUP = "voicemode.providers"
NAME = re.compile("[a-z][a-z0-9-]*")
TAKEN = ("http", "https")
"""Schemes reserved for the API that VoiceMode itself speaks."""
METHODS: Mapping[Kind, str] = {"stt": "transcribe", "tts": "synthesize"}


@dataclass(frozen=True, slots=True)
class Problem:
    """Reason why an installed provider is unavailable."""

    name: str
    """Name of the plugin, or the path of its file."""
    reason: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible source of plugins: an entry point or a file."""

    name: str
    load: Callable[[], object]
    """Returns a Plugin or several; may raise anything."""


def installed() -> Iterator[Candidate]:
    """Yield the entry points of installed packages. Reads many small files."""
    for entry in entry_points(group=GROUP):
        yield Candidate(entry.name, entry.load)


def in_folder(folder: Path) -> Iterator[Candidate]:
    """Yield the PROVIDERs of the files in `folder`."""
    for path in files(folder):
        yield Candidate(str(path), partial(provider_in, path))


def provider_in(path: Path) -> object:
    """Return the PROVIDER of a file. Raises any exception of the file itself."""
    return run(path).PROVIDER


class Import(threading.Thread):
    """A thread that imports a candidate: third-party code, which may raise anything, or hang while the program exits."""

    def __init__(self, candidate: Candidate) -> None:
        super().__init__(name=candidate.name, daemon=True)
        self.plugins: Sequence[Plugin] = ()
        self.problem = f"took longer than {LOAD_SECONDS:g} s to load"
        self._load = candidate.load
        self.start()

    def run(self) -> None:
        try:
            self.plugins = _plugins(self._load())
            self.problem = ""
        except BaseException as error:
            self.problem = f"could not be loaded ({type(error).__name__}: {error})"


class Plugins:
    """All plugins. The search for them begins when the first is needed."""

    def __init__(
        self,
        folder: Path,
        packages: Callable[[], Iterable[Candidate]] = installed,
        ask: Callable[[], Awaitable[Listeners]] = listeners,
    ) -> None:
        """`folder` holds the person's files, `packages` finds the others, `ask` returns this machine's listening sockets."""
        self._folder, self._packages = folder, packages
        self._ask = ask
        self._loading = threading.Lock()
        self._loaded: dict[tuple[str, Kind], Plugin] | None = None
        self._problems: dict[str, str] = {}

    def problems(self) -> list[Problem]:
        """Return the problems found so far; plugins are loaded only when needed."""
        return [Problem(name, reason) for name, reason in self._problems.items()]

    async def load(self) -> dict[tuple[str, Kind], Plugin]:
        """Import all plugins, once and off the event loop; takes LOAD_SECONDS at most."""
        return await in_thread(self._all)

    def transcriber(self, url: str, settings: Settings) -> Transcriber:
        """Return the transcriber at `url`. Raises ConfigError if no plugin has its scheme."""
        thing, culprit = self._build(url, "stt", settings)
        return GuardedTranscriber(thing, culprit, settings)

    def speaker(self, url: str, settings: Settings) -> Synthesizer:
        """Return the synthesizer at `url`. Raises ConfigError if no plugin has its scheme."""
        thing, culprit = self._build(url, "tts", settings)
        return GuardedSynthesizer(thing, culprit, settings)

    async def discover(self, settings: Settings) -> list[Found]:
        """Return the servers of this user and of root that plugins find on this machine. Takes 0.6 s at most; never fails."""
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                plugins = (await self.load()).values()
        except TimeoutError:
            # Other discovery does not wait for the import: the next search has the plugins.
            return []
        looking = asyncio.gather(*(self._look(plugin, settings) for plugin in plugins))
        there, found = await asyncio.gather(self._ask(), looking)
        return [one for urls in found for one in urls if _is_ours(there, one.url)]

    def _build(self, url: str, kind: Kind, settings: Settings) -> tuple[object, Culprit]:
        plugin = self._find(url, kind)
        culprit = Culprit(f"{plugin.name} ({url})", settings.key_for(url))
        try:
            return _made(plugin, url, settings, culprit), culprit
        except ProviderError as error:
            self._problems[culprit.name] = str(error)
            return Broken(error), culprit

    def _find(self, url: str, kind: Kind) -> Plugin:
        scheme, known = Address.parse(url).scheme, self._all()
        if (scheme, kind) in known:
            return known[scheme, kind]
        there = ", ".join([*TAKEN, *sorted(name for name, job in known if job == kind)])
        job = "understands" if kind == "stt" else "makes"
        broken = "".join(f" {one.name}: {one.reason}." for one in self.problems())
        raise ConfigError(f"Nothing here {job} speech at {scheme}:// ({url}).", hint=f"Known schemes: {there}.{broken}")

    def _all(self) -> dict[tuple[str, Kind], Plugin]:
        with self._loading:
            if self._loaded is None:
                imports = [Import(candidate) for candidate in [*in_folder(self._folder), *self._packages()]]
                deadline = time.monotonic() + LOAD_SECONDS
                loaded: dict[tuple[str, Kind], Plugin] = {}
                for one in imports:
                    one.join(max(0.0, deadline - time.monotonic()))
                    self._take(one, loaded)
                self._loaded = loaded
            return self._loaded

    def _take(self, one: "Import", loaded: dict[tuple[str, Kind], Plugin]) -> None:
        if one.problem:
            self._problems[one.name] = one.problem
        for plugin in one.plugins:
            if (plugin.name, plugin.kind) in loaded:
                self._problems[one.name] = f"there already is a provider {plugin.name} for {plugin.kind}"
            loaded.setdefault((plugin.name, plugin.kind), plugin)

    async def _look(self, plugin: Plugin, settings: Settings) -> list[Found]:
        search = f"{plugin.name}, looking for servers"
        self._problems.pop(search, None)
        try:
            with Culprit(plugin.name).blamed():
                async with asyncio.timeout(LOOK_SECONDS):
                    return [Found(plugin.kind, _own(plugin, url)) for url in await plugin.discover(disclosed(settings))]
        except ProviderError as error:
            self._problems[search] = str(error)
            return []


def _made(plugin: Plugin, url: str, settings: Settings, culprit: Culprit) -> object:
    """Have the plugin build its object for `url`. Raises ProviderError."""
    with culprit.blamed():
        # Sockets of native code escape the egress guard: an object for a remote host is not even built.
        egress.check(Address.parse(url).host)
        thing = plugin.build(disclosed(settings, url), url)
        if not hasattr(thing, METHODS[plugin.kind]):
            raise TypeError(f"what it made has no {METHODS[plugin.kind]}")
        return thing


def disclosed(settings: Settings, url: str = "") -> Settings:
    """Return `settings` as a plugin sees them: without secrets, except the key that belongs to `url`."""
    shown: dict[str, Any] = {item.name: item.default for item in fields(Settings) if item.metadata.get("secret")}
    if url and (key := settings.key_for(url)):
        shown["api_keys"] = (f"{url}={key}",)
    return replace(settings, **shown)


def _plugins(thing: object) -> Sequence[Plugin]:
    """Return the plugins in `thing`. Raises TypeError or ValueError for anything else."""
    several: Sequence[object] = thing if isinstance(thing, list | tuple) else [thing]
    plugins = [plugin for plugin in several if isinstance(plugin, Plugin)]
    if len(plugins) < len(several):
        raise TypeError(f"it gives {[type(one).__name__ for one in several]} instead of Plugin")
    for plugin in plugins:
        if not NAME.fullmatch(plugin.name) or plugin.name in TAKEN or plugin.kind not in METHODS:
            raise ValueError(f"it cannot be called {plugin.name!r} for {plugin.kind!r}")
    return plugins


def _own(plugin: Plugin, url: str) -> str:
    """Return `url` if the plugin may be used there without being configured. Raises ValueError."""
    address = Address.parse(url)
    if address.scheme != plugin.name or not address.is_here:
        raise ValueError(f"{url} is none of its servers on this machine; name it in VOICEMODE_STT_BASE_URLS or TTS_BASE_URLS")
    return url


def _is_ours(there: Listeners, url: str) -> bool:
    address = Address.parse(url)
    return may_be_asked(there, "127.0.0.1" if address.host == "localhost" else address.host, address.port)
