"""The image and compose.yaml: linted, and really built and run, by Podman where there is no Docker."""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

from tests.support.agents import WEIGHTS
from tests.support.containers import Podman, debian_with_python, missing, podman
from tests.support.paths import REPOSITORY
from tests.support.wer import wer

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))
DOCUMENT = (REPOSITORY / "docs/containers.md").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ENGINES = tuple(name for name, service in SERVICES.items() if "healthcheck" in service)
GATES = tuple(name for name, service in SERVICES.items() if "ports" in service)
(BASE,) = set(re.findall(r"^FROM (\S+:\S+)", DOCKERFILE, re.MULTILINE))
(USER,) = re.findall(r"^USER (\d+:\d+)$", DOCKERFILE, re.MULTILINE)
IMAGE = SERVICES["weights"]["image"]

SAID = "Nothing of this leaves the machine."
SPEAK = """
import json, sys, urllib.request
url, text = sys.argv[1:]
body = json.dumps({"input": text, "voice": "af_sky", "response_format": "wav"}).encode()
request = urllib.request.Request(url + "/audio/speech", body, {"Content-Type": "application/json"})
sys.stdout.buffer.write(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=50).read())
"""
ASK = """
import http.client, sys
server = http.client.HTTPConnection(sys.argv[1], timeout=5)
server.request("GET", "/health")
print(server.getresponse().status)
"""


def container(service: str) -> str:
    """The name that compose gives it."""
    return f"{COMPOSE['name']}_{service}_1"


