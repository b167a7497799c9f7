"""The speech client against a real server that fails in every way a server can."""

import asyncio
import io
import socket
import sys
import threading
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import httpx2
import pytest

from tests.support.endpoints import (
    Behaviour,
    FakeEndpoint,
    answers,
    breaks_off_after,
    endpoint,
    hangs_after,
    hangs_up,
    in_turn,
    routes,
    speaks,
    speech_api,
    transcribes,
)
from voicemode.audio.codec import wav_bytes
from voicemode.audio.frames import Frame, closing
from voicemode.config import Settings
from voicemode.errors import ConfigError, ProviderError, UnreachableError, VoiceModeError
from voicemode.http_client.client import open_http
from voicemode.speech.base import Voice
from voicemode.speech.openai.address import Endpoint, retry_after_seconds
from voicemode.speech.openai.client import SpeechClient

pytestmark = pytest.mark.anyio

SETTINGS = Settings(connect_timeout_local=2.0, idle_timeout=2.0, first_byte_timeout=2.0, tts_audio_format="pcm")
SECOND = Frame(bytes(32_000), 16_000)
KEY = "sk-very-secret"
BOUND_SECONDS = 10


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with open_http() as http:
        yield http


def client(server: FakeEndpoint, http: httpx2.AsyncClient, settings: Settings = SETTINGS, key: str = "") -> SpeechClient:
    return SpeechClient(Endpoint(server.url, key), http, settings)


def tts(behaviour: Behaviour) -> Behaviour:
    return routes({"/v1/audio/speech": behaviour})


def stt(behaviour: Behaviour) -> Behaviour:
    return routes({"/v1/audio/transcriptions": behaviour})


async def heard(client: SpeechClient, text: str = "Hello.", voice: Voice | None = None) -> list[Frame]:
    async with asyncio.timeout(BOUND_SECONDS):
        return [frame async for frame in client.synthesize(text, voice or Voice())]


async def failure(client: SpeechClient) -> ProviderError:
    """What transcribing fails with."""
    with pytest.raises(ProviderError) as caught:
        async with asyncio.timeout(BOUND_SECONDS):
            await client.transcribe(SECOND)
    return caught.value


# --- what it does where all is well ---


async def test_an_utterance_is_uploaded_as_16_khz_wav_and_its_text_comes_back(http: httpx2.AsyncClient) -> None:
    async with endpoint(stt(transcribes(" Hello there.\n"))) as server:
        transcript = await client(server, http).transcribe(SECOND, prompt="VoiceMode", language="en")
    form = server.requests[-1].form
    with wave.open(io.BytesIO(form.pop("file"))) as audio:
        assert (audio.getframerate(), audio.getnchannels(), audio.getnframes()) == (16_000, 1, 16_000)
    assert transcript.text == "Hello there."
    assert form == {"model": b"whisper-1", "response_format": b"json", "prompt": b"VoiceMode", "language": b"en"}


async def test_an_empty_text_is_an_answer(http: httpx2.AsyncClient) -> None:
    async with endpoint(stt(transcribes(""))) as server:
        assert (await client(server, http).transcribe(SECOND)).text == ""


@pytest.mark.parametrize("response_format", ["text", "srt", "vtt"])
async def test_a_file_is_uploaded_as_it_is(http: httpx2.AsyncClient, tmp_path: Path, response_format: str) -> None:
    path = tmp_path / "talk.m4a"
    path.write_bytes(b"not decoded here" * 10_000)
    async with endpoint(stt(answers(200, "1\nHello\n"))) as server:
        text = await client(server, http).transcribe_file(path, response_format=response_format)  # type: ignore[arg-type]
    assert text == "1\nHello"
    assert server.requests[-1].form["file"] == path.read_bytes()
    assert server.requests[-1].form["response_format"] == response_format.encode()


