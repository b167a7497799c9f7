"""Providers that packages and files add: what they get, what they may do, and that they harm nobody else."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import tone
from tests.support.paths import REPOSITORY
from tests.support.settings_files import POSIX
from voicemode import egress
from voicemode.audio.codec import wav_bytes
from voicemode.audio.frames import Frame, Frames, stream
from voicemode.audio.queue import FrameQueue
from voicemode.config import Settings
from voicemode.errors import (
    AudioDeviceError,
    ConfigError,
    ProviderError,
    UnsuitableError,
    UnsupportedAudioError,
    VoiceModeError,
)
from voicemode.progress import Report
from voicemode.providers import Provider, Providers
from voicemode.providers.discovery import Found
from voicemode.providers.plugin_adapter import GuardedSynthesizer, GuardedTranscriber
from voicemode.providers.plugins import Candidate, Plugins, disclosed
from voicemode.providers.port_owners import Listeners, ListeningSocket
from voicemode.speech.base import Offer, Transcript, Voice
from voicemode.speech.plugin import Build, Discover, Plugin, nowhere
from voicemode.tasks import ended

pytestmark = pytest.mark.anyio

URL = "parrot://127.0.0.1:7000"
KEYED = Settings(openai_api_key="sk-open", api_keys=(f"{URL}=k-parrot", "https://a.example/v1=k-other"))
QUICK = replace(KEYED, answer_timeout=0.1, first_byte_timeout=0.1, idle_timeout=0.1)


class Parrot:
    """The least a plugin can be: it says how much it heard."""

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        return Transcript(f"{audio.seconds:.1f} s", language)

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        for _ in text.split():
            yield tone(0.1)


class Clumsy:
    """Raises `error` whatever it is asked."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
        raise self.error

    async def synthesize(self, text: str, voice: Voice) -> Frames:
        yield tone(0.1)
        raise self.error

    async def check(self) -> str:
        raise self.error

    async def learn(self) -> None:
        raise self.error

    async def warm_up(self, report: Report) -> None:
        raise self.error

    @property
    def offer(self) -> Offer:
        raise self.error


def plugin(build: Build, name: str = "parrot", discover: Discover = nowhere, **more: Any) -> Plugin:
    return Plugin(name=name, build=build, discover=discover, **{"kind": "stt"} | more)


def having(tmp_path: Path, *things: object, ask: Listeners = None) -> Plugins:
    """Plugins that packages give, whatever they are; an exception is one that cannot be loaded."""

    def load(thing: object) -> object:
        if isinstance(thing, BaseException):
            raise thing
        return thing

    async def tell() -> Listeners:
        return ask

    named = [Candidate(f"package {number}", lambda thing=thing: load(thing)) for number, thing in enumerate(things, 1)]  # type: ignore[misc]
    return Plugins(tmp_path, lambda: named, tell)


def ears(thing: object, settings: Settings = QUICK) -> GuardedTranscriber:
    made = having(Path("none"), plugin(lambda _settings, _url: thing)).transcriber(URL, settings)  # type: ignore[arg-type,return-value]
    assert isinstance(made, GuardedTranscriber)
    return made


def mouth(thing: object, settings: Settings = QUICK) -> GuardedSynthesizer:
    made = having(Path("none"), plugin(lambda _settings, _url: thing, kind="tts")).speaker(URL, settings)  # type: ignore[arg-type,return-value]
    assert isinstance(made, GuardedSynthesizer)
    return made


async def test_two_methods_make_a_whole_provider(tmp_path: Path) -> None:
    recording = tmp_path / "turn.wav"
    recording.write_bytes(wav_bytes(tone(0.5)))
    parrot = ears(Parrot())
    assert await parrot.transcribe(tone(0.2), language="en") == Transcript("0.2 s", "en")
    assert [one async for one in parrot.transcripts(stream(tone(0.1), tone(0.2)))] == [Transcript("0.3 s")]
    assert await parrot.transcribe_file(recording) == "0.5 s"
    assert not parrot.streams
    assert parrot.offer == Offer()
    assert "is set up" in await parrot.check()
    await parrot.learn()
    await parrot.warm_up(print)
    assert len([frame async for frame in mouth(Parrot()).synthesize("one two", Voice())]) == 2


async def test_subtitles_are_refused_by_who_cannot_time_words(tmp_path: Path) -> None:
    with pytest.raises(UnsuitableError, match="plain text only, not srt"):
        await ears(Parrot()).transcribe_file(tmp_path / "turn.wav", response_format="srt")


