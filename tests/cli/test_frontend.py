"""`voicemode frontend` as a person types it: a server process, links, signals, and what it leaves in files."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.support.agents import free_ports
from tests.support.mcp_client import COMMAND, environment
from voicemode.services.port_owner import owner

PASSWORD = "correct horse battery"  # noqa: S105 - of this test
LINK = re.compile(r"(http://127\.0\.0\.1:\d+/)#pair=([\w-]{43})(&room=\S+)?")
WAIT_SECONDS = 20


@pytest.fixture
def environ() -> Iterator[Mapping[str, str]]:
    """A port of its own; whatever still listens there afterwards is ended."""
    (port,) = free_ports(1)
    yield environment(
        VOICEMODE_SUPERVISOR="none",
        VOICEMODE_FRONTEND_PORT=str(port),
        VOICEMODE_FRONTEND_PASSWORD=PASSWORD,
        VOICEMODE_LOG_LEVEL="debug",
        BROWSER="true %s",
        COLUMNS="80",
    )
    if left := owner(port):
        psutil.Process(left.pid).kill()


def run(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=environ, capture_output=True, text=True, check=False, timeout=3 * WAIT_SECONDS
    )


@contextmanager
def frontend(environ: Mapping[str, str], log: Path) -> Iterator["subprocess.Popen[str]"]:
    """The server in the foreground, once it answers."""
    with log.open("a") as file:
        process = subprocess.Popen([*COMMAND, "frontend"], env=environ, stdout=file, stderr=file, text=True)
    url = f"http://127.0.0.1:{environ['VOICEMODE_FRONTEND_PORT']}"
    with process:
        try:
            transport = httpx2.HTTPTransport(retries=10)
            with httpx2.Client(transport=transport, base_url=url, timeout=WAIT_SECONDS) as client:
                assert client.get("/health").json()["pid"] == process.pid
            yield process
        finally:
            process.kill()


def browser(environ: Mapping[str, str]) -> httpx2.Client:
    url = f"http://127.0.0.1:{environ['VOICEMODE_FRONTEND_PORT']}"
    return httpx2.Client(base_url=url, headers={"Origin": url}, timeout=WAIT_SECONDS)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_browser_stays_signed_in_over_a_restart_and_no_secret_is_written(
    environ: Mapping[str, str], home: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with browser(environ) as page:
        with frontend(environ, log) as process:
            said = run(environ, "frontend", "open", "--print", "--room", "Küche")
            found = LINK.search(said.stdout)
            assert found, said
            assert (found[1], found[3]) == (f"http://127.0.0.1:{environ['VOICEMODE_FRONTEND_PORT']}/", "&room=K%C3%BCche")
            assert page.post("/api/pair", json={"code": found[2]}).status_code == 204
            assert page.post("/api/password", json={"password": f"not {PASSWORD}"}).status_code == 403
            assert page.get("/livekit/rtc/validate", params={"access_token": "eyJ-secret"}).status_code == 503
            refuse_socket(page, "/livekit/rtc/v1?access_token=eyJ-secret")
            process.send_signal(signal.SIGTERM)
            assert process.wait(WAIT_SECONDS) == 0
        with frontend(environ, log):
            assert page.get("/api/session").json()["signed_in"] is True
            assert run(environ, "frontend", "sign-out").stdout == "Signed out: 1 browser.\n"
            assert page.get("/api/session").json()["signed_in"] is False
        session = page.cookies["voicemode"]
    written = log.read_text() + "".join(file.read_text() for file in home.rglob("*") if file.is_file())
    assert "POST '/api/pair' 204" in written
    assert "GET '/livekit/rtc/validate' 503" in written
    assert "WebSocket '/livekit/rtc/v1' 503" in written
    assert "ERROR" not in written
    for secret in (found[2], session, PASSWORD, "eyJ-secret"):
        assert secret not in written
    kept = [file for file in (home / ".voicemode/state").iterdir() if "frontend" in file.name]
    assert {stat.S_IMODE(file.stat().st_mode) for file in kept} == {0o600}


def refuse_socket(page: httpx2.Client, path: str) -> None:
    """Have a WebSocket refused for want of LiveKit."""
    url, cookie = page.base_url.copy_with(scheme="ws", raw_path=path.encode()), f"voicemode={page.cookies['voicemode']}"
    origin: Any = page.headers["origin"]
    with pytest.raises(InvalidStatus) as refusal:
        connect(str(url), origin=origin, additional_headers={"Cookie": cookie}, proxy=None, open_timeout=WAIT_SECONDS)
    assert refusal.value.response.status_code == 503


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_opening_the_page_starts_its_server_and_shows_a_code_that_a_phone_can_read(environ: Mapping[str, str]) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [*COMMAND, "frontend", "open", "--lan"]
    subprocess.run(command, env=environ, stdout=theirs, stderr=theirs, check=False, timeout=3 * WAIT_SECONDS)
    os.close(theirs)
    shown = read_all(ours)
    if "no address in a local network" in shown:
        pytest.skip("this machine is in no network")
    assert "▄▄▄▄▄" in shown
    assert re.search(r"https://[\d.]+:\d+/#pair=[\w-]{43}", shown)
    assert re.search(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", shown)
    status = run(environ, "service", "status", "frontend")
    assert "started on demand by an agent" in status.stdout, status
    assert "Web page is stopped" in run(environ, "service", "stop", "frontend").stdout


SPY = r"""
for process in /proc/[0-9]*; do tr '\0' '\n' < $process/cmdline 2>/dev/null; done | grep -a ^file:/ | sed s,file://,, |
while read -r file; do echo "$file"; cat "$file"; done 2>&1
"""
"""Prints each file that a browser was started with, and its content."""
BROWSER = """\
import html, re, sys, time, urllib.request
from pathlib import Path
from urllib.parse import unquote, urlsplit
file = Path(unquote(urlsplit(sys.argv[1]).path))
while not Path(sys.argv[2]).exists():
    time.sleep(0.05)
