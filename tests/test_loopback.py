"""Which hosts are this machine."""

import pytest

from voicemode.loopback import is_loopback


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"],
)
def test_this_machine_has_many_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "::", "10.0.0.1", "::ffff:10.0.0.1", "128.0.0.1", "127.1", "2130706433", "0x7f000001"),
        *("localhost.", "localhost.example.net", "127.0.0.1.example.net", "tts.localhost"),
    ],
)
def test_what_a_server_somewhere_could_say_to_be_this_machine_is_not(host: str) -> None:
    assert not is_loopback(host)
