"""Which endpoints there are, and in which order: those that are named, those that run here, the cloud."""

from dataclasses import replace

import httpx2
import pytest

from tests.support.agents import free_ports
from tests.support.endpoints import endpoint, speech_api
from voicemode.app import open_app
from voicemode.config import Settings, load_settings
from voicemode.errors import ConfigError
from voicemode.providers import Distance, EndpointSource
from voicemode.providers.endpoints import CLOUD_URL, Endpoints, configured, service_for
from voicemode.providers.plugins import Plugins

LOCAL = "http://127.0.0.1:9/v1"
MINE = "https://speech.example/v1"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({}, [LOCAL], id="the local one by default"),
        pytest.param({"openai_api_key": "k"}, [LOCAL, CLOUD_URL], id="then the cloud, with a key"),
        pytest.param({"stt_base_urls": (MINE,), "openai_api_key": "k"}, [MINE, LOCAL, CLOUD_URL], id="the user's before both"),
        pytest.param({"openai_api_key": "k", "cloud": False}, [LOCAL], id="no cloud for who wants none"),
        pytest.param({"openai_api_key": "k", "local_only": True}, [LOCAL], id="no cloud if nothing may leave"),
        pytest.param({"stt_base_urls": ("http://localhost:9/v1/",)}, ["http://localhost:9/v1/"], id="the local one once"),
        pytest.param({"stt_base_urls": (LOCAL, MINE, LOCAL)}, [LOCAL, MINE], id="in the user's order, each once"),
        pytest.param({"whisper_port": 2999}, ["http://127.0.0.1:2999/v1"], id="on the port of the settings"),
    ],
)
def test_endpoints_come_in_order_of_preference(settings: dict[str, object], expected: list[str]) -> None:
    named = configured(replace(load_settings().settings, **settings), service_for("stt"))  # type: ignore[arg-type]
    assert [url for _, url in named] == expected


def loaded(**settings: str) -> Endpoints:
    environ = {f"VOICEMODE_{name.upper()}": text for name, text in settings.items()}
    loaded = load_settings(environ)
    return Endpoints(loaded, httpx2.AsyncClient(), Plugins(loaded.settings.providers_dir))


@pytest.mark.anyio
async def test_what_is_sent_where_is_known_of_each() -> None:
    found = loaded(
        stt_base_urls="https://speech.example/v1,http://192.168.1.9/v1",
        api_keys="https://speech.example=secret",
        cloud="false",
    )
    mine, nas, local = [member.provider for member in found.providers.stt.members]
    assert (mine.place, mine.sends_key, mine.paid, mine.on_demand) == (Distance.INTERNET, True, True, False)
    assert (nas.place, nas.sends_key, nas.paid) == (Distance.NETWORK, False, False)
    assert (local.place, local.source, local.on_demand) == (Distance.MACHINE, EndpointSource.LOCAL, True)


@pytest.mark.anyio
async def test_a_scheme_that_nobody_knows_is_told_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match=r"smoke://.*http, https.*wyoming"):
        loaded(stt_base_urls="smoke://127.0.0.1:1")


@pytest.mark.anyio
async def test_a_server_found_on_this_machine_is_asked_before_an_engine_is_started_and_before_the_cloud(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with endpoint(speech_api()) as server:
        port = server.url.rpartition(":")[2].partition("/")[0]
        # Whoever runs the tests may use VoiceMode: its own ports have servers.
        whisper, kokoro = free_ports(2)
        monkeypatch.setenv("VOICEMODE_WHISPER_PORT", str(whisper))
        monkeypatch.setenv("VOICEMODE_KOKORO_PORT", str(kokoro))
        monkeypatch.setenv("VOICEMODE_DISCOVER_PORTS", port)
        monkeypatch.setenv("OPENAI_API_KEY", "secret")
        async with open_app() as opened:
            app = await opened.now()
            await app.ready(speaking=True, listening=True)
            assert [row.name for row in app.providers.rows() if row.kind == "tts"] == [
                server.url,
                f"http://127.0.0.1:{kokoro}/v1",
                CLOUD_URL,
            ]
            assert [row.why for row in app.providers.rows() if row.chosen] == ["it runs already"] * 2


@pytest.mark.anyio
async def test_a_server_that_has_left_is_asked_no_more() -> None:
    found = loaded()
    found.providers.stt.update(found._ears.now(["http://127.0.0.1:8000/v1"]))
    assert len(found.providers.stt.members) == 2
    kept = found.providers.stt.members[0]
    found.providers.stt.update(found._ears.now([]))
    assert found.providers.stt.members == [kept]


def test_the_defaults_name_nobody() -> None:
    assert Settings().stt_base_urls == Settings().tts_base_urls == ()
