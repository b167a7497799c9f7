"""The transcription server as the official `openai` client sees it, over a real socket.

With real weights and a person's voice; where only the HTTP side matters, the engine is a fake that says what it was told.
"""

import asyncio
import io
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import httpx2
import openai
import psutil
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.support.engines import Whisper, recording
from tests.support.people import sentences
from tests.support.wer import wer
from voicemode.audio.codec import decode_file
from voicemode.audio.frames import Frame, join
from voicemode.audio.wav import wav_bytes
from voicemode.engines.server.loaded_models import LoadedModels
from voicemode.engines.server.queue import WAITING
from voicemode.engines.whisper.api import whisper_app
from voicemode.engines.whisper.languages import LANGUAGES, language_code
from voicemode.engines.whisper.split import LONGEST_SECONDS, stretches
from voicemode.engines.whisper.transcript import Options, Segment, TimedWord
from voicemode.errors import WeightsError
from voicemode.http_server.listening import listen

if TYPE_CHECKING:
    from tests.support.engines_kokoro import Serve

PATIENCE = 60
RATE = 16_000

CONTAINERS = {
    "wav": ("wav", "pcm_s16le"),
    "mp3": ("mp3", "libmp3lame"),
    "opus": ("ogg", "libopus"),
    "flac": ("flac", "flac"),
    "m4a": ("mp4", "aac"),
    "webm": ("webm", "libopus"),
}


def encoded(audio: Frame, name: str) -> bytes:
    """`audio` as PyAV, which knows nothing of ours, writes it."""
    container, codec = CONTAINERS[name]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=48_000 if codec == "libopus" else audio.rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        part = av.AudioFrame(format="s16", layout="mono", samples=len(audio.pcm) // 2)
        part.planes[0].update(audio.pcm)
        part.sample_rate = audio.rate
        out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return file.getvalue()


def connect(url: str) -> OpenAI:
    return OpenAI(base_url=url, api_key="none", max_retries=0, timeout=PATIENCE)


@pytest.fixture(params=["tiny.en", "base"])
def client(request: pytest.FixtureRequest, whisper: Whisper, serve: "Serve") -> Iterator[OpenAI]:
    """A client of a server with the real engine."""
    engine = whisper(request.param)
    with connect(serve(whisper_app(LoadedModels(lambda _: engine, request.param)))) as client:
        yield client


@pytest.fixture(scope="session")
def clip() -> tuple[bytes, str]:
    """A file with a person's sentence, and what it is."""
    path, said = sentences()[0]
    return path.read_bytes(), said


Clip = tuple[bytes, str]


@pytest.mark.engine
@pytest.mark.parametrize("name", CONTAINERS)
def test_audio_of_every_format_is_understood(client: OpenAI, name: str) -> None:
    path, said = sentences()[0]
    answer = client.audio.transcriptions.create(model="whisper-1", file=(f"a.{name}", encoded(recording(path), name)))
    assert wer(said, answer.text) < 0.1


@pytest.mark.engine
def test_a_transcript_comes_in_every_format(client: OpenAI, clip: Clip) -> None:
    sound, said = clip
    create: Any = client.audio.transcriptions.create
    answers = {
        name: create(model="whisper-1", file=("a.wav", sound), response_format=name, language="en")
        for name in ("text", "srt", "vtt", "json")
    }
    assert wer(said, answers["json"].text) < 0.1
    assert answers["json"].usage.seconds >= 7
    assert answers["text"] == answers["json"].text + "\n"
    assert answers["srt"].startswith("1\n00:00:0")
    assert answers["vtt"].startswith("WEBVTT\n\n00:00:0")
    lines = [line for line in answers["srt"].splitlines() if line and "-->" not in line and not line.isdigit()]
    assert " ".join(lines) == answers["json"].text


@pytest.mark.engine
def test_a_verbose_transcript_has_segments_and_words_with_their_times(client: OpenAI, clip: Clip) -> None:
    sound, said = clip
    answer = client.audio.transcriptions.create(
        model="whisper-1",
        file=("a.wav", sound),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert answer.language == "english"
    assert answer.duration == pytest.approx(recording(sentences()[0][0]).seconds, abs=0.02)
    assert answer.segments
    assert answer.words
    assert "".join(segment.text for segment in answer.segments).strip() == answer.text
    assert [segment.id for segment in answer.segments] == list(range(len(answer.segments)))
    assert all(0 <= word.start <= word.end <= answer.duration + 0.1 for word in answer.words)
    assert wer(said, " ".join(word.word for word in answer.words)) < 0.1
    assert all(segment.tokens and segment.avg_logprob < 0 for segment in answer.segments)


@pytest.mark.engine
def test_only_words_are_given_where_only_words_are_asked(client: OpenAI, clip: Clip) -> None:
    answer = client.audio.transcriptions.create(
        model="whisper-1", file=("a.wav", clip[0]), response_format="verbose_json", timestamp_granularities=["word"]
    )
    assert answer.words
    assert answer.segments is None


@pytest.mark.engine
def test_a_silent_recording_is_an_empty_transcript(client: OpenAI) -> None:
    silent = wav_bytes(Frame(bytes(3 * RATE * 2), RATE))
    assert client.audio.transcriptions.create(model="whisper-1", file=("a.wav", silent)).text == ""
    answer = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", silent), response_format="verbose_json")
    assert (answer.text, answer.segments, answer.duration) == ("", [], 3.0)


@pytest.mark.engine
def test_a_transcript_is_streamed_as_it_grows(client: OpenAI) -> None:
    long = join([recording(path) for path, _ in sentences()] * 2, RATE)
    events = list(
        client.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav_bytes(long)), stream=True, language="en")
    )
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    assert len(deltas) >= 2
    assert events[-1].type == "transcript.text.done"
    assert events[-1].text == "".join(deltas).strip()
    assert wer(" ".join(said for _, said in sentences() * 2), events[-1].text) < 0.15


