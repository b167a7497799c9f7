"""In which format sound travels: agreed on with real servers, here and on an address outside."""

import sys
import threading
from array import array
from collections.abc import AsyncIterator
from typing import ClassVar

import httpx2
import pytest

from tests.support.endpoints import (
    Behaviour,
    FakeEndpoint,
    Reply,
    Request,
    answers,
    endpoint,
    outside_address,
    routes,
    transcribes,
)
from voicemode.audio.codec import CONTENT_TYPES, decode_stream, open_encoder, wav_bytes
from voicemode.audio.frames import Frame
from voicemode.config import Settings
from voicemode.errors import ProviderError, RefusedFormatError, UnsuitableError
from voicemode.http_client.client import open_http
from voicemode.speech.base import Kind, Voice
from voicemode.speech.openai.address import Endpoint
from voicemode.speech.openai.client import SpeechClient
from voicemode.speech.openai.formats import PCM_RATE, candidates, sound_type
from voicemode.speech.openai.upload import recording

pytestmark = pytest.mark.anyio

AUTO = Settings()
SOUND = Frame(array("h", range(-12_000, 12_000)).tobytes(), 24_000)
SECOND = Frame(bytes(32_000), 16_000)


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with open_http() as http:
        yield http


def client(server: FakeEndpoint, http: httpx2.AsyncClient, settings: Settings = AUTO) -> SpeechClient:
    return SpeechClient(Endpoint(server.url), http, settings)


async def seconds_heard(speech: SpeechClient) -> float:
    return sum([frame.seconds async for frame in speech.synthesize("Hello.", Voice())])


def encoded(audio_format: str) -> bytes:
    encoder = open_encoder(audio_format, SOUND.rate)
    return encoder.encode(SOUND) + encoder.finish()


def voice(*, knows: tuple[str, ...], says: str = "", refusal: str = "Unsupported response_format") -> Behaviour:
    """Speaks in the format asked for if it `knows` it; in `says` whatever is asked for, if that is given."""

    async def behave(request: Request, reply: Reply) -> None:
        wanted = says or request.json["response_format"]
        if wanted in knows:
            await reply.send(200, encoded(wanted), {"Content-Type": CONTENT_TYPES[wanted]})
        else:
            await reply.send(400, refusal.encode(), {"Content-Type": "text/plain"})

    return routes({"/v1/audio/speech": behave})


def ears(*, knows: tuple[str, ...], status: int = 415) -> Behaviour:
    async def behave(request: Request, reply: Reply) -> None:
        magic = {b"fLaC": "flac", b"RIFF": "wav", b"OggS": "opus"}[request.form["file"][:4]]
        text = transcribes("hello") if magic in knows else answers(status, "This file could not be decoded.")
        await text(request, reply)

    return routes({"/v1/audio/transcriptions": behave})


def asked(server: FakeEndpoint) -> list[str]:
    return [request.json["response_format"] for request in server.requests if request.path == "/v1/audio/speech"]


@pytest.mark.parametrize(
    ("kind", "setting", "local", "codecs", "first"),
    [
        ("tts", "auto", True, True, ["pcm", "wav", "flac"]),
        ("tts", "auto", False, True, ["opus", "mp3", "aac"]),
        ("tts", "auto", False, False, ["pcm", "wav"]),
        ("tts", "mp3", False, True, ["mp3", "opus", "aac"]),
        ("tts", "mp3", True, False, ["mp3", "pcm", "wav"]),
        ("stt", "auto", True, True, ["wav", "flac"]),
        ("stt", "auto", False, True, ["flac", "wav"]),
        ("stt", "auto", False, False, ["wav"]),
        ("stt", "opus", True, True, ["opus", "wav"]),
    ],
)
def test_the_best_format_depends_on_the_way_and_on_what_can_be_read_here(
    kind: Kind, setting: str, local: bool, codecs: bool, first: list[str]
) -> None:
    names = candidates(kind, setting, local=local, codecs=codecs)
    assert list(names[: len(first)]) == first
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("content_type", "sound"),
    [
        ("audio/mpeg", ("mp3", PCM_RATE)),
        ("Audio/X-WAV; charset=binary", ("wav", PCM_RATE)),
        ("audio/l16;rate=16000;channels=1", ("pcm", 16_000)),
        ("audio/pcm;rate=0", ("pcm", PCM_RATE)),
        ("application/octet-stream", ("", PCM_RATE)),
        ("", ("", PCM_RATE)),
    ],
)
def test_a_content_type_says_format_and_rate(content_type: str, sound: tuple[str, int]) -> None:
    assert sound_type(content_type) == sound


async def test_on_this_machine_sound_is_not_compressed(http: httpx2.AsyncClient) -> None:
    async with endpoint(voice(knows=("pcm", "opus"))) as server:
        speech = client(server, http)
        assert await seconds_heard(speech) == 1.0
        assert asked(server) == ["pcm"]
        assert speech.format == "wav/pcm"
        assert SpeechClient(Endpoint(server.url), http, AUTO, "stt").format == "wav"
        assert SpeechClient(Endpoint(server.url), http, AUTO, "tts").format == "pcm"


