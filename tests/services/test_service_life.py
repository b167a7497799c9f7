"""The whole life of a service, as a person types it, with the real engine under a real `systemd --user`."""

import http.client
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.services.uninstall.test_inventory import listing
from tests.support.agents import free_ports
from tests.support.systemd import UserSystemd
from tests.support.terminal import Person
from voicemode.log import FILE_BYTES

pytestmark = pytest.mark.engine

WAIT_SECONDS = 60.0
BACK_SECONDS = 3.0
"""Killed, it answers again within this."""


@dataclass(frozen=True, slots=True)
class Listener(Person):
    """Somebody who cares for kokoro, and also listens to it."""

    @property
    def port(self) -> int:
        return int(self.environ["VOICEMODE_KOKORO_PORT"])

    def sees_until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition(status := self.sees()):
            assert time.monotonic() < deadline, status
        return status

    def hears(self, text: str) -> bytes:
        """What kokoro says, as samples; all of it, or an error."""
        with self.asking(text) as finish:
            return finish()

    @contextmanager
    def asking(self, text: str) -> Iterator[Callable[[], bytes]]:
        """A request that the server works on, and waits for the rest of until `finish` is called: returns what it says."""
        body = json.dumps({"input": text, "voice": "af_sky", "response_format": "pcm"}).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Expect": "100-continue"}
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)) as connection:
            connection.putrequest("POST", "/v1/audio/speech")
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            assert connection.sock.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 100"

            def finish() -> bytes:
                connection.send(body)
                with connection.getresponse() as answer:
                    sound = answer.read()
                    assert answer.status == 200, sound
                    return sound

            yield finish

    def answers(self) -> int:
        """The process that answers now; 0 if nobody does."""
        with suppress(OSError), closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as connection:
            connection.request("GET", "/health")
            with connection.getresponse() as answer:
                return int(json.loads(answer.read())["pid"])
        return 0


@pytest.fixture
def person(user_systemd: UserSystemd, wheel: Path, weights: Callable[[str], Path], home: Path, tmp_path: Path) -> Listener:
    # Copies: what VoiceMode removes in the end are its models, and those of the other tests have to stay.
    models = home.parent / "models"
    for name in ("kokoro", "kokoro-voices"):
        shutil.copytree(weights(name), models / name)
    whisper, kokoro = free_ports(2)
    ports = {"VOICEMODE_WHISPER_PORT": str(whisper), "VOICEMODE_KOKORO_PORT": str(kokoro)}
    return Listener.newcomer("kokoro", tmp_path / "program", wheel, user_systemd, VOICEMODE_MODELS_DIR=str(models), **ports)


def until(condition: Callable[[], bool], limit_seconds: float) -> None:
    """Return when `condition` holds."""
    deadline = time.monotonic() + limit_seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_whole_life_of_a_service(person: Listener, user_systemd: UserSystemd, home: Path) -> None:
    before = listing(home)
    is_installed_and_runs(person)
    assert len(person.hears("Hello.")) > 10_000
    comes_back_when_it_is_killed(person)
    keeps_its_log_short(person, home / ".voicemode/logs/kokoro.log")
    follows_the_settings_and_loses_no_request(person)
    explains_a_crash_loop(person, home)
    person.types("service", "stop", "kokoro")
    assert person.sees()["remedy"]["command"] == "voicemode service start kokoro"
    person.types("uninstall", "--yes")
    assert listing(home) == before
    assert "voicemode" not in user_systemd.ask("systemctl", "--user", "list-units", "--all").stdout
    assert person.answers() == 0


def is_installed_and_runs(person: Listener) -> None:
    person.types("service", "install", "kokoro")
    status = person.sees()
    assert (status["runs"], status["enabled"], status["health"], status["ours"]) == ("systemd", True, "ready", True)
    assert status["requests"] > 0, "it has proved itself"


def comes_back_when_it_is_killed(person: Listener) -> None:
    pid = person.answers()
    os.kill(pid, signal.SIGKILL)
    until(lambda: person.answers() not in (0, pid), BACK_SECONDS)
    status = person.sees_until(lambda seen: seen["health"] == "ready")
    assert (status["restarts"], status["problem"]) == (1, "")


def keeps_its_log_short(person: Listener, log: Path) -> None:
    with log.open("a") as file:
        file.write("x" * FILE_BYTES + "\n")
    person.hears("Rotate.")
    until(lambda: log.stat().st_size < FILE_BYTES, WAIT_SECONDS)  # it is logged once it has been answered
    assert log.with_name("kokoro.log.1").stat().st_size > FILE_BYTES


def follows_the_settings_and_loses_no_request(person: Listener) -> None:
    pid = person.answers()
    with ThreadPoolExecutor() as threads, person.asking("Yes.") as finish:
        typing = threads.submit(person.types, "config", "set", "kokoro_threads", "1")
        until(lambda: person.answers() != pid, WAIT_SECONDS)  # it takes no new requests: it was asked to end
        assert len(finish()) > 10_000
        assert "Kokoro text-to-speech was restarted and works with it." in typing.result(WAIT_SECONDS)
    assert person.answers() not in (0, pid)
    assert psutil.Process(person.answers()).environ()["VOICEMODE_KOKORO_THREADS"] == "1"


def explains_a_crash_loop(person: Listener, home: Path) -> None:
    (module,) = home.glob(".voicemode/services/kokoro/environments/*/lib/*/site-packages/voicemode/engines/server/server.py")
    shutil.move(module, aside := module.with_suffix(".aside"))
    os.kill(person.answers(), signal.SIGKILL)
    status = person.sees_until(lambda seen: bool(seen["problem"]))
    assert "Its environment is incomplete (ModuleNotFoundError: No module named" in status["problem"]
    assert status["remedy"]["command"] == "voicemode service install kokoro"
    shutil.move(aside, module)
    person.types("service", "start", "kokoro")
    person.sees_until(lambda seen: seen["health"] == "ready")