async def test_a_file_that_is_not_there_is_not_the_providers_fault(tmp_path: Path) -> None:
    with pytest.raises(VoiceModeError, match="cannot be read") as caught:
        await ears(Parrot()).transcribe_file(tmp_path / "none.wav")
    assert not isinstance(caught.value, ProviderError)


async def test_what_a_provider_has_of_its_own_is_used(tmp_path: Path) -> None:
    class Rich(Parrot):
        streams = True
        offer = Offer(models=("grey",))
        format = "flac"

        async def check(self) -> str:
            return "squawks"

        async def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
            async for _ in frames:
                yield Transcript("so far", final=False)
            yield Transcript("all")

        async def transcribe_file(self, path: Path, *, language: str = "", response_format: str = "text") -> str:
            return f"{path.name} as {response_format}"

    rich = ears(Rich())
    assert (rich.streams, rich.offer, rich.format) == (True, Offer(models=("grey",)), "flac")
    assert await rich.check() == "squawks"
    assert [one.text async for one in rich.transcripts(stream(tone(0.1), tone(0.1)))] == ["so far", "so far", "all"]
    assert await rich.transcribe_file(Path("a.mp3"), response_format="srt") == "a.mp3 as srt"


@pytest.mark.parametrize(
    ("error", "message", "transient"),
    [
        (KeyError("voices"), "parrot (parrot://127.0.0.1:7000) failed (KeyError: 'voices').", False),
        (ValueError("bad key k-parrot\nin header"), "failed (ValueError: bad key *** in header).", False),
        (ConnectionResetError("gone"), "failed (ConnectionResetError: gone).", True),
        (TimeoutError(), "did not answer in time.", True),
        (UnsupportedAudioError("No codec for k-parrot."), "No codec for ***.", False),
    ],
)
async def test_whatever_goes_wrong_in_a_plugin_is_a_failure_of_that_provider(
    error: Exception, message: str, transient: bool
) -> None:
    clumsy = ears(Clumsy(error))
    for call in (clumsy.transcribe(tone(0.1)), clumsy.check(), clumsy.warm_up(print)):
        with pytest.raises(ProviderError) as caught:
            await call
        assert message in caught.value.message
        assert caught.value.transient is transient
    await clumsy.learn()
    assert clumsy.offer == Offer()
    frames = mouth(Clumsy(error)).synthesize("one", Voice())
    assert await anext(frames) == tone(0.1)
    with pytest.raises(ProviderError):
        await anext(frames)


async def test_a_failure_that_a_plugin_words_itself_stays_as_it_is() -> None:
    error = ProviderError("Out of seeds.", transient=True, hint="Feed it.", retry_after_seconds=3)
    with pytest.raises(ProviderError) as caught:
        await ears(Clumsy(error)).transcribe(tone(0.1))
    assert caught.value is error


async def test_a_plugin_that_hangs_is_left() -> None:
    class Asleep(Parrot):
        async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> Transcript:
            await asyncio.Event().wait()
            return Transcript("")

        async def synthesize(self, text: str, voice: Voice) -> Frames:
            yield tone(0.1)
            await asyncio.Event().wait()

        async def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
            async for _ in frames:
                yield Transcript("so far", final=False)
            await asyncio.Event().wait()

    frames, transcripts = mouth(Asleep()).synthesize("one", Voice()), ears(Asleep()).transcripts(stream(tone(0.01)))
    assert await anext(frames) == tone(0.1)
    assert await anext(transcripts) == Transcript("so far", final=False)
    for hanging in (ears(Asleep()).transcribe(tone(0.01)), anext(frames), anext(transcripts)):
        with pytest.raises(ProviderError, match="in time"):
            await asyncio.wait_for(hanging, 5)


async def test_a_plugin_that_never_takes_the_audio_is_left() -> None:
    class Deaf(Parrot):
        async def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
            await asyncio.Event().wait()
            yield Transcript("")

    with pytest.raises(ProviderError, match="in time"):
        await asyncio.wait_for(anext(aiter(ears(Deaf()).transcripts(stream(tone(0.01))))), 5)


async def test_what_is_said_after_a_hasty_answer_is_not_lost() -> None:
    class Hasty(Parrot):
        streams = True

        async def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
            async for _ in frames:
                yield Transcript("half of it")

    turn = Providers([Provider(name="hasty", kind="stt", speech=ears(Hasty()))], []).turn()
    line = FrameQueue()
    line.put(tone(0.1))
    line.put(tone(0.2))
    line.end()
    heard = [transcript async for transcript in turn.transcripts(line)]
    assert heard == [Transcript("0.3 s", provider="hasty")]
    assert "answered before all had been said" in turn.account.failures[0].reason