async def test_over_a_network_sound_is_compressed(http: httpx2.AsyncClient) -> None:
    pytest.importorskip("av")
    async with endpoint(voice(knows=("opus", "pcm")), host=outside_address()) as server:
        assert await seconds_heard(client(server, http)) == pytest.approx(1.0, abs=0.1)
        assert asked(server) == ["opus"]


@pytest.mark.parametrize("refusal", ["Unsupported response_format", "'opus' is not a known codec"])
async def test_what_an_endpoint_refuses_is_not_asked_for_again(http: httpx2.AsyncClient, refusal: str) -> None:
    pytest.importorskip("av")
    async with endpoint(voice(knows=("aac", "wav"), refusal=refusal), host=outside_address()) as server:
        speech = client(server, http)
        assert await seconds_heard(speech) == pytest.approx(1.0, abs=0.1)
        await seconds_heard(speech)
        assert asked(server) == ["opus", "mp3", "aac", "aac"]
        assert speech.format.endswith("/aac")


async def test_what_an_endpoint_answers_in_is_what_it_is_asked_for_from_then_on(http: httpx2.AsyncClient) -> None:
    async with endpoint(voice(knows=("wav",), says="wav")) as server:
        speech = client(server, http)
        assert await seconds_heard(speech) == 1.0
        assert await seconds_heard(speech) == 1.0
        assert asked(server) == ["pcm", "wav"]


async def test_an_endpoint_that_refuses_every_format_is_left_with_its_first_word(http: httpx2.AsyncClient) -> None:
    async with endpoint(voice(knows=())) as server:
        speech = client(server, http)
        before = speech.format
        with pytest.raises(RefusedFormatError, match=r"\(400\): Unsupported response_format"):
            await seconds_heard(speech)
        assert speech.format == before


async def test_a_refusal_of_something_else_is_not_about_the_format(http: httpx2.AsyncClient) -> None:
    async with endpoint(voice(knows=(), refusal="There is no such voice.")) as server:
        with pytest.raises(UnsuitableError, match="no such voice"):
            await seconds_heard(client(server, http))
        assert asked(server) == ["pcm"]


async def test_the_format_in_the_settings_is_tried_first(http: httpx2.AsyncClient) -> None:
    async with endpoint(voice(knows=("wav",))) as server:
        assert await seconds_heard(client(server, http, Settings(tts_audio_format="flac"))) == 1.0
        assert asked(server)[0] == "flac"
        assert asked(server)[-1] == "wav"


async def test_a_format_that_cannot_be_read_here_is_answered_with_another_wish(
    http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mp3 = encoded("mp3")

    async def prefers_mp3(request: Request, reply: Reply) -> None:
        is_wav = request.json["response_format"] == "wav"
        kind = "audio/wav" if is_wav else "audio/mpeg"
        await reply.send(200, wav_bytes(SOUND) if is_wav else mp3, {"Content-Type": kind})

    monkeypatch.setitem(sys.modules, "av", None)
    async with endpoint(routes({"/v1/audio/speech": prefers_mp3})) as server:
        assert await seconds_heard(client(server, http)) == 1.0
        assert asked(server) == ["pcm", "wav"]
    async with endpoint(routes({"/v1/audio/speech": answers(200, mp3, content_type="audio/mpeg")})) as server:
        with pytest.raises(ProviderError, match=r"answered in mp3.*Install it: .*\[codecs\]'"):
            await seconds_heard(client(server, http))


async def test_recordings_go_over_a_network_without_loss_and_small(http: httpx2.AsyncClient) -> None:
    pytest.importorskip("av")
    async with endpoint(ears(knows=("flac",)), host=outside_address()) as server:
        await client(server, http).transcribe(SOUND)
        form = server.requests[-1].form["file"]
    assert form[:4] == b"fLaC"
    frames = [frame async for frame in decode_stream(pieces(form), "flac")]
    assert b"".join(frame.pcm for frame in frames) == SOUND.pcm


@pytest.mark.parametrize("status", [400, 415, 422])
async def test_recordings_are_sent_as_the_endpoint_takes_them(http: httpx2.AsyncClient, status: int) -> None:
    pytest.importorskip("av")
    async with endpoint(ears(knows=("wav",), status=status), host=outside_address()) as server:
        speech = client(server, http)
        await speech.transcribe(SECOND)
        await speech.transcribe(SECOND)
        sent = [request.form["file"][:4] for request in server.requests if request.path != "/v1/models"]
    assert sent == [b"fLaC", b"RIFF", b"RIFF"]


@pytest.mark.parametrize(("audio_format", "name"), [("wav", "speech.wav"), ("opus", "speech.ogg"), ("mp3", "speech.mp3")])
async def test_a_recording_has_the_name_and_type_of_its_format(audio_format: str, name: str) -> None:
    pytest.importorskip("av")
    assert (await recording(SECOND, audio_format))[::2] == (name, CONTENT_TYPES[audio_format])


async def test_the_event_loop_does_not_encode() -> None:
    pytest.importorskip("av")
    watched = Watched(SECOND.pcm, SECOND.rate)
    await recording(watched, "flac")
    assert watched.readers
    assert threading.get_ident() not in watched.readers


class Watched(Frame):
    """Notes in which thread its sound is read."""

    readers: ClassVar[set[int]] = set()

    def __getattribute__(self, name: str) -> object:
        if name == "pcm":
            self.readers.add(threading.get_ident())
        return super().__getattribute__(name)


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data
