"""Where a key is sent, where no key is seen, and how far away an address is."""

import pytest

from voicemode.config import Settings, load_settings
from voicemode.config.urls import Address, same_address
from voicemode.errors import ConfigError
from voicemode.providers import Distance, distance_of

KEYED = Settings(
    openai_api_key="sk-open",
    api_keys=(
        *("https://a.example/v1=k1==", "https://a.example/v1/deep=k2", "http://127.0.0.1:9000=k3"),
        *("wss://a.example/v1=k4", "parrot://127.0.0.1:7000=k5"),
    ),
)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://api.openai.com/v1", "sk-open"),
        ("https://API.openai.com:443/v1/audio/speech?x=1", "sk-open"),
        ("http://api.openai.com/v1", ""),
        ("https://api.openai.com:8443/v1", ""),
        ("https://api.openai.com.evil.example/v1", ""),
        ("https://api.openai.com@evil.example/v1", ""),
        ("https://evil.example\\@api.openai.com/v1", ""),
        ("https://a.example/v1", "k1=="),
        ("https://a.example/v1/audio", "k1=="),
        ("https://a.example/v1/deep/er", "k2"),
        ("https://a.example/v10", ""),
        ("https://a.example/", ""),
        ("https://a.example/v1/../admin", ""),
        ("https://a.example/v1/%2e%2e/admin", ""),
        ("http://a.example/v1", ""),
        ("http://127.0.0.1:9000/v1", "k3"),
        ("http://127.0.0.1:9001/v1", ""),
        ("http://[::1]:9000/v1", ""),
        ("not a url", ""),
        ("https://[broken", ""),
        ("wss://a.example/v1/listen", "k4"),
        ("ws://a.example/v1/listen", ""),
        ("parrot://127.0.0.1:7000/", "k5"),
        ("parrot://127.0.0.1:7001/", ""),
        ("https://127.0.0.1:7000/", ""),
    ],
)
def test_a_key_goes_only_where_it_belongs(url: str, key: str) -> None:
    assert KEYED.key_for(url) == key


def wrong(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ)
    return str(caught.value)


@pytest.mark.parametrize(
    "entry",
    [
        *("sk-hidden", "http://a.example/v1=sk-hidden", "https://u:p@a.example=sk-hidden", "https://a.example="),
        *("parrot://192.168.1.5:7000=sk-hidden", "ws://a.example=sk-hidden", "parrot:///=sk-hidden"),
    ],
)
def test_a_key_without_a_private_way_is_refused_and_not_shown(entry: str) -> None:
    message = wrong({"VOICEMODE_API_KEYS": entry})
    assert "is (not shown); it must be " in message
    assert "sk-hidden" not in message


def test_credentials_in_a_url_are_refused_and_not_shown() -> None:
    message = wrong({"VOICEMODE_TTS_BASE_URLS": "https://ok.example,https://user:sk-hid@den@a.example/v1"})
    assert "keys belong in VOICEMODE_API_KEYS" in message
    assert "hid" not in message.replace("(not shown)", "")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("VOICEMODE_TTS_BASE_URLS", "https://a.example/v1?api_key=sec-ret"),
        ("VOICEMODE_STT_BASE_URLS", "https://ok.example,a.example/v1?api_key=sec-ret,https://b.example/#sec-ret"),
        ("HF_ENDPOINT", "https://hub.example/?token=sec-ret"),
        ("LIVEKIT_URL", "wss://room.example?access_token=sec-ret"),
        ("VOICEMODE_TTS_SPEED", "sk-sec-ret"),
    ],
)
def test_a_key_in_a_query_or_in_the_wrong_place_is_not_repeated(name: str, text: str) -> None:
    message = wrong({name: text})
    assert message.startswith(f"{name} in the environment is ")
    assert "sec-ret" not in message


@pytest.mark.parametrize("url", ["wyoming://127.0.0.1:10300", "deepgram-2://api.example/v1", "https://a.example/v1"])
def test_speech_may_come_from_another_kind_of_provider(url: str) -> None:
    assert load_settings({"VOICEMODE_STT_BASE_URLS": url}).settings.stt_base_urls == (url,)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:10300", "wyoming:10300", "file:///etc/passwd", "x://a/?q", "x://a b", "x://a\\b", "://a"]
)
def test_what_names_no_host_is_no_provider(url: str) -> None:
    assert "VOICEMODE_STT_BASE_URLS" in wrong({"VOICEMODE_STT_BASE_URLS": url})


def test_weights_come_over_http_only() -> None:
    assert "http:// or https://" in wrong({"HF_ENDPOINT": "ftp://a.example"})


@pytest.mark.parametrize(("url", "port"), [("https://a", 443), ("ws://a", 80), ("wyoming://a", 0), ("wyoming://a:1", 1)])
def test_some_schemes_have_a_port_of_their_own(url: str, port: int) -> None:
    assert Address.parse(url).port == port


def test_one_address_has_several_spellings() -> None:
    assert same_address("wyoming://LOCALHOST:10300", "wyoming://127.0.0.1:10300/")
    assert not same_address("wyoming://127.0.0.1:10300", "http://127.0.0.1:10300")


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("127.0.0.1", Distance.MACHINE),
        ("127.8.8.8", Distance.MACHINE),
        ("localhost", Distance.MACHINE),
        ("[::1]", Distance.MACHINE),
        ("192.168.1.20", Distance.NETWORK),
        ("10.0.0.1", Distance.NETWORK),
        ("169.254.1.1", Distance.NETWORK),
        ("[fe80::1]", Distance.NETWORK),
        ("[fd00::1]", Distance.NETWORK),
        ("[::ffff:10.0.0.1]", Distance.NETWORK),
        ("nas.local", Distance.NETWORK),
        ("8.8.8.8", Distance.INTERNET),
        ("[::ffff:8.8.8.8]", Distance.INTERNET),
        ("[2600::1]", Distance.INTERNET),
        ("api.openai.com", Distance.INTERNET),
        ("localhost.example", Distance.INTERNET),
        ("nas.local.example", Distance.INTERNET),
        ("127.0.0.1.example", Distance.INTERNET),
    ],
)
def test_how_far_away_an_address_is_shows_in_its_host(host: str, place: Distance) -> None:
    assert distance_of(f"http://{host}:8000/v1") is place
    assert distance_of(f"wyoming://{host}") is place


def test_no_key_is_in_the_text_of_settings() -> None:
    assert "sk-open" not in repr(KEYED)
    assert "k1==" not in repr(KEYED)
    assert KEYED.secrets == ("sk-open", "k1==", "k2", "k3", "k4", "k5")


def test_pronunciations_are_pairs() -> None:
    assert Settings(pronounce=("SQL = sequel", "a=b=c")).pronunciations == (("SQL", "sequel"), ("a", "b=c"))
