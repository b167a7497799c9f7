"""The page's server: who gets in, what is sent, and what is refused, over real HTTP."""

import asyncio
import json
import re
import ssl
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from tests.support.agents import free_ports
from tests.support.page_server import WAIT_SECONDS, PageServer, nobody, serving
from voicemode.config import Settings
from voicemode.config.files import exclusive
from voicemode.errors import ServiceError
from voicemode.services.frontend import shown
from voicemode.web.app import MAX_BODY_BYTES, create_site
from voicemode.web.attempts import AttemptLimits
from voicemode.web.certificate import root
from voicemode.web.entry import COOKIE, SECURE_COOKIE, pairing_codes
from voicemode.web.guards import Names
from voicemode.web.server import Lan

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"  # noqa: S105 - of this test
HTML = b"""<!doctype html><html><head><script src="/_next/static/a.js"></script></head>
<body><script>self.ready=1</script><p>Talk</p></body></html>"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(base_dir=tmp_path / "base", frontend_password=PASSWORD, livekit_port=9, frontend_port=9)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An exported page, and a secret beside it."""
    (tmp_path / "secret.txt").write_text("secret")
    page = tmp_path / "page"
    (page / "_next/static").mkdir(parents=True)
    (page / "index.html").write_bytes(HTML)
    (page / "404.html").write_bytes(b"<html>Nothing here</html>")
    (page / "_next/static/a.js").write_bytes(b"let a = 1;" * 100)
    (page / "app.webmanifest").write_text("{}")
    (page / "id_rsa").write_text("no page needs this kind of file")
    if sys.platform != "win32":
        (page / "leak.txt").symlink_to(tmp_path / "secret.txt")
    return page


@pytest.fixture
async def server(settings: Settings, folder: Path) -> AsyncIterator[PageServer]:
    async with serving(settings, folder) as running:
        yield running


def code_of(response: httpx2.Response) -> str:
    error = response.json()["error"]
    assert set(error) - {"reason", "remedy"} == {"message", "type", "param", "code"}
    return str(error["code"])