@pytest.mark.engine
def test_multilingual_weights_translate_into_english_and_english_ones_say_they_cannot(
    whisper: Whisper, serve: "Serve", clip: Clip
) -> None:
    with connect(serve(whisper_app(LoadedModels(whisper, "base")))) as client:
        with pytest.deprecated_call():  # OpenAI's word for an API of whose kind it has no newer one
            answer = client.audio.translations.create(model="whisper-1", file=("a.wav", clip[0]))
        assert wer(clip[1], answer.text) < 0.2
    with connect(serve(whisper_app(LoadedModels(whisper, "tiny.en")))) as client:
        with pytest.deprecated_call(), pytest.raises(openai.BadRequestError, match=r"tiny\.en knows English only") as caught:
            client.audio.translations.create(model="whisper-1", file=("a.wav", clip[0]))
        assert caught.value.param == "model"


class Scribe:
    """An engine without a model: says how long the recording was; asked in Welsh it writes until it is told to stop.

    Prompted with `long` it gives way until it is finished.
    """

    def __init__(self) -> None:
        self.asked: list[Options] = []
        self.begun = threading.Semaphore(0)
        self.stopped = threading.Event()
        self.finished = threading.Event()

    def transcribe(
        self, frames: Iterable[Frame], options: Options, cancelled: threading.Event, give_way: Callable[[], None]
    ) -> Iterator[Segment]:
        self.asked.append(options)
        seconds = sum(frame.seconds for frame in frames)
        self.begun.release()
        yield segment(f" {seconds:.1f} seconds", seconds)
        if options.language == "cy":
            cancelled.wait(PATIENCE)
            self.stopped.set()
        if options.prompt == "long":
            try:
                while not self.finished.wait(0.001):
                    give_way()
            finally:
                self.stopped.set()
        if options.prompt == "fail":
            raise WeightsError("The weights have turned to dust.")


def segment(text: str, seconds: float) -> Segment:
    return Segment(
        start_seconds=0.0,
        end_seconds=seconds,
        text=text,
        tokens=(1,),
        language="en",
        temperature=0.0,
        avg_logprob=-0.1,
        compression_ratio=1.0,
        no_speech_prob=0.0,
        words=(TimedWord(text, 0.0, seconds, (1,)),),
    )


@pytest.fixture
def scribe() -> Scribe:
    return Scribe()


@pytest.fixture
def scribe_url(scribe: Scribe, serve: "Serve") -> str:
    return serve(whisper_app(LoadedModels(lambda _: scribe, "base")))


