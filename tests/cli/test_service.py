"""`voicemode service` and `voicemode uninstall`, as a person types them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.services.uninstall.test_inventory import listing, put, put_model
from tests.support.agents import free_ports
from tests.support.mcp_client import COMMAND, environment
from voicemode import tools
from voicemode.services import services
from voicemode.services.port_owner import owner


@pytest.fixture
def environ(home: Path) -> Iterator[Mapping[str, str]]:
    """Ports of its own, weights that are not here and cannot be had, and nobody who supervises services."""
    ports = free_ports(2)
    yield environment(
        VOICEMODE_SUPERVISOR="none",
        VOICEMODE_OFFLINE="true",
        VOICEMODE_WHISPER_MODEL="small",
        VOICEMODE_WHISPER_PORT=str(ports[0]),
        VOICEMODE_KOKORO_PORT=str(ports[1]),
        COLUMNS="80",
    )
    for port in ports:
        if left := owner(port):
            psutil.Process(left.pid).kill()


def run(environ: Mapping[str, str], *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=environ, input=typed, capture_output=True, text=True, check=False, timeout=60
    )


@contextmanager
def running(environ: Mapping[str, str], *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A command that goes on until it is ended."""
    with subprocess.Popen([*COMMAND, *arguments], env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_machine_without_services_says_how_to_install_them(environ: Mapping[str, str]) -> None:
    done = run(environ, "service")
    assert done.returncode == 0, done.stderr
    assert done.stdout == run(environ, "service", "status").stdout
    for name in services():
        assert f"○ {name:8} not running" in done.stdout
    assert done.stdout.count("→ It starts when it is needed") == 3, "their engines are here"
    assert "    voicemode service install livekit" in done.stdout
    assert "\x1b" not in done.stdout, "no colours where nobody sees them"
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_one_service_is_there_for_programs(environ: Mapping[str, str]) -> None:
    (status,) = json.loads(run(environ, "service", "status", "kokoro", "--json").stdout)["services"]
    assert (status["name"], status["state"], status["port"]) == ("kokoro", "absent", int(environ["VOICEMODE_KOKORO_PORT"]))
    assert {"health", "pid", "uptime_seconds", "memory_bytes", "cpu_percent", "model", "version", "requests"} <= status.keys()
    assert {"last_error", "log", "ours", "port_owner", "runs", "enabled", "restarts"} <= status.keys()


def test_every_verb_of_the_tool_and_every_installer_is_a_command(environ: Mapping[str, str]) -> None:
    shown = run(environ, "service", "--help").stdout
    for verb in ("status", "start", "stop", "restart", "enable", "disable", "logs", "uninstall", "install"):
        assert f"\n  {verb} " in shown
    installers = run(environ, "service", "install", "--help").stdout
    assert all(f"\n  {name.removesuffix('_install')} " in installers for name in tools.load() if name.endswith("_install"))
    assert "--model" in run(environ, "service", "install", "whisper", "--help").stdout
    assert "No such command 'parrot'" in run(environ, "service", "install", "parrot").stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["start"], "No service is installed.\n→ voicemode service install whisper"),
        (
            ["enable", "kokoro"],
            "Neither systemd nor launchd is here to start Kokoro text-to-speech at login.\n"
            "→ It starts by itself when it is needed.",
        ),
        (["status", "parrot"], "No service is called 'parrot'.\n→ There are: frontend, kokoro, livekit, whisper."),
        (["uninstall"], "Which service should I uninstall?\n→ There are: frontend, kokoro, livekit, whisper."),
    ],
)
def test_what_cannot_be_done_is_said_with_what_can(arguments: list[str], said: str, environ: Mapping[str, str]) -> None:
    done = run(environ, "service", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(f"Error: {said}\n")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_server_is_started_looked_at_changed_and_stopped(environ: Mapping[str, str], home: Path) -> None:
    started = run(environ, "service", "start", "whisper")
    assert "Whisper speech-to-text is started. It ends after 15 idle minutes." in started.stdout
    status = run(environ, "service", "status", "whisper")
    assert status.returncode == 1, "it has no weights, and may not fetch any"
    assert "● whisper  broken" in status.stdout
    assert "started on demand by an agent" in status.stdout
    assert f"port {environ['VOICEMODE_WHISPER_PORT']}, ours" in status.stdout
    assert "could not be loaded" in run(environ, "service", "logs", "whisper").stdout
    changed = run(environ, "config", "set", "whisper_threads", "2")
    assert "Whisper speech-to-text has ended; it starts with the new settings when it is needed." in changed.stdout
    assert "does not run" in run(environ, "service", "stop", "whisper").stdout


def test_a_stranger_on_the_port_is_named_with_the_way_out(environ: Mapping[str, str]) -> None:
    port = environ["VOICEMODE_KOKORO_PORT"]
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", port]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**environ, "PYTHONUNBUFFERED": "1"}
    ) as server:
        assert server.stdout
        server.stdout.readline()
        status = run(environ, "service", "status", "kokoro")
        assert f"Port {port} is taken by " in status.stdout.replace("\n ", "")
        assert f"(pid {server.pid}, user " in status.stdout
        assert f"    voicemode config set VOICEMODE_KOKORO_PORT {int(port) + 1}" in status.stdout
        assert status.returncode == 1
        assert run(environ, "service", "stop", "kokoro").returncode == 1
        assert server.poll() is None, "it is left alone"
        server.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_the_status_is_drawn_again_and_again_until_ctrl_c(environ: Mapping[str, str]) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [*COMMAND, "service", "status", "--watch"]
    with subprocess.Popen(command, env={**environ, "TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        drawn = b""
        while drawn.count(b"\x1b[H") < 2:
            drawn += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(10) == 130
        finally:
            process.kill()
            os.close(ours)
    assert b"\x1b[1mkokoro" in drawn
    assert b"Ctrl-C ends this." in drawn


def test_a_log_is_followed_as_it_is_written(environ: Mapping[str, str], home: Path) -> None:
    log = put(home / ".voicemode/logs/kokoro.log")
    log.write_text("one\ntwo\n")
    with running(environ, "service", "logs", "kokoro", "--lines", "1", "--follow") as process:
        assert process.stdout
        assert process.stdout.readline() == "two\n"
        writer = subprocess.Popen([sys.executable, "-c", WRITE, str(log)])
        assert process.stdout.readline() == "three\n"
        writer.kill()
        writer.wait()


WRITE = """
import sys, time
for _ in range(200):
    print("three", file=open(sys.argv[1], "a"))
    time.sleep(0.1)
"""


def test_uninstalling_a_service_asks_first(environ: Mapping[str, str], home: Path) -> None:
    log = put(home / ".voicemode/logs/kokoro.log")
    refused = run(environ, "service", "uninstall", "kokoro", typed="n\n")
    assert refused.stdout.startswith("Uninstall Kokoro text-to-speech? [y/N]: ")
    assert refused.returncode == 1
    assert log.exists()
    assert "Kokoro text-to-speech is uninstalled: log, 0 kB." in run(environ, "service", "uninstall", "kokoro", "--yes").stdout
    assert not log.exists()


CLAUDE = '{"mcpServers": {"voicemode": {"command": "uvx", "args": ["voicemode"]}, "other": {"command": "x"}}}'


@pytest.fixture
def full(home: Path) -> Path:
    """A home with all that VoiceMode leaves, and a file of the person's own."""
    base = home / ".voicemode"
    put_model(base / "models")
    put(base / "logs/voicemode.log", 20_000)
    put(base / "recordings/turn-20261122-100000-7-000001.wav", 50_000)
    put(base / "voicemode.env").write_text("VOICEMODE_TTS_SPEED=1.2\n")
    put(base / "notes.txt")
    (home / ".claude.json").write_text(CLAUDE)
    return base


def test_a_dry_run_lists_all_with_sizes_and_touches_nothing(environ: Mapping[str, str], home: Path, full: Path) -> None:
    before = listing(home)
    shown = run(environ, "uninstall", "--dry-run").stdout
    assert [line.split()[0] for line in shown.splitlines()[1:5]] == ["weights", "logs", "settings", "'voicemode'"]
    assert "20 kB  ~/.voicemode/logs/voicemode.log" in shown
    assert "'voicemode' in the servers of Claude" in shown
    assert "recordings, 1 of 50 kB, in ~/.voicemode/recordings" in shown
    assert "your own words; to remove them, too: --recordings" in shown
    assert "~/.voicemode/notes.txt: not VoiceMode's" in shown
    assert listing(home) == before


def test_nothing_goes_unless_the_person_agrees(environ: Mapping[str, str], home: Path, full: Path) -> None:
    before = listing(home)
    done = run(environ, "uninstall", typed="no\n")
    assert "Remove it? [y/N]: " in done.stdout
    assert done.returncode == 1
    assert listing(home) == before


def test_it_leaves_the_words_of_the_person_and_what_is_not_ours(environ: Mapping[str, str], home: Path, full: Path) -> None:
    done = run(environ, "uninstall", typed="y\n")
    assert (done.returncode, done.stderr) == (0, "")
    left = {path.name for path in home.rglob("*") if path.is_file()}
    assert left == {"turn-20261122-100000-7-000001.wav", "notes.txt", ".claude.json"}
    assert json.loads((home / ".claude.json").read_text()) == {"mcpServers": {"other": {"command": "x"}}}
    assert "To remove the program itself: " in done.stdout


def test_the_weights_can_be_kept_and_the_recordings_removed(environ: Mapping[str, str], full: Path) -> None:
    run(environ, "uninstall", "--yes", "--keep-models", "--recordings")
    assert {path.name for path in full.iterdir()} == {"models", "notes.txt"}
    (full / "notes.txt").unlink()
    run(environ, "uninstall", "--yes")
    assert not full.exists()
    assert run(environ, "uninstall").stdout == "There is nothing of VoiceMode on this machine.\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_servers_that_run_are_ended_first(environ: Mapping[str, str], home: Path) -> None:
    run(environ, "service", "start", "whisper")
    (status,) = json.loads(run(environ, "service", "status", "whisper", "--json").stdout)["services"]
    done = run(environ, "uninstall", "--yes")
    assert f"Ended first: Whisper speech-to-text (pid {status['pid']})." in done.stdout
    assert not psutil.pid_exists(status["pid"])
    assert listing(home) == set()