link = html.unescape(re.search('url=([^"]*)"', file.read_text())[1])
page, _, code = link.partition("#pair=")
body, headers = '{"code": "%s"}' % code.partition("&")[0], {"Origin": page.rstrip("/"), "Content-Type": "application/json"}
urllib.request.urlopen(urllib.request.Request(page + "api/pair", body.encode(), headers))
"""
"""Opens what it was started with, once it may."""


def test_no_other_user_of_the_machine_gets_in_by_what_the_browser_was_started_with(
    environ: Mapping[str, str], tmp_path: Path
) -> None:
    setpriv = shutil.which("setpriv")
    if setpriv is None or os.geteuid():
        pytest.skip("only root can be another user, with the program setpriv (Debian: util-linux)")
    may_go, program = tmp_path / "go", tmp_path / "browser.py"
    program.write_text(BROWSER)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # that of a test lets nobody in
        base = {"VOICEMODE_BASE_DIR": f"{folder}/base", "BROWSER": f"{sys.executable} {program} %s {may_go} &"}
        opening = subprocess.Popen([*COMMAND, "frontend", "open"], env={**environ, **base}, stdout=subprocess.PIPE, text=True)
        with opening:
            seen = ""
            while not seen and opening.poll() is None:
                seen = subprocess.run(
                    [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", SPY],
                    capture_output=True,
                    text=True,
                    check=False,
                ).stdout
            may_go.touch()
            said, _ = opening.communicate(timeout=3 * WAIT_SECONDS)
        file = f"{folder}/base/state/frontend-open.html"
        assert set(seen.splitlines()) == {file, f"cat: {file}: Permission denied"}
        assert said == "The page is open in your browser.\n"
        assert not Path(file).exists()


def read_all(descriptor: int) -> str:
    """What was written to a terminal whose other end is closed."""
    read = b""
    try:
        while piece := os.read(descriptor, 65536):
            read += piece
    except OSError:  # Linux says so at the end
        pass
    finally:
        os.close(descriptor)
    return read.decode()


def test_a_name_that_is_not_ours_gets_no_link_but_the_setting(environ: Mapping[str, str], tmp_path: Path) -> None:
    with frontend({**environ, "VOICEMODE_FRONTEND_HOSTS": "box.example.net"}, tmp_path / "log"):
        given = run({**environ, "VOICEMODE_FRONTEND_HOSTS": "box.example.net"}, "frontend", "open", "--at", "box.example.net")
        assert "https://box.example.net/#pair=" in given.stdout
        refused = run(environ, "frontend", "open", "--at", "other.example")
        assert "voicemode config set VOICEMODE_FRONTEND_HOSTS other.example" in refused.stderr
        narrow = run(environ, "frontend", "open", "--lan")
        assert "The page is shown on this machine only." in narrow.stderr
        assert narrow.stderr.splitlines()[-1].strip() == "voicemode config set VOICEMODE_FRONTEND_LAN true"


class Pretender(BaseHTTPRequestHandler):
    """Says that it is the page's server, and is another process than it says."""

    def do_GET(self) -> None:
        body = json.dumps({"service": "voicemode-frontend", "status": "ready", "pid": 1}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_no_link_leads_to_the_server_of_somebody_else(environ: Mapping[str, str], home: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pretender) as pretender:
        threading.Thread(target=pretender.serve_forever, daemon=True).start()
        port = str(pretender.server_port)
        refused = run({**environ, "VOICEMODE_FRONTEND_PORT": port}, "frontend", "open", "--print")
        pretender.shutdown()
    assert f"Error: The page at port {port} is not yours" in refused.stderr
    assert not (home / ".voicemode/state/frontend-pairing.json").exists()


def test_a_server_that_nobody_needs_ends_by_itself(environ: Mapping[str, str]) -> None:
    done = run(
        {**environ, "VOICEMODE_FRONTEND_LAN": "true", "VOICEMODE_LOCAL_ONLY": "true"}, "frontend", "--idle-minutes", "0.01"
    )
    assert done.returncode == 0, done.stderr
    assert "not shown in the local network: VOICEMODE_LOCAL_ONLY is on" in done.stderr


def test_a_short_password_is_refused(environ: Mapping[str, str]) -> None:
    done = run({**environ, "VOICEMODE_FRONTEND_PASSWORD": "short"}, "frontend")
    assert done.returncode == 1
    assert "VOICEMODE_FRONTEND_PASSWORD in the environment is (not shown); it must be at least 10 characters." in done.stderr
