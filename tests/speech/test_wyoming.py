"""Speech to text over Wyoming: two real servers in processes of their own, and one that misbehaves."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.support.fakes import tone
from tests.support.frames import rechunk
from tests.support.paths import RECORDINGS, SUPPORT
from tests.support.people import sentences
from tests.support.wer import wer
from voicemode.audio.codec import read_wav
from voicemode.audio.frames import Frame, Frames, closing, stream
from voicemode.config import Settings
from voicemode.errors import AudioDeviceError, ProviderError, UnreachableError, UnsuitableError
from voicemode.providers.plugins import Plugins
from voicemode.speech.base import Transcript
from voicemode.speech.wyoming import PROVIDER, Wyoming, WyomingProgram, discover, iso_639_1, understand

pytestmark = pytest.mark.anyio

QUICK = Settings(
    connect_timeout_local=1, first_byte_timeout=0.2, idle_timeout=0.2, answer_timeout=1, voices=(), stt_prompt="", language="en"
)
PATIENT = Settings(first_byte_timeout=60)
CLIP, SAID = next((path, said) for path, said in sentences() if 3 < read_wav(path).seconds < 8)
START_SECONDS = 60


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def serving(port: int, *command: str) -> Iterator[str]:
    """The URL of a Wyoming server that is a process of its own."""
    environ = os.environ | {"HF_HUB_OFFLINE": "1"}
    with subprocess.Popen([sys.executable, *command], env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            yield f"wyoming://127.0.0.1:{port}"
        finally:
            process.kill()


async def ready(url: str) -> Wyoming:
    """The server, once it answers: it listens when its weights are loaded."""
    ears = Wyoming(PATIENT, url)
    async with asyncio.timeout(START_SECONDS):
        while True:
            with suppress(UnreachableError):
                await ears.check()
                return ears
            await asyncio.sleep(0.1)


async def spoken(path: Path, wait: Callable[[float], Awaitable[object]]) -> Frames:
    """A recording as a microphone gives it, but as fast as `wait` (told the seconds so far) lets it."""
    seconds = 0.0
    async for frame in rechunk(stream(read_wav(path)), 0.1):
        await wait(seconds)
        yield frame
        seconds += frame.seconds


async def at_once(_seconds: float) -> None: ...


@pytest.mark.engine
async def test_a_server_that_people_install_understands_a_person(weights: Callable[[str], Path], tmp_path: Path) -> None:
    port = free_port()
    server = ("-m", "wyoming_faster_whisper", "--uri", f"tcp://127.0.0.1:{port}", "--model", str(weights("whisper-tiny.en")))
    options = ("--stt-library", "faster-whisper", "--language", "en", "--data-dir", str(tmp_path), "--local-files-only")
    with serving(port, *server, *options) as url:
        ears = await ready(url)
        assert "transcribes when you have finished" in await ears.check()
        assert "en" in (ears.offer.languages or ())
        async with closing(ears.transcripts(spoken(CLIP, at_once))) as transcripts:
            heard = [transcript async for transcript in transcripts]
        assert [transcript.final for transcript in heard] == [True]
        assert wer(SAID, heard[0].text) < 0.2
        assert (await ears.transcribe(read_wav(CLIP))).text == heard[0].text


@pytest.mark.engine
async def test_words_come_while_the_person_still_speaks(weights: Callable[[str], Path]) -> None:
    port = free_port()
    understood = asyncio.Event()

    async def until_something_is_understood(seconds: float) -> None:
        if seconds > 2.5:
            async with asyncio.timeout(START_SECONDS):
                await understood.wait()

    with serving(port, str(SUPPORT / "wyoming_server.py"), str(weights("whisper-tiny.en")), str(port)) as url:
        ears = await ready(url)
        assert ears.offer.models == ("tiny.en",)
        heard = []
        async with closing(ears.transcripts(spoken(CLIP, until_something_is_understood))) as transcripts:
            async for transcript in transcripts:
                heard.append(transcript)
                understood.set()
    *partial, last = heard
    assert partial
    assert not any(transcript.final for transcript in partial)
    assert last.final
    assert last.language == "en"
    assert wer(SAID, last.text) < 0.2
    lengths = [len(transcript.text.split()) for transcript in partial]
    assert lengths == sorted(set(lengths))


@dataclass(slots=True)
class Peer:
    """A server that does what a test tells it."""

    url: str = ""
    heard: list[dict[str, object]] = field(default_factory=list)
    """Events it was sent, without sound."""
    sound: bytes = b""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """The client has closed its connection."""


Behaviour = Callable[[Peer, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(behaviour: Behaviour) -> AsyncIterator[Peer]:
    server_peer = Peer()
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if task := asyncio.current_task():
            connections.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await behaviour(server_peer, reader, writer)
                await writer.drain()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    server_peer.url = f"wyoming://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield server_peer
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def take(server: Peer, reader: asyncio.StreamReader) -> str:
    """The kind of the next event; empty if the client has left."""
    with suppress(ConnectionError):
        if line := await reader.readline():
            event = json.loads(line)
            data = await reader.readexactly(event.get("data_length", 0))
            server.sound += await reader.readexactly(event.get("payload_length", 0))
            server.heard.append({"type": event["type"], **json.loads(data or b"{}")})
            return str(event["type"])
    server.left.set()
    return ""


def event(kind: str, **data: object) -> bytes:
    return json.dumps({"type": kind, "data": data}).encode() + b"\n"


def answers(*events: bytes) -> Behaviour:
    """Hears all of the audio, then says this."""

    async def behave(server: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await take(server, reader) not in {"audio-stop", "describe", ""}:
            pass
        writer.writelines(events)

    return behave


def says_at_once(*events: bytes) -> Behaviour:
    """Says this without having heard anything, and stays."""

    async def behave(server: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.writelines(events)
        while await take(server, reader):
            pass

    return behave


async def hangs(server: Peer, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    while await take(server, reader):
        pass


async def is_deaf(_server: Peer, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def test_what_was_said_is_sent_as_it_was(tmp_path: Path) -> None:
    audio = tone(1.3)
    async with peer(answers(event("transcript", text=" yes ", language="en_GB"))) as server:
        heard = await Wyoming(PATIENT, server.url).transcribe(audio, prompt="kubectl, nginx", language="en")
    assert heard == Transcript("yes", "en")
    assert server.sound == audio.pcm
    assert [one["type"] for one in server.heard] == ["transcribe", "audio-start", *["audio-chunk"] * 3, "audio-stop"]
    assert server.heard[0] == {"type": "transcribe", "language": "en", "transcript_terms": ["kubectl", "nginx"]}
    assert (server.heard[1]["rate"], server.heard[1]["width"], server.heard[1]["channels"]) == (16_000, 2, 1)


async def test_an_empty_transcript_is_an_answer() -> None:
    async with peer(answers(event("transcript", text=""))) as server:
        assert await Wyoming(PATIENT, server.url).transcribe(tone(0.1)) == Transcript("")


async def test_pieces_of_a_transcript_add_up() -> None:
    pieces = event("transcript-start"), event("transcript-chunk", text=" I will"), event("transcript-chunk", text=" not.")
    async with peer(answers(*pieces, event("transcript", text="I will not."), event("transcript-stop"))) as server:
        heard = [one async for one in Wyoming(PATIENT, server.url).transcripts(stream(tone(0.1)))]
    assert [(one.text, one.final) for one in heard] == [("I will", False), ("I will not.", False), ("I will not.", True)]


DEEP = b'{"type": ' + b"[" * 200_000 + b"\n"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (hangs, "did not answer in time"),
        (answers(event("transcript-start")), "hung up"),
        (answers(), "hung up"),
        (answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak Wyoming"),
        (answers(b"[]\n"), "does not speak Wyoming"),
        (answers(b'{"type": "transcript", "data": 7}\n'), "does not speak Wyoming"),
        (answers(b'{"no": "type"}\n'), "does not speak Wyoming"),
        (answers(b'{"type": "transcript", "payload_length": 99999999999}\n'), "does not speak Wyoming"),
        (answers(b'{"type": "transcript", "payload_length": "much"}\n'), "does not speak Wyoming"),
        (answers(b"x" * 3_000_000), "does not speak Wyoming"),
        (answers(DEEP), "does not speak Wyoming"),
        (answers(event("error", text="out of\nmemory")), "failed: out of memory"),
    ],
)
async def test_every_failure_is_one_of_the_provider(behaviour: Behaviour, reason: str) -> None:
    async with peer(behaviour) as server:
        with pytest.raises(ProviderError, match=reason) as caught:
            await asyncio.wait_for(Wyoming(QUICK, server.url).transcribe(tone(0.1)), 5)
        assert server.url in str(caught.value)


async def test_a_server_that_goes_on_for_ever_is_left_in_the_end() -> None:
    async def drips(server: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answers()(server, reader, writer)
        while not reader.at_eof():
            writer.write(event("transcript-chunk", text="."))
            await writer.drain()
            await asyncio.sleep(0.05)

    async with peer(drips) as server:
        with pytest.raises(ProviderError, match="did not answer in time"):
            await asyncio.wait_for(Wyoming(QUICK, server.url).transcribe(tone(0.1)), 5)


async def test_a_server_that_takes_no_audio_is_left() -> None:
    async with peer(is_deaf) as server:
        with pytest.raises(ProviderError, match="did not answer in time"):
            await asyncio.wait_for(Wyoming(QUICK, server.url).transcribe(tone(400)), 10)


async def test_a_server_that_hangs_up_on_the_speaker_may_say_why() -> None:
    async def refuses(_server: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(event("error", text="busy"))

    async with peer(refuses) as server:
        with pytest.raises(ProviderError, match=r"busy|broke off"):
            await Wyoming(QUICK, server.url).transcribe(tone(100))


async def test_nobody_there_is_said_so() -> None:
    with pytest.raises(UnreachableError):
        await Wyoming(QUICK, f"wyoming://127.0.0.1:{free_port()}").transcribe(tone(0.1))


async def test_a_microphone_that_fails_is_not_the_servers_fault() -> None:
    async def unplugged() -> Frames:
        yield tone(0.1)
        raise AudioDeviceError("The microphone went away.")

    async with peer(hangs) as server:
        with pytest.raises(AudioDeviceError):
            await anext(aiter(Wyoming(QUICK, server.url).transcripts(unplugged())))
        await asyncio.wait_for(server.left.wait(), 5)


async def test_the_limits_of_time_begin_when_the_person_has_finished() -> None:
    async def slowly(_seconds: float) -> None:
        await asyncio.sleep(0.02)

    hasty = replace(QUICK, first_byte_timeout=0.1, answer_timeout=1)
    async with peer(answers(event("transcript", text="done"))) as server:
        transcripts = Wyoming(hasty, server.url).transcripts(spoken(RECORDINGS / CLIP.name, slowly))
        assert [one.text async for one in transcripts] == ["done"]


@pytest.mark.parametrize("behaviour", [hangs, says_at_once(event("transcript-chunk", text="I")), says_at_once(event("info"))])
async def test_who_is_cancelled_leaves_no_connection_and_no_task(behaviour: Behaviour) -> None:
    before = asyncio.all_tasks()

    async def endless() -> Frames:
        while True:
            yield tone(0.1)
            await asyncio.sleep(0.01)

    async with peer(behaviour) as server:

        async def listen() -> None:
            async with closing(Wyoming(PATIENT, server.url).transcripts(endless())) as transcripts:
                async for _ in transcripts:
                    pass

        listening = asyncio.create_task(listen())
        while not server.sound:
            await asyncio.sleep(0.01)
        listening.cancel()
        await asyncio.wait([listening])
        await asyncio.wait_for(server.left.wait(), 5)
    assert asyncio.all_tasks() == before


async def test_who_stops_listening_in_the_middle_leaves_no_connection() -> None:
    async with peer(says_at_once(event("transcript-chunk", text="I"))) as server:
        async with closing(Wyoming(PATIENT, server.url).transcripts(stream(tone(1)))) as transcripts:
            assert (await anext(transcripts)).text == "I"
        await asyncio.wait_for(server.left.wait(), 5)


INFO = {
    "asr": [
        {
            "models": [
                {"name": "base", "languages": ["en", "de_DE", "yue", "x" * 9, 5], "installed": True},
                {"name": "huge", "languages": ["fr"], "installed": False},
            ],
            "supports_transcript_streaming": True,
        }
    ]
}


def test_what_a_server_offers_is_what_it_has_installed() -> None:
    assert understand(INFO) == WyomingProgram(("base",), ("en", "de", "yue"), streams=True)


@pytest.mark.parametrize(
    "info", [{"asr": [{}]}, {"asr": [{"models": 7}]}, {"asr": [{"models": [{"name": 1, "languages": 2}]}]}]
)
def test_a_server_that_says_little_may_have_anything(info: dict[str, object]) -> None:
    assert understand(info) == WyomingProgram()


@pytest.mark.parametrize("info", [{}, {"asr": []}, {"asr": "no"}, {"tts": [{}]}])
def test_a_server_that_does_not_understand_speech_is_none(info: dict[str, object]) -> None:
    with pytest.raises(UnsuitableError):
        understand(info)


@pytest.mark.parametrize(
    ("code", "language"), [("en", "en"), ("EN-gb", "en"), ("", ""), (None, ""), ("english", ""), ("é1", "")]
)
def test_languages_are_codes(code: object, language: str) -> None:
    assert iso_639_1(code) == language


async def test_what_it_has_is_asked_once() -> None:
    async with peer(answers(event("info", **INFO))) as server:
        ears = Wyoming(PATIENT, server.url)
        await ears.learn()
        await ears.learn()
    assert ears.offer.models == ("base",)
    assert [one["type"] for one in server.heard] == ["describe"]


async def test_a_server_on_this_machine_is_found_if_it_understands_speech() -> None:
    async with peer(answers(event("info", **INFO))) as server:
        assert await discover(PATIENT, int(server.url.rpartition(":")[2]), 10) == (server.url,)
    async with peer(answers(event("info", tts=[{}]))) as server:
        assert await discover(PATIENT, int(server.url.rpartition(":")[2])) == ()
    async with peer(hangs) as server:
        assert await asyncio.wait_for(discover(PATIENT, int(server.url.rpartition(":")[2])), 5) == ()
    assert await discover(PATIENT, free_port()) == ()


async def test_the_installed_package_names_it_as_a_provider(tmp_path: Path) -> None:
    async with peer(answers(event("transcript", text="yes"))) as server:
        ears = Plugins(tmp_path).transcriber(server.url, PATIENT)
        assert ears.streams
        assert (await ears.transcribe(Frame(bytes(3200), 16_000))).text == "yes"
    assert PROVIDER.name == "wyoming"