def lint(program: str, *arguments: str) -> None:
    path = Path(sys.executable).with_name(program)
    if not path.exists():
        pytest.skip(f"{program} is not installed beside this Python: scripts/check installs it where it has a wheel")
    done = subprocess.run([str(path), *arguments], capture_output=True, text=True, timeout=60, cwd=REPOSITORY, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_is_as_hadolint_would_have_it() -> None:
    lint("hadolint", "--no-color", "Dockerfile")


def test_the_compose_file_is_as_the_specification_says() -> None:
    lint("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_may_do_as_little_as_possible(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == USER
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}


def test_engines_are_on_the_internal_network_only_and_cannot_change_their_weights() -> None:
    for name in ENGINES:
        assert SERVICES[name]["networks"] == ["speech"]
        assert SERVICES[name]["volumes"] == ["models:/models:ro"]
    assert COMPOSE["networks"]["speech"]["internal"]


def test_ports_are_published_on_the_loopback_interface_only() -> None:
    ports = [port for name in GATES for port in SERVICES[name]["ports"]]
    assert len(ports) == len(ENGINES)
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_documented_addresses_are_the_published_ports() -> None:
    environ = documented_environ()
    ports = {port.rpartition(":")[2] for name in GATES for port in SERVICES[name]["ports"]}
    urls = {environ["VOICEMODE_STT_BASE_URLS"], environ["VOICEMODE_TTS_BASE_URLS"]}
    assert urls == {f"http://127.0.0.1:{port}/v1" for port in ports}


def documented_environ() -> dict[str, str]:
    """What docs/containers.md gives the MCP server."""
    (entry,) = re.findall(r"```json\n(.+?)```", DOCUMENT, re.DOTALL)
    environ: dict[str, str] = json.loads(entry)["mcpServers"]["voicemode"]["env"]
    return environ


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[Podman]:
    """Podman, with the image of this tree."""
    if reason := missing():
        pytest.skip(reason)
    folder = request.config.cache.mkdir("containers")
    with FileLock(folder / ".lock", timeout=900), podman(folder, REPOSITORY) as engine:
        if not engine.has_image(BASE):
            root = folder / "debian"
            shutil.rmtree(root, ignore_errors=True)
            debian_with_python(BASE.rpartition("-")[2], root)
            engine.import_image(BASE, root)
            shutil.rmtree(root)
        engine.build(f"{IMAGE}-engines", "--target", "engines")  # named, it is not pruned
        engine.build(IMAGE)
        engine("image", "prune", "--force")
        yield engine


@pytest.fixture(scope="module")
def running(engine: Podman, weights: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Podman:
    """All of compose.yaml, healthy. Its volume was filled beforehand."""
    uid, gid = map(int, USER.split(":"))

    def owned(file: tarfile.TarInfo) -> tarfile.TarInfo:
        file.uid, file.gid = uid, gid
        return file

    archive = tmp_path_factory.mktemp("volume") / "models.tar"
    with tarfile.open(archive, "w") as tar:
        for name in WEIGHTS:
            tar.add(weights(name), name, filter=owned)
    volume = f"{COMPOSE['name']}_models"
    engine("volume", "create", volume)
    engine("volume", "import", volume, str(archive))
    archive.unlink()
    engine.compose("up", "--detach", "--no-build", VOICEMODE_OFFLINE="true")
    await_health(engine)
    return engine


def await_health(engine: Podman) -> None:
    """Until the health checks of compose.yaml pass."""
    deadline = time.monotonic() + 60
    for name in ENGINES:
        while engine.beside("podman", "healthcheck", "run", container(name)).returncode:
            if time.monotonic() > deadline:
                pytest.fail(f"{name} does not become healthy:\n{engine('logs', container(name))}")
            time.sleep(0.1)


def written(engine: Podman, name: str) -> list[str]:
    """Files of its root that it has added or deleted, and what is in the volume."""
    changes = engine("diff", container(name)).splitlines()
    listing = engine("exec", container(name), "find", "/models", "-newer", "/etc/hostname")
    return [line for line in changes if not line.startswith("C ")] + listing.splitlines()


@pytest.mark.engine
def test_the_image_has_no_compiler_and_no_root(engine: Podman) -> None:
    command = ("--entrypoint", "sh", IMAGE, "-c", "command -v cc gcc c++ make; id -u")
    assert engine("run", "--rm", "--network", "none", *command).split() == [USER.partition(":")[0]]


@pytest.mark.engine
def test_the_services_speak_and_understand_by_the_documented_settings(running: Podman, tmp_path: Path) -> None:
    environ = documented_environ()
    spoken = tmp_path / "spoken.wav"
    speak = 'exec "$0" -c "$1" "$2" "$3" >"$4"'
    made = running.beside("sh", "-c", speak, sys.executable, SPEAK, environ["VOICEMODE_TTS_BASE_URLS"], SAID, str(spoken))
    assert made.returncode == 0, made.stderr
    heard = running.beside(sys.executable, "-m", "voicemode", "transcribe", str(spoken), environ=environ)
    assert heard.returncode == 0, heard.stderr
    assert wer(SAID, heard.stdout) == 0


@pytest.mark.engine
@pytest.mark.parametrize("name", [*ENGINES, *GATES])
def test_what_runs_is_confined(running: Podman, name: str) -> None:
    status = running("exec", container(name), "cat", "/proc/self/status")
    assert re.search(r"^CapBnd:\s+0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert re.search(rf"^Uid:\s+{USER.partition(':')[0]}\b", status, re.MULTILINE)
    for place in ("/", "/opt/voicemode", "/models"):
        assert running.beside("podman", "exec", container(name), "touch", f"{place}/x").returncode, place
    limits = json.loads(running("inspect", container(name)))[0]["HostConfig"]
    assert limits["Memory"]
    assert limits["PidsLimit"]
    assert limits["NanoCpus"] or limits["CpuQuota"]


@pytest.mark.engine
@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_has_no_way_out(running: Podman, name: str) -> None:
    routes = running("exec", container(name), "cat", "/proc/net/route").splitlines()[1:]
    assert routes
    assert all(route.split()[1] != "00000000" for route in routes), "no default route"


@pytest.mark.engine
@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_has_not_even_looked_up_a_name(running: Podman, name: str) -> None:
    names, numbers = (line.split() for line in running("exec", container(name), "grep", "^Udp:", "/proc/net/snmp").splitlines())
    assert dict(zip(names, numbers, strict=True))["OutDatagrams"] == "0"


@pytest.mark.engine
@pytest.mark.parametrize("name", ENGINES)
def test_services_answer_to_their_names(running: Podman, name: str) -> None:
    address = f"{name}:{SERVICES[name]['environment']['PORT']}"
    assert running("exec", container(GATES[0]), "python", "-c", ASK, address).strip() == "200"


@pytest.mark.engine
@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_ends_at_once_when_asked_and_has_written_nothing(running: Podman, name: str) -> None:
    assert written(running, name) == []
    running("stop", "--time", "10", container(name))
    assert json.loads(running("inspect", container(name)))[0]["State"]["ExitCode"] == 0