async def raw(port: int, request: bytes) -> tuple[int, bytes]:
    """What no HTTP client would send; the status and all that comes."""
    async with asyncio.timeout(WAIT_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
    return int(answer.split(b" ", 2)[1]), answer


async def test_the_page_comes_packed_with_a_policy_that_allows_its_own_scripts_only(server: PageServer) -> None:
    async with server.browser() as browser:
        page, script = await browser.get("/"), await browser.get("/_next/static/a.js")
        again = await browser.get("/", headers={"If-None-Match": page.headers["etag"]})
        missing = await browser.get("/nowhere", headers={"Accept": "text/html"})
    rules = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
    assert re.fullmatch(r"'self' 'sha256-[\w+/=]{44}'", rules["script-src"]), "the one inline script, by its hash"
    assert (rules["default-src"], rules["frame-ancestors"], rules["connect-src"]) == ("'none'", "'none'", "'self'")
    assert "unsafe" not in page.headers["content-security-policy"]
    assert (page.content, page.headers["cache-control"]) == (HTML, "no-cache")
    assert script.headers["content-encoding"] == "gzip"
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in script.headers["cache-control"]
    assert (again.status_code, again.content) == (304, b"")
    assert (missing.status_code, missing.text) == (404, "<html>Nothing here</html>")
    for answer in (page, script, missing):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "microphone=(self)" in answer.headers["permissions-policy"]
        assert "server" not in answer.headers


async def test_a_page_that_was_not_built_says_how(settings: Settings) -> None:
    async with serving(settings) as server, server.browser() as browser:
        answer = await browser.get("/")
        with pytest.raises(ServiceError, match="no page in it"):
            await shown(replace(settings, frontend_port=server.port))
    assert (answer.status_code, "npm run build" in answer.text) == (503, True)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


OUTSIDE = (
    *("/../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/_next/..%5c..%5csecret.txt", "//etc/passwd"),
    *("/leak.txt", "/id_rsa", "/%00", "/index.html%00.txt", "/static/../../secret.txt", "/.", "/secret.txt"),
)
"""Paths of nothing that belongs to the page."""


async def test_nothing_but_the_files_of_the_page_can_be_had(server: PageServer) -> None:
    for path in OUTSIDE:
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        status, answer = await raw(server.port, request.encode())
        assert status == 404, path
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "not_found"


async def test_a_link_lets_one_browser_in_once(server: PageServer) -> None:
    code = pairing_codes(server.settings).issue()
    async with server.browser() as first, server.browser() as second:
        assert (await first.get("/api/session")).json()["signed_in"] is False
        assert code_of(await first.get("/api/rooms")) == "signed_out"
        answers = await asyncio.gather(*(one.post("/api/pair", json={"code": code}) for one in (first, second)))
        assert sorted(answer.status_code for answer in answers) == [204, 403]
        (refused,) = [answer for answer in answers if answer.status_code == 403]
        assert code_of(refused) == "expired_link"
        winner = first if answers[0].status_code == 204 else second
        assert (await winner.get("/api/session")).json()["signed_in"] is True
        assert code_of(await winner.post("/api/pair", json={"code": code})) == "expired_link", "it is used up"
        cookie = next(answer for answer in answers if answer.status_code == 204).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert cookie.startswith(f"{COOKIE}=")


async def test_a_session_outlives_the_server_and_ends_when_one_signs_out(settings: Settings) -> None:
    async with serving(settings) as server, server.signed_in() as browser:
        cookies = dict(browser.cookies)
    async with serving(settings) as server, server.browser(headers={"Cookie": f"{COOKIE}={cookies[COOKIE]}"}) as browser:
        assert (await browser.get("/api/session")).json()["signed_in"] is True
        assert (await browser.post("/api/sign-out")).status_code == 204
        assert (await browser.get("/api/session")).json()["signed_in"] is False
    state = settings.state_dir
    kept = (state / "frontend-sessions.json").read_text() + (state / "frontend-pairing.json").read_text()
    assert cookies[COOKIE] not in kept
    if sys.platform != "win32":
        assert {stat.S_IMODE(file.stat().st_mode) for file in state.iterdir()} == {0o600}


async def test_the_password_lets_in_and_a_wrong_one_does_not(server: PageServer) -> None:
    async with server.browser() as browser:
        assert code_of(await browser.post("/api/password", json={"password": f"{PASSWORD}!"})) == "wrong_password"
        assert (await browser.post("/api/password", json={"password": PASSWORD})).status_code == 204
        assert (await browser.get("/api/session")).json() == {
            "signed_in": True,
            "ways": ["pairing", "password"],
            "version": "0.1.0",
        }


async def test_without_a_password_there_is_no_guessing_it(tmp_path: Path) -> None:
    async with serving(Settings(base_dir=tmp_path, livekit_port=9, frontend_port=9)) as server, server.browser() as browser:
        assert (await browser.get("/api/session")).json()["ways"] == ["pairing"]
        assert code_of(await browser.post("/api/password", json={"password": ""})) == "no_password"


@pytest.mark.skipif(sys.platform != "linux", reason="one loopback address elsewhere")
async def test_whoever_guesses_has_to_wait_and_others_do_not(server: PageServer) -> None:
    async with server.browser() as guesser, server.browser(address="127.0.0.2") as other:
        guesses = await asyncio.gather(*(guesser.post("/api/password", json={"password": f"{n:010}"}) for n in range(12)))
        statuses = sorted(guess.status_code for guess in guesses)
        assert statuses == [403] * AttemptLimits().of_one + [429] * (12 - AttemptLimits().of_one)
        slowed = await guesser.post("/api/password", json={"password": PASSWORD})
        assert (slowed.status_code, code_of(slowed)) == (429, "too_many_attempts"), "the right one, too"
        assert 0 < int(slowed.headers["retry-after"]) <= AttemptLimits().window_seconds
        assert (await other.post("/api/password", json={"password": PASSWORD})).status_code == 204
        code = pairing_codes(server.settings).issue()
        assert (await guesser.post("/api/pair", json={"code": code})).status_code == 204, "a link is not guessed"


FOREIGN: tuple[tuple[dict[str, str], int, str], ...] = (
    ({"Origin": "http://evil.example"}, 403, "forbidden_origin"),
    ({"Origin": "null"}, 403, "forbidden_origin"),
    ({"Origin": "http://127.0.0.1:1"}, 403, "forbidden_origin"),
    ({"Origin": ""}, 403, "forbidden_origin"),
    ({"Host": "evil.example"}, 403, "forbidden_host"),
    ({"Host": "evil.example:3000", "Origin": "http://evil.example:3000"}, 403, "forbidden_host"),
    ({"Host": ""}, 403, "forbidden_host"),
    ({"Host": "[::1"}, 403, "forbidden_host"),
    ({"Content-Type": "text/plain"}, 415, "not_json"),
    ({"Content-Type": "application/x-www-form-urlencoded"}, 415, "not_json"),
)


async def test_what_no_page_of_ours_sends_is_refused(server: PageServer) -> None:
    async with server.browser() as browser:
        for headers, status, code in FOREIGN:
            answer = await browser.post("/api/password", json={"password": PASSWORD}, headers=headers)
            assert (answer.status_code, code_of(answer)) == (status, code), headers
            assert "set-cookie" not in answer.headers


async def test_a_name_that_only_leads_here_gets_nothing_at_all(server: PageServer) -> None:
    async with server.signed_in() as browser:
        for path in ("/", "/api/session", "/health", "/voicemode.crt"):
            assert code_of(await browser.get(path, headers={"Host": "rebound.example"})) == "forbidden_host"


MALFORMED = (
    *(b"", b"{", b"[]", b"null", b'"code"', b"{}", b'{"code": 1}', b'{"code": null}', b'{"code": ["x"]}'),
    *(b'{"code": "x", "more": "y"}', b"\xff\xfe", b"[" * 10_000, b'{"code": "' + b"x" * 2000 + b'"}'),
)


async def test_a_malformed_request_is_told_so_and_is_no_attempt(server: PageServer) -> None:
    async with server.browser() as browser:
        for body in MALFORMED:
            answer = await browser.post("/api/pair", content=body, headers={"Content-Type": "application/json"})
            assert (answer.status_code, code_of(answer)) == (400, "malformed"), body[:40]


async def test_a_code_that_is_no_text_is_refused_like_any_other(server: PageServer) -> None:
    async with server.browser() as browser:
        answer = await browser.post("/api/pair", content=b'{"code": "\\ud800"}', headers={"Content-Type": "application/json"})
    assert code_of(answer) == "expired_link"


async def test_a_request_that_is_too_large_is_not_read(server: PageServer) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1000 + 2):
            yield b" " * 1000

    async with server.browser() as browser:
        promised = await browser.post("/api/pair", json={"code": "x" * MAX_BODY_BYTES})
        unannounced = await browser.post("/api/pair", content=endless(), headers={"Content-Type": "application/json"})
    assert [(answer.status_code, code_of(answer)) for answer in (promised, unannounced)] == [(413, "request_too_large")] * 2
    status, _ = await raw(server.port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 60_000)
    assert status == 400
    status, _ = await raw(server.port, b"NONSENSE\r\n\r\n")
    assert status == 400


