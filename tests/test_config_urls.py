"""Where a key is sent, and where no key is seen."""

import pytest

from voicemode.config import Settings, load_settings
from voicemode.errors import ConfigError

KEYED = Settings(
    openai_api_key="sk-open",
    api_keys=("https://a.example/v1=k1==", "https://a.example/v1/deep=k2", "http://127.0.0.1:9000=k3"),
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
    ],
)
def test_a_key_goes_only_where_it_belongs(url: str, key: str) -> None:
    assert KEYED.key_for(url) == key


def wrong(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ)
    return str(caught.value)


@pytest.mark.parametrize(
    "entry", ["sk-hidden", "http://a.example/v1=sk-hidden", "https://u:p@a.example=sk-hidden", "https://a.example="]
)
def test_a_key_without_a_private_way_is_refused_and_not_shown(entry: str) -> None:
    message = wrong({"VOICEMODE_API_KEYS": entry})
    assert "is (not shown); it must be " in message
    assert "sk-hidden" not in message


def test_credentials_in_a_url_are_refused_and_not_shown() -> None:
    message = wrong({"VOICEMODE_TTS_BASE_URLS": "https://ok.example,https://user:sk-hid@den@a.example/v1"})
    assert "keys belong in VOICEMODE_API_KEYS" in message
    assert "hid" not in message.replace("(not shown)", "")


def test_no_key_is_in_the_text_of_settings() -> None:
    assert "sk-open" not in repr(KEYED)
    assert "k1==" not in repr(KEYED)
    assert KEYED.secrets == ("sk-open", "k1==", "k2", "k3")


def test_pronunciations_are_pairs() -> None:
    assert Settings(pronounce=("SQL = sequel", "a=b=c")).pronunciations == (("SQL", "sequel"), ("a", "b=c"))