async def test_a_file_is_text_even_where_the_server_knows_only_json(http: httpx2.AsyncClient, tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(wav_bytes(SECOND))
    async with endpoint(stt(transcribes("Hello"))) as server:
        assert await client(server, http).transcribe_file(path) == "Hello"


class SlowFile(io.BytesIO):
    """On a disk so slow that it must not be read in the thread of the event loop."""

    def __init__(self, content: bytes, loop_thread: int) -> None:
        super().__init__(content)
        self._loop_thread = loop_thread

    def read(self, size: int | None = -1, /) -> bytes:
        assert threading.get_ident() != self._loop_thread, "the event loop waits for the disk"
        return super().read(size)


class SlowDisk:
    """As much of a path as is asked for."""

    name = "talk.m4a"

    def __init__(self, content: bytes) -> None:
        self._file = SlowFile(content, threading.get_ident())

    def open(self, _mode: str) -> SlowFile:
        return self._file


async def test_the_event_loop_goes_on_while_a_file_is_read(http: httpx2.AsyncClient) -> None:
    content = b"talk" * 50_000
    async with endpoint(stt(transcribes("Hello"))) as server:
        assert await client(server, http).transcribe_file(cast("Path", SlowDisk(content))) == "Hello"
    assert server.requests[-1].form["file"] == content


async def test_a_file_is_sent_again_over_a_new_connection(http: httpx2.AsyncClient, tmp_path: Path) -> None:
    path = tmp_path / "talk.m4a"
    path.write_bytes(b"talk" * 50_000)
    async with endpoint(stt(in_turn(hangs_up, transcribes("Hello")))) as server:
        assert await client(server, http, key=KEY).transcribe_file(path) == "Hello"
    assert server.requests[-1].form["file"] == path.read_bytes()
    assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"


async def test_a_file_that_is_not_there_is_said_so(http: httpx2.AsyncClient, tmp_path: Path) -> None:
    async with endpoint(stt(transcribes(""))) as server:
        with pytest.raises(VoiceModeError, match="cannot be read: No such file"):
            await client(server, http).transcribe_file(tmp_path / "gone.wav")


async def test_the_first_frame_comes_before_the_last_byte_was_made(http: httpx2.AsyncClient) -> None:
    async with (
        endpoint(tts(hangs_after(bytes(4800)))) as server,
        closing(client(server, http).synthesize("Hello.", Voice())) as frames,
    ):
        assert await asyncio.wait_for(anext(frames), BOUND_SECONDS) == Frame(bytes(4800), 24_000)


async def test_pcm_cut_within_a_sample_is_put_together_again(http: httpx2.AsyncClient) -> None:
    pcm = bytes(range(200))
    async with endpoint(tts(speaks(pcm[:7], pcm[7:8], pcm[8:101], pcm[101:]))) as server:
        frames = await heard(client(server, http))
    assert b"".join(frame.pcm for frame in frames) == pcm
    assert all(len(frame.pcm) % 2 == 0 for frame in frames)


@pytest.mark.parametrize("content_type", ["audio/x-wav", "audio/wav; charset=binary", "application/octet-stream"])
async def test_audio_of_another_type_than_asked_for_is_taken_for_what_it_is(
    http: httpx2.AsyncClient, content_type: str
) -> None:
    async with endpoint(tts(speaks(wav_bytes(SECOND), content_type=content_type))) as server:
        frames = await heard(client(server, http))
    assert {frame.rate for frame in frames} == {16_000}
    assert sum(frame.seconds for frame in frames) == 1


async def test_pcm_whose_type_names_its_rate_has_that_rate(http: httpx2.AsyncClient) -> None:
    async with endpoint(tts(speaks(bytes(100), content_type="audio/pcm;rate=16000;channels=1"))) as server:
        assert (await heard(client(server, http)))[0].rate == 16_000


async def test_speed_is_sent_where_it_is_not_normal(http: httpx2.AsyncClient) -> None:
    async with endpoint(speech_api()) as server:
        speech = client(server, http)
        await heard(speech, voice=Voice(speed=1.5))
        await heard(speech)
    assert server.requests[-2].json["speed"] == 1.5
    assert "speed" not in server.requests[-1].json


async def test_instructions_go_to_a_model_that_follows_them(http: httpx2.AsyncClient) -> None:
    models = answers(200, {"data": [{"id": "tts-1"}, {"id": "gpt-4o-mini-tts"}]})
    async with endpoint(routes({"/v1/audio/speech": speaks(bytes(10)), "/v1/models": models})) as server:
        speech = client(server, http)
        await heard(speech, voice=Voice(instructions="Whisper."))
        await heard(speech)
    assert server.requests[-2].json["model"] == "gpt-4o-mini-tts"
    assert server.requests[-2].json["instructions"] == "Whisper."
    assert server.requests[-1].json["model"] == "tts-1"


# --- voices and models ---


@pytest.mark.parametrize(
    ("answer", "asked", "used"),
    [
        ({"voices": ["alloy", "af_sky"]}, "alloy", "alloy"),
        ({"voices": ["alloy", "af_sky"]}, "", "af_sky"),
        ({"voices": ["alloy", "af_sky"]}, "nova", "af_sky"),
        ({"voices": ["joe", "amy"]}, "nova", "joe"),
        ({"voices": ["af_sky", "af_bella"]}, "af_sky+af_bella", "af_sky+af_bella"),
        ({"voices": ["af_sky", "af_bella"]}, "af_bella(2)+af_sky(1.5)", "af_bella(2)+af_sky(1.5)"),
        ({"voices": ["af_sky", "af_bella"]}, "af_bella+nova", "af_sky"),
        ({"voices": [{"id": "joe", "name": "Joe"}]}, "", "joe"),
        ([{"name": "amy"}], "", "amy"),
        ({"voices": {"amy": {"language": "en"}}}, "", "amy"),
        ({"voices": []}, "nova", "nova"),
        ("no list", "nova", "nova"),
    ],
)
async def test_a_voice_the_endpoint_has_is_used(http: httpx2.AsyncClient, answer: object, asked: str, used: str) -> None:
    table = {"/v1/audio/speech": speaks(bytes(10)), "/v1/audio/voices": answers(200, answer)}
    async with endpoint(routes(table)) as server:
        await heard(client(server, http), voice=Voice(asked))
    assert server.requests[-1].json["voice"] == used


async def test_openai_voices_are_known_without_asking(http: httpx2.AsyncClient) -> None:
    speech = SpeechClient(Endpoint("https://api.openai.com/v1"), http, SETTINGS)
    assert "marin" in (await speech.voices() or ())


@pytest.mark.parametrize(
    ("listed", "tts_model", "stt_model"),
    [
        (["gpt-4o-mini-tts", "tts-1", "whisper-1"], "tts-1", "whisper-1"),
        (["gpt-4o-mini-tts", "gpt-4o-transcribe"], "gpt-4o-mini-tts", "gpt-4o-transcribe"),
        (["Systran/faster-whisper-base", "hexgrad/Kokoro-82M"], "hexgrad/Kokoro-82M", "Systran/faster-whisper-base"),
        (["canary-1b"], "canary-1b", "canary-1b"),
        ([], "tts-1", "whisper-1"),
    ],
)
async def test_a_model_the_endpoint_has_is_used(
    http: httpx2.AsyncClient, listed: list[str], tts_model: str, stt_model: str
) -> None:
    table = {
        "/v1/models": answers(200, {"object": "list", "data": [{"id": name} for name in listed]}),
        "/v1/audio/speech": speaks(bytes(10)),
        "/v1/audio/transcriptions": transcribes("Hello"),
    }
    async with endpoint(routes(table)) as server:
        speech = client(server, http)
        await heard(speech)
        assert server.requests[-1].json["model"] == tts_model
        await speech.transcribe(SECOND)
        assert server.requests[-1].form["model"] == stt_model.encode()


async def test_what_an_endpoint_has_is_asked_once(http: httpx2.AsyncClient) -> None:
    async with endpoint(speech_api()) as server:
        speech = client(server, http)
        await speech.warm_up(print)
        await heard(speech)
        await heard(speech)
    assert sorted(server.paths()[:2]) == ["/v1/audio/voices", "/v1/models"]
    assert server.paths()[2:] == ["/v1/audio/speech", "/v1/audio/speech"]


async def test_a_list_that_does_not_come_does_not_hold_up_the_turn_twice(http: httpx2.AsyncClient) -> None:
    hang = hangs_after()
    table = {"/v1/audio/speech": speaks(bytes(10)), "/v1/audio/voices": hang, "/v1/models": hang}
    async with endpoint(routes(table)) as server:
        speech = client(server, http)
        assert await heard(speech)
        assert await heard(speech)
    assert server.paths().count("/v1/models") == 1


async def test_a_list_that_was_slow_once_is_asked_for_again_a_minute_later(http: httpx2.AsyncClient) -> None:
    now = 0.0
    async with endpoint(hangs_after()) as server:
        speech = SpeechClient(Endpoint(server.url), http, SETTINGS, clock=lambda: now)
        assert await speech.voices() is None
        server.behaviour = speech_api(voices=("joe",))
        now = 59.0
        assert await speech.voices() is None
        now = 60.0
        assert await speech.voices() == ("joe",)


async def test_a_server_that_was_only_starting_is_asked_again_what_it_has(http: httpx2.AsyncClient) -> None:
    async with endpoint(answers(503, "loading")) as server:
        speech = client(server, http)
        await speech.warm_up(print)
        server.behaviour = speech_api(voices=("joe",))
        assert await speech.voices() == ("joe",)


# --- what goes wrong ---


async def test_a_refused_connection_is_known_as_such(http: httpx2.AsyncClient) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    error = await failure(SpeechClient(Endpoint(url), http, SETTINGS))
    assert isinstance(error, UnreachableError)
    assert error.transient
    assert url in error.message
    assert error.hint.command == "voicemode providers --check"


@pytest.mark.parametrize(("url_end", "names"), [("", "VOICEMODE_API_KEYS"), ("openai", "OPENAI_API_KEY")])
def test_the_hint_about_a_key_names_the_setting(url_end: str, names: str) -> None:
    url = "https://api.openai.com/v1" if url_end else "http://127.0.0.1:8880/v1"
    assert names in str(Endpoint(url, KEY).key_hint)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_rejected_key_is_named_by_its_setting_and_never_shown(http: httpx2.AsyncClient, status: int) -> None:
    echo = {"error": {"message": f"Incorrect API key provided:\n{KEY}."}}
    async with endpoint(answers(status, echo)) as server:
        error = await failure(client(server, http, key=KEY))
    assert f"did not accept the key ({status}): Incorrect API key provided: ***." in str(error)
    assert "VOICEMODE_API_KEYS" in str(error.hint)
    assert KEY not in str(error)
    assert not error.transient


async def test_a_wrong_base_url_is_told_from_its_404(http: httpx2.AsyncClient) -> None:
    async with endpoint(speech_api()) as server:
        root = server.url.removesuffix("/v1")
        error = await failure(SpeechClient(Endpoint(root + "/"), http, SETTINGS))
    assert f"usually ends in /v1: {root}/v1" in str(error.hint)
    assert not error.transient


async def test_too_many_requests_say_when_to_come_back(http: httpx2.AsyncClient) -> None:
    async with endpoint(answers(429, {"error": {"message": "Slow down"}}, retry_after="7")) as server:
        error = await failure(client(server, http))
    assert error.retry_after_seconds == 7
    assert error.transient


async def test_an_empty_purse_is_not_transient(http: httpx2.AsyncClient) -> None:
    async with endpoint(answers(429, {"error": {"message": "No credit", "code": "insufficient_quota"}})) as server:
        assert not (await failure(client(server, http))).transient


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("120", 120), ("Sun, 22 Nov 2026 10:00:30 GMT", 30), ("Sun, 22 Nov 2026 09:00:00 GMT", 0), ("soon", None)],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after_seconds({"retry-after": value}, datetime(2026, 11, 22, 10, 0, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(("status", "transient"), [(400, False), (413, False), (422, False), (500, True), (503, True)])
async def test_the_server_is_quoted_in_one_short_line(http: httpx2.AsyncClient, status: int, transient: bool) -> None:
    async with endpoint(answers(status, {"detail": "voice\nmissing " + "x" * 5000})) as server:
        error = await failure(client(server, http))
    assert f"({status}): voice missing xxx" in error.message
    assert "\n" not in error.message
    assert len(error.message) < 300
    assert error.transient is transient


async def test_a_web_page_is_not_speech(http: httpx2.AsyncClient) -> None:
    page = answers(200, "<!doctype html><title>Sign in</title>", content_type="text/html")
    async with endpoint(page) as server:
        with pytest.raises(ProviderError, match="something other than audio: an HTML page"):
            await heard(client(server, http))
        error = await failure(client(server, http))
    assert "something other than a transcript: an HTML page" in error.message


async def test_a_web_page_is_no_list_of_models(http: httpx2.AsyncClient) -> None:
    page = answers(200, "<!doctype html><title>Sign in</title>", content_type="text/html")
    async with endpoint(page) as server:
        with pytest.raises(ProviderError, match="something other than a list of models: an HTML page"):
            await client(server, http).check()


async def test_an_error_of_status_200_is_an_error(http: httpx2.AsyncClient) -> None:
    async with endpoint(tts(answers(200, {"error": {"message": "model is loading"}}))) as server:
        with pytest.raises(ProviderError, match="something other than audio: model is loading"):
            await heard(client(server, http))


@pytest.mark.parametrize("body", [[], {"txt": "hello"}, {"text": None}, "{"])
async def test_an_answer_that_is_no_transcript_is_an_error(http: httpx2.AsyncClient, body: object) -> None:
    async with endpoint(stt(answers(200, body))) as server:
        assert "something other than a transcript" in (await failure(client(server, http))).message


async def test_half_a_stream_is_heard_and_then_an_error(http: httpx2.AsyncClient) -> None:
    frames: list[Frame] = []

    async def hear(server: FakeEndpoint) -> None:
        async for frame in client(server, http).synthesize("Hello.", Voice()):
            frames.append(frame)  # noqa: PERF401 - a comprehension would lose them

    async with endpoint(tts(breaks_off_after(bytes(100), bytes(60)))) as server:
        with pytest.raises(ProviderError, match="broke off") as caught:
            await hear(server)
    assert sum(len(frame.pcm) for frame in frames) == 160
    assert caught.value.transient


async def test_a_truncated_transcript_is_an_error(http: httpx2.AsyncClient) -> None:
    async with endpoint(stt(breaks_off_after(b'{"text": "half'))) as server:
        assert "broke off" in (await failure(client(server, http))).message


@pytest.mark.parametrize("body", [b"", wav_bytes(Frame(b"", 24_000))], ids=["nothing", "a header"])
async def test_no_audio_is_an_error(http: httpx2.AsyncClient, body: bytes) -> None:
    async with endpoint(tts(answers(200, body, content_type="audio/wav"))) as server:
        with pytest.raises(ProviderError):
            await heard(client(server, http))


async def test_audio_that_cannot_be_read_is_an_error(http: httpx2.AsyncClient) -> None:
    async with endpoint(tts(speaks(b"this is no audio" * 100, content_type="audio/wav"))) as server:
        with pytest.raises(ProviderError, match="not WAV"):
            await heard(client(server, http))


# --- connections ---


async def test_one_connection_serves_all_turns(http: httpx2.AsyncClient) -> None:
    async with endpoint(speech_api()) as server:
        for _ in range(3):
            await client(server, http).transcribe(SECOND)
    assert server.connections == 1


async def test_a_connection_that_was_closed_meanwhile_is_replaced(http: httpx2.AsyncClient) -> None:
    async with endpoint(speech_api()) as server:
        speech = client(server, http)
        await speech.transcribe(SECOND)
        server.behaviour = in_turn(hangs_up, server.behaviour)
        assert (await speech.transcribe(SECOND)).text == "hello"
    assert server.connections == 2


async def test_cancelling_hangs_up_at_once(http: httpx2.AsyncClient) -> None:
    async with endpoint(routes({"/v1/audio/transcriptions": hangs_after()})) as server:
        speech = client(server, http, replace(SETTINGS, idle_timeout=60.0))
        await speech.warm_up(print)
        server.asked.clear()
        task = asyncio.create_task(speech.transcribe(SECOND))
        await asyncio.wait_for(server.asked.wait(), BOUND_SECONDS)
        task.cancel()
        await asyncio.wait_for(server.hung_up.wait(), BOUND_SECONDS)
        assert task.cancelled()


async def test_leaving_in_mid_speech_hangs_up_at_once(http: httpx2.AsyncClient) -> None:
    async with endpoint(tts(hangs_after(bytes(100)))) as server:
        async with closing(client(server, http).synthesize("Hello.", Voice())) as frames:
            await anext(frames)
        await asyncio.wait_for(server.hung_up.wait(), BOUND_SECONDS)


async def test_this_machine_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with endpoint(answers(418, "I am the proxy")) as proxy, endpoint(speech_api()) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/v1"))
        async with open_http() as http:
            by_number = client(server, http)
            by_name = SpeechClient(Endpoint(server.url.replace("127.0.0.1", "localhost")), http, SETTINGS)
            assert (await by_number.transcribe(SECOND)).text == "hello"
            assert (await by_name.transcribe(SECOND)).text == "hello"
            error = await failure(SpeechClient(Endpoint("http://speech.test/v1"), http, SETTINGS))
    assert "418" in error.message
    assert {request.path for request in proxy.requests} == {
        "http://speech.test/v1/models",
        "http://speech.test/v1/audio/transcriptions",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only one address of 127.0.0.0/8 is there by itself")
@pytest.mark.parametrize("host", ["127.0.0.2", "[::ffff:127.0.0.1]"])
async def test_a_key_for_this_machine_goes_to_no_proxy_however_it_is_written(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    listens_at = host if host[0] != "[" else "127.0.0.1"
    async with endpoint(answers(418, "I am the proxy")) as proxy, endpoint(speech_api(), host=listens_at) as server:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        url = server.url.replace(listens_at, host)
        async with open_http() as http:
            assert (await SpeechClient(Endpoint(url, KEY), http, SETTINGS).transcribe(SECOND)).text == "hello"
        assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
        assert not proxy.requests


@pytest.mark.parametrize(
    ("name", "value", "url"),
    [
        ("ALL_PROXY", "socks5h://127.0.0.1:1080", "http://speech.test/v1"),
        ("SSL_CERT_FILE", "/no/such.pem", "https://speech.test/v1"),
    ],
)
async def test_what_the_environment_names_in_vain_fails_only_who_needs_it(
    name: str, value: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    async with endpoint(speech_api()) as server, open_http() as http:
        assert (await client(server, http).transcribe(SECOND)).text == "hello"
        error = await failure(SpeechClient(Endpoint(url), http, SETTINGS))
    assert error.message.startswith(f"{url} was not asked: {name} names ")
    assert not error.transient


# --- keys ---


async def test_a_key_is_sent_to_its_own_endpoint_only(http: httpx2.AsyncClient) -> None:
    async with endpoint(speech_api()) as mine, endpoint(speech_api()) as other:
        await client(mine, http, key=KEY).transcribe(SECOND)
        await client(other, http).transcribe(SECOND)
    assert all(request.headers["authorization"] == f"Bearer {KEY}" for request in mine.requests)
    assert all("authorization" not in request.headers for request in other.requests)


async def test_a_redirect_is_not_followed_with_key_and_voice(http: httpx2.AsyncClient) -> None:
    async with endpoint(speech_api()) as thief:
        async with endpoint(answers(307, "", location=f"{thief.url}/audio/transcriptions?token=1")) as server:
            error = await failure(client(server, http, key=KEY))
        assert thief.requests == []
    assert f"{thief.url}/audio/transcriptions" in str(error.hint)
    assert "token" not in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8880/v1",
        "ftp://127.0.0.1/v1",
        "http:///v1",
        "http://host:port/v1",
        "http://127.0.0.1/v1?key=secret",
        "http://127.0.0.1/v1#secret",
        "http://user:secret@127.0.0.1/v1",
        "http://127.0.0.1/v1 http://other/v1",
        "",
    ],
)
def test_what_is_not_a_plain_base_url_is_rejected_without_showing_secrets(url: str) -> None:
    with pytest.raises(ConfigError, match="is not the base URL") as caught:
        Endpoint(url)
    assert "user:secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["with space", "line\nbreak", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_rejected_unseen(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Endpoint("http://127.0.0.1/v1", key)
    assert key not in str(caught.value)


def test_a_key_is_not_in_the_repr() -> None:
    assert KEY not in repr(Endpoint("http://127.0.0.1/v1", KEY))


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://127.0.0.1:2022/v1", "http://127.0.0.1:2022/v1/models"),
        ("http://127.0.0.1:2022/v1/", "http://127.0.0.1:2022/v1/models"),
        ("http://127.0.0.1:2022/api/v11", "http://127.0.0.1:2022/api/v11/models"),
        ("https://speech.test", "https://speech.test/models"),
    ],
)
def test_paths_are_joined_to_the_base_url(base: str, url: str) -> None:
    assert Endpoint(base).at("models") == url