async def test_other_methods_and_paths_are_refused_in_words(server: PageServer) -> None:
    async with server.signed_in() as browser:
        assert code_of(await browser.get("/api/pair")) == "not_found"
        assert code_of(await browser.put("/api/session", json={})) == "method_not_allowed"
        assert code_of(await browser.get("/api/nothing")) == "not_found"
        assert code_of(await browser.options("/api/rooms", headers={"Origin": "http://evil.example"})) == "forbidden_origin"


async def test_without_livekit_the_page_is_told_what_to_install(server: PageServer) -> None:
    async with server.signed_in() as browser:
        asked = [
            await browser.get("/api/rooms"),
            await browser.post("/api/rooms", json={"name": "kitchen"}),
            await browser.post("/api/token", json={"room": "kitchen", "name": "Anna"}),
            await browser.get("/livekit/rtc/validate"),
        ]
        assert [(answer.status_code, code_of(answer)) for answer in asked] == [(503, "no_livekit")] * len(asked)
        status = (await browser.get("/api/status")).json()
    assert status["services"].keys() == {"whisper", "kokoro", "livekit"}
    assert status["services"]["livekit"] == "not installed"


async def test_behind_a_proxy_with_tls_cookies_are_for_tls_only(settings: Settings) -> None:
    names = Names(behind=frozenset({"box.example.net"}))
    async with serving(settings, names=names) as server:
        proxied = {"Host": "box.example.net", "Origin": "https://box.example.net"}
        async with server.browser(headers=proxied) as browser:
            answer = await browser.post("/api/pair", json={"code": pairing_codes(settings).issue()})
            assert answer.headers["set-cookie"].startswith(f"{SECURE_COOKIE}=")
            assert "Secure" in answer.headers["set-cookie"]
            plain = await browser.post("/api/sign-out", headers={"Origin": "http://box.example.net"})
            assert code_of(plain) == "forbidden_origin"