@pytest.fixture
def scribe_client(scribe_url: str) -> Iterator[OpenAI]:
    with connect(scribe_url) as client:
        yield client


SECOND = ("a.wav", wav_bytes(Frame(bytes(RATE * 2), RATE)))


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"response_format": "xml"}, "response_format"),
        ({"response_format": "diarized_json"}, "response_format"),
        ({"language": "klingon"}, "language"),
        ({"temperature": 1.5}, "temperature"),
        ({"temperature": "nan"}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities"),
        ({"timestamp_granularities": ["letter"], "response_format": "verbose_json"}, "timestamp_granularities"),
        ({"stream": True, "response_format": "srt"}, "stream"),
        ({"file": ("a.wav", b"")}, "file"),
        ({"file": ("a.mp3", b"<html>not audio at all</html>" * 100)}, "file"),
    ],
)
def test_what_is_wrong_with_a_request_is_said_by_field(scribe_client: OpenAI, wrong: dict[str, Any], param: str) -> None:
    create: Any = scribe_client.audio.transcriptions.create
    with pytest.raises(openai.BadRequestError) as caught:
        create(**{"model": "whisper-1", "file": SECOND, **wrong})
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"


def test_a_request_without_a_recording_says_so(scribe_url: str) -> None:
    for form in ({"data": {"model": "whisper-1"}}, {"data": {"file": "text"}}, {"json": {"file": "text"}}):
        answer = httpx2.post(f"{scribe_url}/audio/transcriptions", **form)  # type: ignore[arg-type]
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == "file"