async def test_a_voice_without_sound_is_a_failure() -> None:
    class Silent(Parrot):
        async def synthesize(self, text: str, voice: Voice) -> Frames:
            yield Frame(b"", 24_000)

    with pytest.raises(ProviderError, match="no audio"):
        await anext(aiter(mouth(Silent()).synthesize("one", Voice())))


async def test_a_voice_that_never_comes_to_an_end_is_left() -> None:
    class Droning(Parrot):
        async def synthesize(self, text: str, voice: Voice) -> Frames:
            while True:
                await asyncio.sleep(0.01)
                yield tone(0.1)

    with pytest.raises(ProviderError, match="in time"):
        async with asyncio.timeout(5):
            _ = [frame async for frame in mouth(Droning()).synthesize("one", Voice())]


async def test_a_person_may_speak_for_longer_than_an_answer_may_take() -> None:
    async def slowly() -> Frames:
        for _ in range(3):
            await asyncio.sleep(0.1)
            yield tone(0.01)

    class Listening(Parrot):
        async def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
            count = len([frame async for frame in frames])
            yield Transcript(f"{count} frames")

    assert [one.text async for one in ears(Listening()).transcripts(slowly())] == ["3 frames"]


async def test_a_microphone_that_fails_is_not_the_plugins_fault() -> None:
    async def unplugged() -> Frames:
        yield tone(0.1)
        raise AudioDeviceError("The microphone went away.")

    class Listening(Parrot):
        async def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[Transcript]:
            async for _ in frames:
                yield Transcript("so far", final=False)

    for thing in (Parrot(), Listening()):
        with pytest.raises(AudioDeviceError):
            _ = [one async for one in ears(thing).transcripts(unplugged())]


@pytest.mark.parametrize("answer", ["text", None, 7])
async def test_an_answer_of_another_kind_is_a_failure(answer: object) -> None:
    class Odd:
        async def transcribe(self, audio: Frame, *, prompt: str = "", language: str = "") -> object:
            return answer

        async def synthesize(self, text: str, voice: Voice) -> AsyncIterator[object]:
            yield b"bytes"

        async def transcripts(self, frames: Frames, *, prompt: str = "", language: str = "") -> AsyncIterator[object]:
            yield Transcript("half", final=False)

    with pytest.raises(ProviderError, match="instead of Transcript"):
        await ears(Odd()).transcribe(tone(0.1))
    with pytest.raises(ProviderError, match="instead of Frame"):
        await anext(aiter(mouth(Odd()).synthesize("one", Voice())))
    with pytest.raises(ProviderError, match="instead of Transcript"):
        _ = [one async for one in ears(Odd()).transcripts(stream(tone(0.1)))]


async def test_a_provider_that_cannot_be_made_says_why_when_it_is_asked(tmp_path: Path) -> None:
    def build(settings: Settings, url: str) -> Parrot:
        raise ConfigError("Needs a package.", hint="pip install parrot")

    plugins = having(tmp_path, plugin(build), plugin(build, kind="tts"), plugin(lambda _settings, _url: Parrot(), name="other"))
    broken = plugins.transcriber(URL, KEYED)
    for call in (broken.check(), broken.transcribe(tone(0.1)), broken.warm_up(print)):
        with pytest.raises(ProviderError, match=r"Needs a package\. pip install parrot"):
            await call
    with pytest.raises(ProviderError, match="Needs a package"):
        await anext(aiter(plugins.speaker(URL, KEYED).synthesize("one", Voice())))
    assert [(one.name, one.reason) for one in plugins.problems()] == [
        (f"parrot ({URL})", "Needs a package. pip install parrot")
    ]
    assert (await plugins.transcriber("other://127.0.0.1", KEYED).transcribe(tone(0.1))).text == "0.1 s"


async def test_a_thing_without_the_method_it_is_for_is_no_provider() -> None:
    with pytest.raises(ProviderError, match="has no transcribe"):
        await ears(object()).check()


def test_a_scheme_nobody_speaks_is_an_error_that_names_those_there_are(tmp_path: Path) -> None:
    plugins = having(tmp_path, plugin(lambda _settings, _url: Parrot()), ImportError("no module named seeds"))
    with pytest.raises(ConfigError) as caught:
        plugins.transcriber("parot://127.0.0.1:7000", KEYED)
    assert "Nothing here understands speech at parot://" in caught.value.message
    assert "http, https, parrot." in str(caught.value.hint)
    assert "package 2: could not be loaded (ImportError: no module named seeds)." in str(caught.value.hint)
    with pytest.raises(ConfigError, match="makes speech"):
        plugins.speaker(URL, KEYED)