async def test_a_development_server_of_the_page_is_let_in_where_it_was_named(settings: Settings) -> None:
    origin = "http://localhost:3001"
    names = Names(developing=frozenset({origin}))
    async with serving(settings, names=names) as server, server.browser(headers={"Origin": origin}) as browser:
        assert (await browser.post("/api/password", json={"password": PASSWORD})).status_code == 204


async def test_in_the_local_network_a_browser_that_trusts_the_root_gets_tls(settings: Settings, folder: Path) -> None:
    """127.0.0.1 stands for this machine's address in its network."""
    async with serving(settings, folder) as server:
        file = settings.state_dir / "frontend-tls.pem"
        site = create_site(lambda: settings, server.names, folder, nobody)
        (other,) = free_ports(1)
        lan = Lan(site.app, server.names, other, file, find=lambda: ["127.0.0.1"])
        async with lan.served() as own:
            trusting = ssl.create_default_context(cadata=root(file))
            url = f"https://127.0.0.1:{other}"
            async with httpx2.AsyncClient(verify=trusting, base_url=url, headers={"Origin": url}) as phone:
                assert (await phone.get("/")).content == HTML
                answer = await phone.post("/api/password", json={"password": PASSWORD})
            assert answer.headers["set-cookie"].startswith(SECURE_COOKIE)
            assert "127.0.0.1" in server.names.lan
            with pytest.raises(httpx2.ConnectError):
                async with httpx2.AsyncClient(base_url=url) as stranger:
                    await stranger.get("/")
    assert re.fullmatch(r"([0-9A-F]{2}:){31}[0-9A-F]{2}", own.fingerprint)
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="one loopback address elsewhere")
async def test_the_page_follows_this_machine_to_its_new_address(settings: Settings, folder: Path) -> None:
    addresses = list[str]()
    (port,) = free_ports(1)
    file, names = settings.state_dir / "frontend-tls.pem", Names()
    site = create_site(lambda: settings, names, folder, nobody)
    async with Lan(site.app, names, port, file, lambda: tuple(addresses), look_seconds=0.02).served():
        addresses[:] = ["127.0.0.1"]  # it was started before there was a network
        assert (await once_reached(f"https://127.0.0.1:{port}/", file)).content == HTML
        with exclusive(file):  # as if nothing could be written for a while
            file.rename(file.with_suffix(".kept"))
            file.mkdir()
        await asyncio.sleep(0.1)
        with exclusive(file):
            file.rmdir()
            file.with_suffix(".kept").rename(file)
        addresses[:] = ["127.0.0.2"]
        page = await once_reached(f"https://127.0.0.2:{port}/", file)
    assert page.content == HTML
    assert "127.0.0.2" in names.lan
    assert "127.0.0.1" not in names.lan


async def once_reached(url: str, file: Path) -> httpx2.Response:
    """What comes from `url`, which answers soon, with a certificate that `file` vouches for."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                trusting = ssl.create_default_context(cadata=root(file))
                async with httpx2.AsyncClient(verify=trusting) as phone:
                    return await phone.get(url)
            except (httpx2.ConnectError, ssl.SSLError, ValueError):
                await asyncio.sleep(0.02)