def test_a_body_that_is_no_form_is_refused(scribe_url: str) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = httpx2.post(f"{scribe_url}/audio/transcriptions", content=b"rubbish", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_names_that_clients_have_in_their_settings_are_taken_and_others_are_not(scribe_client: OpenAI) -> None:
    assert [model.id for model in scribe_client.models.list()] == ["whisper-1", "base"]
    for name in ("whisper-1", "base", "tiny.en"):
        assert scribe_client.audio.transcriptions.create(model=name, file=SECOND).text == "1.0 seconds"
    with pytest.raises(openai.NotFoundError, match="whisper-1") as caught:
        scribe_client.audio.transcriptions.create(model="gpt-5", file=SECOND)
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize(
    ("asked", "model"),
    [
        ("whisper-1", "base"),
        ("gpt-4o-mini-transcribe-2025-12-15", "base"),
        ("base", "base"),
        ("small", "small"),
        ("whisper-small", "small"),
        ("Systran/faster-whisper-large-v3", "large-v3"),
    ],
)
def test_the_model_that_is_asked_for_transcribes(serve: "Serve", asked: str, model: str) -> None:
    engines: dict[str, Scribe] = {}

    def load(name: str) -> Scribe:
        engines[name] = Scribe()
        return engines[name]

    with connect(serve(whisper_app(LoadedModels(load, "base")))) as client:
        client.audio.transcriptions.create(model=asked, file=SECOND)
    assert [name for name, engine in engines.items() if engine.asked] == [model]


def test_models_that_are_installed_are_listed(serve: "Serve", scribe: Scribe) -> None:
    with connect(serve(whisper_app(LoadedModels(lambda _: scribe, "base"), lambda: ["tiny.en", "base"]))) as client:
        assert [model.id for model in client.models.list()] == ["whisper-1", "base", "tiny.en"]
        assert client.models.retrieve("tiny.en").id == "tiny.en"


def test_english_weights_are_asked_for_english_only(serve: "Serve", scribe: Scribe) -> None:
    with connect(serve(whisper_app(LoadedModels(lambda _: scribe, "base")))) as client:
        with pytest.raises(openai.BadRequestError, match=r"small\.en knows English only, not 'de'"):
            client.audio.transcriptions.create(model="small.en", file=SECOND, language="de")
        assert client.audio.transcriptions.create(model="small", file=SECOND, language="de").text


def test_what_is_asked_reaches_the_engine(scribe_client: OpenAI, scribe: Scribe) -> None:
    scribe_client.audio.transcriptions.create(
        model="base", file=SECOND, language="de-AT", prompt="Ottakring", temperature=0.4, response_format="srt"
    )
    assert scribe.asked == [Options(language="de", prompt="Ottakring", temperature=0.4, timed=True)]


def test_a_failure_in_the_middle_of_a_stream_is_the_last_event(scribe_client: OpenAI) -> None:
    stream = scribe_client.audio.transcriptions.create(model="base", file=SECOND, stream=True, prompt="fail")
    with pytest.raises(openai.APIError, match="turned to dust"):
        list(stream)


def test_weights_that_cannot_be_had_are_a_server_error_with_the_reason(serve: "Serve") -> None:
    def load(_name: str) -> Scribe:
        raise WeightsError("No source has them.", hint="Install voicemode[weights].")

    with connect(serve(whisper_app(LoadedModels(load, "base")))) as client:
        with pytest.raises(openai.InternalServerError, match=r"No source has them\. Install") as caught:
            client.audio.transcriptions.create(model="base", file=SECOND)
        assert caught.value.status_code == 503


def begun(scribe: Scribe) -> None:
    assert scribe.begun.acquire(timeout=PATIENCE)


@pytest.mark.anyio
@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_hangs_up_frees_the_engine(scribe_url: str, scribe: Scribe, stream: bool) -> None:
    async with AsyncOpenAI(base_url=scribe_url, api_key="none", max_retries=0, timeout=PATIENCE) as client:
        create: Any = client.audio.transcriptions.create
        request = asyncio.create_task(consumed(create(model="base", file=SECOND, language="cy", stream=stream)))
        await asyncio.to_thread(begun, scribe)
        request.cancel()
        assert await asyncio.to_thread(scribe.stopped.wait, PATIENCE)
        assert (await client.audio.transcriptions.create(model="base", file=SECOND)).text == "1.0 seconds"


@pytest.mark.anyio
@pytest.mark.parametrize("end", ["goes on", "is given up"])
async def test_a_long_file_gives_way_to_whoever_comes(scribe_url: str, scribe: Scribe, end: str) -> None:
    async with AsyncOpenAI(base_url=scribe_url, api_key="none", max_retries=0, timeout=PATIENCE) as client:
        create: Any = client.audio.transcriptions.create
        long = asyncio.create_task(consumed(create(model="base", file=SECOND, prompt="long")))
        await asyncio.to_thread(begun, scribe)
        for _ in range(3):
            assert (await create(model="base", file=SECOND)).text == "1.0 seconds"
        assert not long.done()
        if end == "is given up":
            long.cancel()
        else:
            scribe.finished.set()
            await asyncio.wait_for(long, PATIENCE)
        assert await asyncio.to_thread(scribe.stopped.wait, PATIENCE)


async def consumed(answer: Any) -> None:
    got = await answer
    if hasattr(got, "__aiter__"):
        async for _ in got:
            pass


@pytest.mark.anyio
async def test_too_many_requests_are_told_so(scribe_url: str, scribe: Scribe) -> None:
    async with AsyncOpenAI(base_url=scribe_url, api_key="none", max_retries=0, timeout=PATIENCE) as client:
        create = client.audio.transcriptions.create
        requests = [asyncio.create_task(create(model="base", file=SECOND, language="cy")) for _ in range(WAITING + 2)]
        await asyncio.to_thread(begun, scribe)
        done, _ = await asyncio.wait(requests, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        assert [type(task.exception()) for task in done] == [openai.RateLimitError]
        for task in requests:
            task.cancel()
        await asyncio.wait(requests)


def hours_of_speech(path: Path, seconds: float) -> None:
    """A FLAC file of a person's sentences, again and again."""
    spoken = join([recording(clip) for clip, _ in sentences()], RATE)
    with av.open(str(path), "w", format="flac") as out:
        stream = out.add_stream("flac", rate=RATE, layout="mono")
        assert isinstance(stream, av.AudioStream)
        for number in range(round(seconds / spoken.seconds)):
            part = av.AudioFrame(format="s16", layout="mono", samples=len(spoken.pcm) // 2)
            part.planes[0].update(spoken.pcm)
            part.sample_rate, part.pts = RATE, number * len(spoken.pcm) // 2
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))


def test_an_hour_is_cut_into_stretches_in_bounded_memory(tmp_path: Path) -> None:
    hours_of_speech(tmp_path / "hour.flac", 3600)
    process = psutil.Process()
    before = process.memory_info().rss
    seconds, most = 0.0, before
    with (tmp_path / "hour.flac").open("rb") as file:
        for stretch in stretches(decode_file(file, RATE)):
            assert stretch.seconds <= LONGEST_SECONDS
            seconds += stretch.seconds
            most = max(most, process.memory_info().rss)
    assert seconds == pytest.approx(3600, abs=30)
    assert most - before < 40e6, "the hour itself is 115 MB"


@pytest.mark.engine
def test_a_long_file_is_transcribed_by_a_server_of_its_own_that_does_not_grow(weights: Any, tmp_path: Path) -> None:
    """`voicemode serve whisper`, as a person starts it."""
    hours_of_speech(tmp_path / "long.flac", 620)
    models = weights("whisper-tiny.en").parent
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    environment = {"VOICEMODE_MODELS_DIR": str(models), "VOICEMODE_WHISPER_MODEL": "tiny.en", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "voicemode", "serve", "whisper", "--port", str(port)]
    with subprocess.Popen(command, env=environment) as process, connect(f"http://127.0.0.1:{port}/v1") as client:
        try:
            answering(f"http://127.0.0.1:{port}/health")
            client.audio.transcriptions.create(model="tiny.en", file=SECOND)
            before = psutil.Process(process.pid).memory_info().rss
            with (tmp_path / "long.flac").open("rb") as file:
                answer = client.with_options(timeout=500).audio.transcriptions.create(
                    model="tiny.en", file=file, response_format="verbose_json"
                )
            grown = psutil.Process(process.pid).memory_info().rss - before
        finally:
            process.terminate()
        assert process.wait(PATIENCE) == 0
    assert answer.duration == pytest.approx(620, abs=20)
    said = " ".join(said for _, said in sentences())
    assert wer(" ".join([said] * round(answer.duration / 30)), answer.text) < 0.2
    # The model once more, for its threads of low priority, with their buffers: 257 MB were measured. No length adds to it.
    assert grown < 350e6


def test_a_model_that_is_not_installed_is_not_fetched_but_named_with_the_command(tmp_path: Path) -> None:
    """`voicemode serve whisper`, with no weights and no network: the other models are no worse off than the default."""
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    environment = {"VOICEMODE_OFFLINE": "true", "VOICEMODE_WHISPER_MODEL": "medium", "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "voicemode", "serve", "whisper", "--port", str(port)]
    with subprocess.Popen(command, env=environment) as process, connect(f"http://127.0.0.1:{port}/v1") as client:
        try:
            answering(f"http://127.0.0.1:{port}/health")
            assert [model.id for model in client.models.list()] == ["whisper-1", "medium"]
            with pytest.raises(openai.NotFoundError, match="voicemode models download small") as caught:
                client.audio.transcriptions.create(model="small", file=SECOND)
        finally:
            process.terminate()
        assert process.wait(PATIENCE) == 0
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


@pytest.mark.engine
def test_a_model_that_is_used_no_more_gives_its_memory_back(weights: Any, serve: "Serve", clip: Clip) -> None:
    from voicemode.engines.whisper.engine import WhisperEngine, load_whisper

    def load(name: str) -> WhisperEngine:
        return load_whisper(weights(f"whisper-{name}"), name, 2)

    url = serve(whisper_app(LoadedModels(load, "tiny.en", idle_seconds=0.5)))
    with connect(url) as client:
        for model in ("tiny.en", "base"):
            assert wer(clip[1], client.audio.transcriptions.create(model=model, file=("a.wav", clip[0])).text) < 0.2
    health = url.replace("/v1", "/health")
    most = answering(health)["memory_bytes"]
    deadline = time.monotonic() + PATIENCE
    while most - answering(health)["memory_bytes"] < 60e6:  # of 75 MB in 8 bit
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert answering(health)["models"] == ["tiny.en"]


def answering(url: str) -> Any:
    """What `url` answers, once it does."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return httpx2.get(url).json()
        except httpx2.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_languages_are_known_by_code_and_name() -> None:
    assert len(LANGUAGES) == 100
    assert [language_code(asked) for asked in ("de", "de-AT", "pt_BR", "German", "EN", "jv", "klingon")] == [
        "de",
        "de",
        "pt",
        "de",
        "en",
        "jw",
        "",
    ]