@pytest.mark.parametrize(
    ("thing", "reason"),
    [
        (ImportError("no seeds"), "ImportError: no seeds"),
        (SystemExit(2), "SystemExit: 2"),
        (object(), "instead of Plugin"),
        ([plugin(lambda _s, _u: Parrot(), name="a"), 7], "instead of Plugin"),
        (plugin(lambda _s, _u: Parrot(), name="https"), "it cannot be called 'https'"),
        (plugin(lambda _s, _u: Parrot(), name="Not A Scheme"), "it cannot be called"),
        (plugin(lambda _s, _u: Parrot(), kind="ears"), "for 'ears'"),
        (plugin(lambda _s, _u: Parrot()), "there already is a provider parrot for stt"),
    ],
)
async def test_a_broken_plugin_is_named_and_harms_no_other(tmp_path: Path, thing: object, reason: str) -> None:
    plugins = having(tmp_path, plugin(lambda _settings, _url: Parrot()), thing, plugin(lambda _s, _u: Parrot(), name="last"))
    for url in (URL, "last://127.0.0.1:1"):
        assert await plugins.transcriber(url, KEYED).transcribe(tone(0.1))
    (problem,) = plugins.problems()
    assert problem.name == "package 2"
    assert reason in problem.reason


def test_nothing_is_loaded_before_it_is_needed(tmp_path: Path) -> None:
    def explode() -> list[Candidate]:
        raise AssertionError

    assert Plugins(tmp_path, explode).problems() == []


def test_a_stranger_sees_one_key_its_own() -> None:
    shown: list[Settings] = []

    def build(settings: Settings, url: str) -> Parrot:
        shown.append(settings)
        return Parrot()

    plugins = having(Path("none"), plugin(build))
    plugins.transcriber(URL, KEYED)
    plugins.transcriber("parrot://127.0.0.1:7001", KEYED)
    assert [settings.secrets for settings in shown] == [("k-parrot",), ()]
    assert shown[0].key_for(URL) == "k-parrot"
    assert disclosed(KEYED).secrets == ()
    assert disclosed(KEYED, URL).voices == KEYED.voices


async def test_a_far_provider_is_not_even_made_where_nothing_may_leave() -> None:
    def build(settings: Settings, url: str) -> Parrot:
        raise AssertionError(url)

    plugins = having(Path("none"), plugin(build))
    egress.enforce(local_only=True)
    try:
        with pytest.raises(ProviderError, match="VOICEMODE_LOCAL_ONLY"):
            await plugins.transcriber("parrot://parrots.example", replace(KEYED, local_only=True)).check()
    finally:
        egress.enforce(local_only=False)


def finding(*urls: str) -> Discover:
    async def discover(settings: Settings) -> Sequence[str]:
        assert settings.secrets == ()
        return urls

    return discover


async def fails(_settings: Settings) -> Sequence[str]:
    raise ValueError("lost its way")


async def hangs(_settings: Settings) -> Sequence[str]:
    await asyncio.Event().wait()
    return ()


async def test_plugins_find_their_servers_and_those_that_fail_keep_nobody_from_it(tmp_path: Path) -> None:
    def build(settings: Settings, url: str) -> Parrot:
        return Parrot()

    plugins = having(
        tmp_path,
        plugin(build, discover=finding(URL)),
        plugin(build, "lost", fails),
        plugin(build, "asleep", hangs),
        plugin(build, "far", finding("far://192.168.1.5:1")),
        plugin(build, "cuckoo", finding("https://127.0.0.1:1")),
    )
    assert await asyncio.wait_for(plugins.discover(KEYED), 5) == [Found("stt", URL)]
    reasons = {one.name.partition(",")[0]: one.reason for one in plugins.problems()}
    assert set(reasons) == {"lost", "asleep", "far", "cuckoo"}
    assert "lost its way" in reasons["lost"]
    assert "did not answer in time" in reasons["asleep"]
    assert "none of its servers on this machine" in reasons["far"]


async def test_a_server_of_somebody_else_is_not_used_though_a_plugin_finds_it(tmp_path: Path) -> None:
    there = [ListeningSocket("127.0.0.1", 7000, trusted=False), ListeningSocket("127.0.0.1", 7001, trusted=True)]
    both = finding(URL, "parrot://localhost:7001", "parrot://127.0.0.1:7002")
    plugins = having(tmp_path, plugin(lambda _settings, _url: Parrot(), discover=both), ask=there)
    assert await plugins.discover(KEYED) == [Found("stt", "parrot://localhost:7001")]


