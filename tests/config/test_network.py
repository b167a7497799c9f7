"""What the environment names for requests that leave this machine."""

import os
from pathlib import Path

import pytest
import trustme

from voicemode.config.network import check_certificates, problems, proxy_for, proxy_ports, sound_servers
from voicemode.errors import ConfigError

REMOTE = "https://api.openai.com/v1"
SOCKS = "socks5h://me:geheim@127.0.0.1:1080"


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no certificates but those that a test names."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        (REMOTE, "http://secure.test:1"),
        ("http://tts.test/v1", "http://plain.test:2"),
        ("http://free.test/v1", ""),
        ("http://free.test:8080/v1", ""),
        ("http://localhost:8880/v1", ""),
        ("http://127.0.0.1:8880/v1", ""),
        ("http://127.0.0.2:8880/v1", ""),
        ("http://[::1]:8880/v1", ""),
        ("http://[::ffff:127.0.0.1]:8880/v1", ""),
        ("https://127.0.0.3/v1", ""),
    ],
)
def test_each_address_has_its_proxy_and_this_machine_none(url: str, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "secure.test:1")
    monkeypatch.setenv("http_proxy", "http://plain.test:2")
    monkeypatch.setenv("NO_PROXY", "other.test,.free.test")
    assert proxy_for(url) == proxy


def test_one_proxy_may_be_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://all.test:3")
    assert proxy_for(REMOTE) == "http://all.test:3"
    assert proxy_for("http://tts.test") == "http://all.test:3"


@pytest.mark.parametrize("named", [SOCKS, "http://:8080", "ftp://proxy.test", "http://proxy.test:port", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", named)
    with pytest.raises(ConfigError, match=r"^ALL_PROXY names a proxy that cannot be used") as caught:
        proxy_for(REMOTE)
    assert "geheim" not in str(caught.value)
    assert proxy_for("http://127.0.0.1:8880") == ""
    assert [error.message for error in problems()] == [caught.value.message]


def test_a_proxy_nobody_needs_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", SOCKS)
    monkeypatch.setenv("no_proxy", "*")
    assert proxy_for(REMOTE) == ""
    assert not list(problems())


def test_a_proxy_without_a_readable_port_is_no_port_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5h://127.0.0.1:port")
    monkeypatch.setenv("HTTP_PROXY", "http://[::1")
    assert proxy_ports() == frozenset()


def test_certificates_are_read_from_the_file_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ca.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(ConfigError, match=f"SSL_CERT_FILE names {file}, which cannot be read: No such file"):
        check_certificates()
    file.write_text("nothing of the kind")
    with pytest.raises(ConfigError, match="holds no certificates"):
        check_certificates()
    assert len(list(problems())) == 1
    trustme.CA().cert_pem.write_to_path(str(file))
    check_certificates()


def test_a_folder_of_certificates_must_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "certs"))
    with pytest.raises(ConfigError, match=r"SSL_CERT_DIR names .*certs, which is no folder"):
        check_certificates()
    monkeypatch.setenv("SSL_CERT_DIR", f"/no/such{os.pathsep}{tmp_path}")
    check_certificates()


def test_a_sound_server_that_cannot_be_read_is_none_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", "tcp:[::1 tcp:desk.test:4713 unix:/run/pulse")
    assert sound_servers() == ["[::1", "desk.test"]
