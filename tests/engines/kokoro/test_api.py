"""The speech API, as the official `openai` client sees it. The engine is a stand-in, except where it says so."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import httpx2
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.support.wer import wer
from voicemode.audio.frames import Frame, join, silence
from voicemode.engines.kokoro.api import RATE, kokoro_app
from voicemode.engines.kokoro.cache import SoundCache
from voicemode.engines.kokoro.request import LONGEST_TEXT
from voicemode.engines.kokoro.text import NothingToSayError
from voicemode.engines.kokoro.voices import NAMES, Mix, parse_voice
from voicemode.engines.server.loaded_models import LoadedModels
from voicemode.errors import WeightsError

if TYPE_CHECKING:
    from tests.support.engines_kokoro import Hear, Serve
    from voicemode.engines.kokoro.engine import KokoroEngine

pytest_plugins = ["tests.support.engines_kokoro"]

TONE = Frame(b"".join((3000 if step % 100 < 50 else -3000).to_bytes(2, "little", signed=True) for step in range(RATE)), RATE)
"""A second of it."""
PATIENCE = 20
NO_CACHE = SoundCache(Path("nowhere"), 0)


class Parrot:
    """An engine without a model: says two seconds of tone, whatever the text; some texts are orders."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mix, float]] = []
        self.go_on = threading.Event()
        self.stopped = threading.Event()

    def speak(self, text: str, voice: Mix, *, speed: float, cancelled: threading.Event) -> Iterator[Frame]:
        self.asked.append((text, voice, speed))
        if text == "nothing":
            raise NothingToSayError("Nothing to say.")
        yield TONE
        if text == "fail":
            raise WeightsError("The weights have turned to dust.")
        if text == "wait":
            self.go_on.wait(PATIENCE)
        if text == "for ever":
            cancelled.wait(PATIENCE)
            self.stopped.set()
            return
        yield silence(0.5, RATE)
        yield Frame(TONE.pcm[: len(TONE.pcm) // 2], RATE)


@pytest.fixture
def parrot() -> Parrot:
    return Parrot()


@pytest.fixture
def url(parrot: Parrot, serve: "Serve", tmp_path: Path) -> str:
    return serve(kokoro_app(LoadedModels(lambda _: parrot, "kokoro"), SoundCache(tmp_path / "cache", 10_000_000)))


def connect(url: str) -> OpenAI:
    return OpenAI(base_url=url, api_key="none", max_retries=0, timeout=PATIENCE)


@pytest.fixture
def client(url: str) -> Iterator[OpenAI]:
    with connect(url) as client:
        yield client


def decoded(sound: bytes, audio_format: str) -> Frame:
    """`sound` as PyAV, which is not what made it, understands it."""
    if audio_format == "pcm":
        return Frame(sound, RATE)
    resampler = av.AudioResampler("s16", "mono", RATE)
    with av.open(io.BytesIO(sound), "r") as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    frames += resampler.resample(None)
    return join([Frame(bytes(frame.planes[0])[: frame.samples * 2], RATE) for frame in frames], RATE)


FORMATS = {"mp3": "mpeg", "opus": "ogg", "aac": "aac", "flac": "flac", "wav": "wav", "pcm": "pcm"}


@pytest.mark.parametrize("audio_format", FORMATS)
def test_every_format_decodes_to_the_same_sound(client: OpenAI, audio_format: Any) -> None:
    answer = client.audio.speech.create(model="kokoro", voice="af_sky", input="Hello.", response_format=audio_format)
    assert answer.response.headers["content-type"] == f"audio/{FORMATS[audio_format]}"
    assert decoded(answer.content, audio_format).seconds == pytest.approx(2.0, abs=0.15)


def test_without_a_format_it_is_mp3_as_at_openai(client: OpenAI) -> None:
    answer = client.audio.speech.create(model="tts-1", voice="alloy", input="Hello.")
    assert answer.response.headers["content-type"] == "audio/mpeg"


@pytest.mark.parametrize("audio_format", ["pcm", "wav", "mp3", "opus", "flac", "aac"])
def test_the_first_sound_is_sent_before_the_rest_is_made(client: OpenAI, parrot: Parrot, audio_format: Any) -> None:
    speech = client.audio.speech.with_streaming_response
    with speech.create(model="kokoro", voice="af_sky", input="wait", response_format=audio_format) as answer:
        chunks = answer.iter_bytes()
        begun = next(chunks)
        assert begun
        assert not parrot.go_on.is_set()
        parrot.go_on.set()
        whole = begun + b"".join(chunks)
    assert decoded(whole, audio_format).seconds == pytest.approx(2.0, abs=0.15)


def test_a_client_that_hangs_up_stops_the_engine_for_the_next_one(client: OpenAI, parrot: Parrot) -> None:
    with client.audio.speech.with_streaming_response.create(model="kokoro", voice="af_sky", input="for ever") as answer:
        next(answer.iter_bytes())
    assert parrot.stopped.wait(PATIENCE / 2)
    assert client.audio.speech.create(model="kokoro", voice="af_sky", input="Hello.", response_format="pcm").content


def test_a_failure_in_the_middle_is_not_taken_for_the_end(client: OpenAI) -> None:
    speech = client.audio.speech.with_streaming_response
    with (
        speech.create(model="kokoro", voice="af_sky", input="fail", response_format="pcm") as answer,
        pytest.raises(Exception, match=r"(?i)incomplete|closed|peer") as error,
    ):
        list(answer.iter_bytes())
    assert "RemoteProtocolError" in type(error.value).__name__ or isinstance(error.value, openai.APIConnectionError)


@pytest.mark.parametrize(
    ("wrong", "param", "says"),
    [
        ({"input": ""}, "input", "nothing to say"),
        ({"input": "  \n"}, "input", "nothing to say"),
        ({"input": "nothing"}, "input", "Nothing to say"),
        ({"input": "x" * (LONGEST_TEXT + 1)}, "input", "too long"),
        ({"input": 7}, "input", "string"),
        ({"voice": "af_skye"}, "voice", "Did you mean af_sky"),
        ({"voice": "jf_alpha"}, "voice", "Japanese"),
        ({"voice": "af_sky+"}, "voice", "mix"),
        ({"voice": "af_sky(0)"}, "voice", "mix"),
        ({"voice": {"id": "nobody"}}, "voice", "no voice"),
        ({"response_format": "midi"}, "response_format", "mp3"),
        ({"speed": 5}, "speed", "0.25 to 4.0"),
        ({"speed": float("nan")}, "speed", "0.25 to 4.0"),
        ({"speed": "fast"}, "speed", "number"),
        ({"stream_format": "tape"}, "stream_format", "sse"),
    ],
)
def test_a_wrong_request_is_refused_with_the_field_and_the_remedy(
    url: str, wrong: dict[str, object], param: str, says: str
) -> None:
    body = {"model": "kokoro", "input": "Hello.", "voice": "af_sky", **wrong}
    answer = httpx2.post(f"{url}/audio/speech", content=json.dumps(body), timeout=PATIENCE)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["param"] == param
    assert says in error["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"speak"', b"\xff", b"[" * 100_000, b'{"input":' * 50_000])
def test_what_is_no_json_object_is_refused(url: str, body: bytes) -> None:
    answer = httpx2.post(f"{url}/audio/speech", content=body, timeout=PATIENCE)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]["message"]


def test_errors_are_the_exceptions_that_users_of_the_client_know(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="af_sky"):
        client.audio.speech.create(model="kokoro", voice="af_skye", input="Hello.")
    with pytest.raises(openai.NotFoundError, match="tts-1"):
        client.audio.speech.create(model="bark", voice="alloy", input="Hello.")


@pytest.mark.parametrize("name", ["tts-1-hd", "tts-2", "gpt-4o-mini-tts-2025-12-15", "gpt-5-tts"])
def test_models_of_openai_are_spoken_for_by_kokoro(client: OpenAI, name: str) -> None:
    assert client.audio.speech.create(model=name, voice="nova", input="Hello.").content


@pytest.mark.parametrize(
    ("voice", "parts"),
    [
        ("af_bella", {"af_bella": 1}),
        ("AF_Bella ", {"af_bella": 1}),
        ("af_sky+af_bella", {"af_sky": 1, "af_bella": 1}),
        ("af_sky(2)+af_bella(0.5)", {"af_sky": 2, "af_bella": 0.5}),
        ("alloy", {"af_alloy": 1}),
        ("nova+onyx", {"af_nova": 1, "am_onyx": 1}),
        ("", {"af_sky": 1}),
    ],
)
def test_voices_mixes_and_openai_names_are_understood(
    client: OpenAI, parrot: Parrot, voice: str, parts: dict[str, float]
) -> None:
    client.audio.speech.create(model="kokoro", voice=voice, input="Hello.", response_format="pcm")
    [(_, mix, _)] = parrot.asked
    assert {part.name: part.weight for part in mix.parts} == parts


def test_speed_is_passed_on_and_instructions_are_ignored(client: OpenAI, parrot: Parrot) -> None:
    client.audio.speech.create(
        model="gpt-4o-mini-tts",
        voice={"id": "af_heart"},
        input="Hello.",
        speed=1.5,
        instructions="Whisper.",
        response_format="pcm",
    )
    assert parrot.asked == [("Hello.", parse_voice("af_heart"), 1.5)]


def test_the_sound_comes_as_events_where_that_is_asked(client: OpenAI) -> None:
    answer = client.audio.speech.create(
        model="kokoro", voice="af_sky", input="Hello.", response_format="pcm", stream_format="sse"
    )
    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
    assert [event["type"] for event in events[-2:]] == ["speech.audio.delta", "speech.audio.done"]
    assert Frame(b"".join(base64.b64decode(event["audio"]) for event in events[:-1]), RATE).seconds == 2.0


def test_models_and_voices_are_listed(client: OpenAI, url: str) -> None:
    assert {"kokoro", "tts-1", "tts-1-hd"} <= {model.id for model in client.models.list()}
    voices = httpx2.get(f"{url}/audio/voices").json()["voices"]
    assert voices == list(NAMES)
    assert len(voices) == 28


def test_health_says_who_it_is(url: str) -> None:
    assert httpx2.get(url.replace("/v1", "/health")).json()["service"] == "voicemode-kokoro"


@pytest.mark.anyio
async def test_the_async_client_streams_too(url: str) -> None:
    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0, timeout=PATIENCE) as client:
        speech = client.audio.speech.with_streaming_response
        async with speech.create(model="kokoro", voice="nova", input="Hello.", response_format="pcm") as answer:
            sound = b"".join([chunk async for chunk in answer.iter_bytes()])
    assert Frame(sound, RATE).seconds == 2.0


def test_an_engine_that_cannot_be_loaded_says_why(serve: "Serve") -> None:
    def load(_name: str) -> Parrot:
        raise WeightsError("The weights are missing.", hint="Get some.")

    with (
        connect(serve(kokoro_app(LoadedModels(load, "kokoro"), NO_CACHE))) as client,
        pytest.raises(openai.InternalServerError, match=r"missing\. Get some"),
    ):
        client.audio.speech.create(model="kokoro", voice="af_sky", input="Hello.")


def said(client: OpenAI, text: str, **more: Any) -> bytes:
    return client.audio.speech.create(**{"model": "kokoro", "voice": "af_sky", "input": text, **more}).content


@pytest.mark.parametrize("audio_format", ["pcm", "mp3"])
def test_what_was_said_before_is_said_again_without_the_engine(client: OpenAI, parrot: Parrot, audio_format: str) -> None:
    first = said(client, "Hello.", response_format=audio_format)
    for again in ("Hello.", " Hello.\n"):
        assert said(client, again, response_format=audio_format, model="tts-1") == first
    assert len(parrot.asked) == 1
    assert said(client, "Hello.", response_format=audio_format, speed=2.0)
    assert len(parrot.asked) == 2


def test_what_is_kept_comes_as_events_too(client: OpenAI, parrot: Parrot) -> None:
    whole = said(client, "Hello.", response_format="pcm")
    events = said(client, "Hello.", response_format="pcm", stream_format="sse").decode().split("\n\n")
    delta, done = (json.loads(line.removeprefix("data: ")) for line in events if line)
    assert base64.b64decode(delta["audio"]) == whole
    assert done["type"] == "speech.audio.done"
    assert len(parrot.asked) == 1


def test_what_is_kept_is_said_while_the_engine_is_at_work(client: OpenAI, parrot: Parrot) -> None:
    first = said(client, "Hello.")
    speech = client.audio.speech.with_streaming_response
    with speech.create(model="kokoro", voice="af_sky", input="wait") as answer:
        assert next(answer.iter_bytes())
        assert said(client, "Hello.") == first
        assert not parrot.go_on.is_set()
        parrot.go_on.set()


@pytest.mark.parametrize("text", ["for ever", "fail"])
def test_what_did_not_come_to_its_end_is_not_kept(client: OpenAI, parrot: Parrot, text: str) -> None:
    for _ in range(2):
        with (
            suppress(httpx2.HTTPError, openai.APIConnectionError),
            client.audio.speech.with_streaming_response.create(model="kokoro", voice="af_sky", input=text) as answer,
        ):
            chunks = answer.iter_bytes()
            next(chunks)
            if text == "fail":
                list(chunks)
    said(client, "Hello.")
    assert [asked for asked, _, _ in parrot.asked] == [text, text, "Hello."]


def test_a_damaged_file_in_the_cache_is_made_again(client: OpenAI, parrot: Parrot, tmp_path: Path) -> None:
    first = said(client, "Hello.")
    [file] = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    assert said(client, "Hello.") == said(client, "Hello.") == first
    assert len(parrot.asked) == 2


def test_metrics_tell_what_the_cache_spares_and_how_fast_speech_is_made(client: OpenAI, url: str) -> None:
    said(client, "Hello.")
    said(client, "Hello.")
    lines = httpx2.get(url.replace("/v1", "/metrics")).text.splitlines()
    assert 'voicemode_cache_lookups_total{result="hit"} 1' in lines
    assert 'voicemode_cache_lookups_total{result="miss"} 1' in lines
    assert "voicemode_real_time_factor_count 1" in lines


@pytest.mark.engine
def test_the_real_engine_says_again_what_it_said(kokoro_engine: "KokoroEngine", serve: "Serve", tmp_path: Path) -> None:
    for _ in range(2):  # and so does another server on the same folder
        app = kokoro_app(LoadedModels(lambda _: kokoro_engine, "kokoro"), SoundCache(tmp_path / "cache", 10_000_000))
        with connect(serve(app)) as client:
            assert len({said(client, "Shall I deploy?") for _ in range(3)}) == 1
    assert len(list((tmp_path / "cache").iterdir())) == 1


@pytest.mark.engine
def test_what_it_says_is_what_was_asked(kokoro_engine: "KokoroEngine", hear: "Hear", serve: "Serve") -> None:
    text = "Sure, I have updated the tests and they all pass. Shall I open a pull request now?"
    with connect(serve(kokoro_app(LoadedModels(lambda _: kokoro_engine, "kokoro"), NO_CACHE))) as client:
        sound = client.audio.speech.create(model="kokoro", voice="af_heart", input=text, response_format="mp3").content
    assert wer(text, hear(decoded(sound, "mp3"))) < 0.1


@pytest.mark.engine
def test_hanging_up_frees_the_real_engine_in_the_middle_of_a_chunk(kokoro_engine: "KokoroEngine", serve: "Serve") -> None:
    with connect(serve(kokoro_app(LoadedModels(lambda _: kokoro_engine, "kokoro"), NO_CACHE))) as client:
        speech = client.audio.speech.with_streaming_response
        for _ in range(3):
            with speech.create(model="kokoro", voice="af_sky", input="A long story. " * 500, response_format="pcm") as answer:
                next(answer.iter_bytes())
        last = client.audio.speech.create(model="kokoro", voice="af_sky", input="Hi.", response_format="pcm")
    assert Frame(last.content, RATE).seconds > 0.2