SOURCE = """\
from dataclasses import dataclass

from voicemode.speech.base import Transcript
from voicemode.tasks import alongside
from voicemode.speech.plugin import Plugin


@dataclass(slots=True)
class Parrot:
    url: str

    async def transcribe(self, audio, *, prompt="", language=""):
        return Transcript(f"heard at {self.url}")


PROVIDER = Plugin(name="parrot", kind="stt", build=lambda settings, url: Parrot(url))
"""

Write = Callable[[str, str], Path]
GUIDE = REPOSITORY / "docs" / "providers.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "providers"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def write(folder: Path) -> Write:
    def write(name: str, text: str) -> Path:
        path = folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    return write


def of_files(folder: Path) -> Plugins:
    return Plugins(folder, lambda: ())


async def test_a_file_of_the_person_is_a_provider(folder: Path, write: Write) -> None:
    write("parrot.py", SOURCE)
    write("_notes.py", "raise SystemExit")
    write("readme.txt", "not Python")
    plugins = of_files(folder)
    assert (await plugins.transcriber(URL, KEYED).transcribe(tone(0.1))).text == f"heard at {URL}"
    assert plugins.problems() == []
    assert not (folder / "__pycache__").exists()


async def test_the_example_in_the_guide_is_a_provider(folder: Path, write: Write) -> None:
    write("parrot.py", GUIDE.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0])
    heard = await of_files(folder).transcriber(URL, KEYED).transcribe(tone(0.5))
    assert heard.text == "0.5 seconds, 16000 Hz, 16000 bytes of 16-bit mono"


@pytest.mark.parametrize(
    ("source", "reason"),
    [("def (", "SyntaxError"), ("1 / 0", "ZeroDivisionError"), ("PROVIDERS = 1", "AttributeError"), ("\0", "")],
)
async def test_a_file_that_cannot_be_run_is_named(folder: Path, write: Write, source: str, reason: str) -> None:
    broken = write("broken.py", source)
    write("parrot.py", SOURCE)
    plugins = of_files(folder)
    assert await plugins.transcriber(URL, KEYED).transcribe(tone(0.1))
    (problem,) = plugins.problems()
    assert problem.name == str(broken)
    assert reason in problem.reason
    assert reason == "AttributeError" or "voicemode_provider_broken" not in sys.modules


async def test_a_file_that_hangs_is_named_and_keeps_nobody_waiting(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voicemode.providers.plugins.LOAD_SECONDS", 0.5)
    hanging = write("hanging.py", "import threading\nthreading.Event().wait()\n")
    write("parrot.py", SOURCE)
    plugins = of_files(folder)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.02)
            turns += 1

    counting = asyncio.create_task(count())
    await plugins.load()
    await ended(counting)
    assert turns > 3, "the event loop went on"
    assert await plugins.transcriber(URL, KEYED).transcribe(tone(0.1))
    (problem,) = plugins.problems()
    assert (problem.name, problem.reason) == (str(hanging), "took longer than 0.5 s to load")


def refused(folder: Path) -> str:
    plugins = of_files(folder)
    with pytest.raises(ConfigError):
        plugins.transcriber(URL, KEYED)
    (problem,) = plugins.problems()
    return problem.reason


@POSIX
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_run(folder: Path, write: Write, mode: int) -> None:
    path = write("parrot.py", SOURCE)
    path.chmod(mode)
    assert f"others may write {path}; forbid it: chmod go-w {path}" in refused(folder)


@POSIX
def test_a_folder_that_others_may_write_holds_no_providers(folder: Path, write: Write) -> None:
    write("parrot.py", SOURCE)
    folder.chmod(0o770)
    assert f"others may write {folder}" in refused(folder)


@POSIX
def test_a_link_is_only_as_good_as_what_it_leads_to(folder: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    (shared / "parrot.py").write_text(SOURCE)
    (shared / "parrot.py").chmod(0o600)
    (folder / "parrot.py").symlink_to(shared / "parrot.py")
    assert f"others may write {shared}" in refused(folder)


@POSIX
@pytest.mark.skipif(os.name == "posix" and os.getuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_not_run(folder: Path, write: Write) -> None:
    path = write("parrot.py", SOURCE)
    os.chown(path, 65534, 65534)
    assert f"{path} belongs to another user" in refused(folder)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Known schemes: http, https\."):
        of_files(tmp_path / "none").transcriber(URL, KEYED)
