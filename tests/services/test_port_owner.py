"""Who has a port: with real processes on real ports."""

import getpass
import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.agents import free_ports
from tests.support.mcp_client import COMMAND, environment
from tests.support.systemd import missing
from voicemode.services import find
from voicemode.services.health import Health
from voicemode.services.port_owner import Owner, is_ours, owner
from voicemode.services.vitals import end, vitals

SERVICE = find("kokoro")
LISTEN = """
import socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listener = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family)
print("listening", flush=True)
time.sleep(60)
"""


@contextmanager
def listening(port: int, host: str = "127.0.0.1") -> Iterator[subprocess.Popen[str]]:
    """Somebody who has the port."""
    command = [sys.executable, "-c", LISTEN, host, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "listening\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def port() -> int:
    (free,) = free_ports(1)
    return free


def test_a_free_port_belongs_to_nobody(port: int) -> None:
    assert owner(port) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])  # noqa: S104 - all of them take what is sent to this machine
def test_who_has_a_port_is_named_with_process_and_user(port: int, host: str) -> None:
    with listening(port, host) as process:
        found = owner(port)
    assert found is not None
    assert (found.pid, found.user, found.mine) == (process.pid, getpass.getuser(), True)
    assert found.command[:2] == (sys.executable, "-c")
    assert os.getpid() in found.ancestors
    assert str(found) == f"{found.name} (pid {process.pid}, user {found.user})"


def test_a_client_on_a_port_does_not_own_it(port: int) -> None:
    with listening(port) as process:
        client = http.client.HTTPConnection("127.0.0.1", port)
        client.connect()
        found = owner(port)
        client.close()
    assert found
    assert found.pid == process.pid


def test_a_port_whose_owner_the_system_does_not_name_is_taken_all_the_same() -> None:
    assert str(Owner()) == "a program of another user, or in a container"


KOKORO = Health("voicemode-kokoro", "ready", "kokoro", "1", pid=7)


@pytest.mark.parametrize(
    ("found", "said", "ours"),
    [
        (Owner(7, mine=True), KOKORO, True),
        (Owner(8, mine=True), KOKORO, False),
        (Owner(7, mine=False), KOKORO, False),
        (Owner(7, mine=True), Health(), False),
        (Owner(7, mine=True), Health("voicemode-whisper", pid=7), False),
        (Owner(7, mine=True), None, False),
        (Owner(), Health("voicemode-kokoro"), False),
        (None, KOKORO, False),
    ],
    ids=["ours", "another process", "another user's", "a stranger", "another service", "mute", "hidden", "nobody"],
)
def test_a_server_is_ours_if_it_says_so_is_the_process_it_says_and_runs_as_we_do(
    found: Owner | None, said: Health | None, ours: bool
) -> None:
    assert is_ours(SERVICE, found, said) is ours


def test_a_process_tells_what_it_takes(port: int) -> None:
    with listening(port) as process:
        seen = vitals(process.pid)
    assert seen
    assert 0 <= seen.uptime_seconds < 30
    assert seen.memory_bytes > 1_000_000
    assert vitals(process.pid) is None, "it has ended"


def test_a_server_is_ended_and_waited_for(port: int) -> None:
    with listening(port) as process:
        found = owner(port)
        assert found
        assert end(SERVICE, found)
        assert vitals(process.pid) is None
    assert end(SERVICE, found), "ended already"


def test_a_process_that_only_has_the_number_of_one_that_ended_is_left_alone(port: int) -> None:
    with listening(port) as process:
        assert end(SERVICE, Owner(process.pid, mine=True, command=("another", "program")))
        assert psutil.Process(process.pid).is_running()


def test_one_that_does_not_end_is_reported(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        assert not end(SERVICE, Owner(process.pid, command=tuple(psutil.Process(process.pid).cmdline())), limit_seconds=0.3)
        process.kill()


BARE = 'mount -t tmpfs none /proc && exec "$@"'


@pytest.mark.skipif(sys.platform != "linux", reason="others have no /proc at all")
@pytest.mark.parametrize("words", [("service",), ("service", "stop", "whisper"), ("doctor",), ("models",)])
def test_where_the_system_tells_nothing_of_its_processes_commands_still_answer(words: tuple[str, ...], port: int) -> None:
    if reason := missing():
        pytest.skip(reason)
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", BARE, "-", *COMMAND, *words]
    environ = environment(VOICEMODE_SUPERVISOR="none", VOICEMODE_WHISPER_PORT=str(port), VOICEMODE_OFFLINE="true")
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout, done.stderr
    assert "Traceback" not in done.stderr
