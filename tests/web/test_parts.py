"""What the page's server is made of: settings, certificates, guesses, what was given out, names, policies."""

import datetime
from pathlib import Path

import pytest

from voicemode.config import Settings, load_settings
from voicemode.errors import ServiceError
from voicemode.web.attempts import AttemptLimits, Attempts
from voicemode.web.certificate import identity, names_in
from voicemode.web.issued_secrets import Ledger
from voicemode.web.lan import INNER, is_lan, names_of
from voicemode.web.link import behind, link
from voicemode.web.live_settings import Current
from voicemode.web.policy import policy, room_sources


def test_a_password_that_was_changed_is_the_only_one_without_a_restart(home: Path) -> None:
    file = home / ".voicemode" / "voicemode.env"
    file.parent.mkdir()
    file.write_text("VOICEMODE_FRONTEND_PASSWORD=the-old-password\n")
    current = Current(load_settings(), frontend_port=4711)
    assert (current().frontend_password, current().frontend_port) == ("the-old-password", 4711)
    file.write_text("VOICEMODE_FRONTEND_PASSWORD=another-password\n")
    assert (current().frontend_password, current().frontend_port) == ("another-password", 4711)
    file.write_text("this is no setting\n")
    assert (current().frontend_password, current().frontend_port) == ("another-password", 4711)


def test_a_certificate_is_made_anew_when_names_come_or_it_is_about_to_end(tmp_path: Path) -> None:
    from cryptography.x509 import load_pem_x509_certificate

    file, now = tmp_path / "tls.pem", datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
    first = identity(file, ["192.168.1.2", "box.local"], now)
    assert identity(file, ["192.168.1.2"], now + datetime.timedelta(days=300)) == first
    moved = identity(file, ["10.0.0.7"], now)
    assert moved.fingerprint != first.fingerprint
    assert set(names_in(load_pem_x509_certificate(file.read_bytes()))) == {"10.0.0.7", "192.168.1.2", "box.local"}
    assert identity(file, ["10.0.0.7"], now + datetime.timedelta(days=380)).fingerprint != moved.fingerprint
    file.write_bytes(b"damaged")
    assert identity(file, ["10.0.0.7"], now).fingerprint


def test_attempts_are_counted_for_each_client_and_for_all(tmp_path: Path) -> None:
    now = [0.0]
    attempts = Attempts(lambda: now[0], AttemptLimits(of_one=2, of_all=3, window_seconds=10))
    for second, client in ((0, "a"), (4, "a")):
        now[0] = second
        attempts.note(client)
    assert (attempts.wait_seconds("a"), attempts.wait_seconds("b")) == (6, 0)
    attempts.note("b")
    assert (attempts.wait_seconds("b"), attempts.wait_seconds("c")) == (6, 6), "three in all"
    attempts.forgive("b")
    assert attempts.wait_seconds("c") == 0
    now[0] = 10
    assert attempts.wait_seconds("a") == 0


def test_what_was_given_out_ends_and_the_oldest_goes_first(tmp_path: Path) -> None:
    now = [0.0]
    ledger = Ledger(tmp_path / "ledger.json", 600, clock=lambda: now[0])
    first = ledger.issue()
    now[0] = 599
    assert ledger.left_seconds(first) == 1
    now[0] = 600
    assert not ledger.left_seconds(first)
    assert not ledger.take(first)
    ledger.renew(first)
    assert not ledger.left_seconds(first), "who was signed out in between is not signed in again"
    many = [ledger.issue() for _ in range(3)]
    assert ledger.clear() == 3
    assert not any(map(ledger.left_seconds, many))
    (tmp_path / "ledger.json").write_text("[]")
    assert not ledger.take(first)


def test_addresses_that_the_internet_reaches_are_not_the_local_network() -> None:
    assert all(map(is_lan, ["192.168.1.2", "10.1.2.3", "172.16.0.1", "100.64.0.1"]))
    assert not any(map(is_lan, ["8.8.8.8", "127.0.0.1", "169.254.1.1", "224.0.0.1", "0.0.0.0"]))  # noqa: S104 - asked about


def test_networks_of_containers_are_not_the_local_network() -> None:
    assert all(map(INNER.fullmatch, ["docker0", "br-0123456789ab", "virbr0", "cni-podman0"]))
    assert not any(map(INNER.fullmatch, ["eth0", "wlan0", "en0", "Wi-Fi", "br-lan", "br0", "tailscale0"]))


def test_a_name_that_no_certificate_can_say_is_not_used() -> None:
    assert names_of("Box.fritz.box") == ("box", "box.local")
    assert names_of("Müllers-PC") == names_of("localhost.localdomain") == ()


def test_a_proxy_may_have_a_port_of_its_own() -> None:
    settings = Settings(frontend_hosts=("box.example.net",))
    assert behind(settings, "Box.example.net:8443") == "https://box.example.net:8443/"
    with pytest.raises(ServiceError, match=r"FRONTEND_HOSTS box\.example\.net,other\.example$"):
        behind(settings, "other.example:8443")


def test_a_policy_names_livekit_only_where_the_browser_goes_there_itself() -> None:
    assert room_sources("") == room_sources("ws://127.0.0.1:7880") == []
    sources = room_sources("wss://mine.livekit.cloud")
    assert set(sources) == {
        *("https://mine.livekit.cloud", "wss://mine.livekit.cloud", "https://*.livekit.cloud", "wss://*.livekit.cloud"),
    }
    assert f"connect-src 'self' {' '.join(sources)};" in policy(sources)


def test_what_is_secret_in_a_link_is_sent_to_nobody() -> None:
    assert link("https://box:3000/", "CODE", "Küche #1") == "https://box:3000/#pair=CODE&room=K%C3%BCche%20%231"
