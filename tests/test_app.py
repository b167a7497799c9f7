"""The composition root: which endpoints, which manners, and settings that change while the program runs."""

import ast
from dataclasses import fields
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import voicemode
from tests.support.endpoints import answers, endpoint, routes
from voicemode.app import Runtime, open_app
from voicemode.config import Settings, load_settings
from voicemode.config.urls import same_address
from voicemode.errors import ArgumentError, ConfigError

LOCAL = "http://127.0.0.1:2022/v1"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (LOCAL, "http://localhost:2022/v1/", True),
        (LOCAL, "http://[::1]:2022/v1", True),
        (LOCAL, "http://127.0.0.1:2023/v1", False),
        (LOCAL, "http://192.168.1.5:2022/v1", False),
        (LOCAL, "https://127.0.0.1:2022/v1", False),
    ],
)
def test_one_address_may_be_written_in_several_ways(one: str, other: str, same: bool) -> None:
    assert same_address(one, other) is same


@pytest.mark.anyio
async def test_what_the_caller_wants_wins_over_the_settings_and_is_checked() -> None:
    async with open_app() as opened:
        app = await opened.now()
        assert app.options(max_seconds=5).rules.max_seconds == 5
        assert app.options(max_seconds=5).rules.patience_seconds == 5
        assert app.options(language="DE").expected.language == "de"
        assert app.voice("af_bella", 1.5).speed == 1.5
        with pytest.raises(ArgumentError, match="listen_duration_max is 0"):
            app.options(max_seconds=0)
        with pytest.raises(ArgumentError, match="language is 'German'"):
            app.voice(language="German")


def write(home: Path, text: str) -> None:
    (home / ".voicemode").mkdir(exist_ok=True)
    (home / ".voicemode/voicemode.env").write_text(text)


async def speed(opened: Runtime) -> float:
    return (await opened.now()).settings.tts_speed


@pytest.mark.anyio
async def test_a_changed_file_counts_from_the_next_turn_on(home: Path) -> None:
    async with open_app() as opened:
        before = await opened.now()
        write(home, "VOICEMODE_TTS_SPEED=1.5\n")
        assert before.settings.tts_speed == 1.0
        assert await speed(opened) == 1.5


@pytest.mark.anyio
async def test_a_file_that_has_become_wrong_fails_the_turn_and_a_mended_one_works(home: Path) -> None:
    async with open_app() as opened:
        write(home, "VOICEMODE_TTS_SPEED=fast\n")
        with pytest.raises(ConfigError, match="line 1"):
            await opened.now()
        write(home, "VOICEMODE_TTS_SPEED=2\n")
        assert await speed(opened) == 2.0


@pytest.mark.anyio
async def test_two_turns_share_one_floor_also_across_a_change(home: Path) -> None:
    async with open_app() as opened:
        before = await opened.now()
        write(home, "VOICEMODE_TTS_SPEED=1.5\n")
        assert (await opened.now()).floor is before.floor


def test_no_setting_is_without_effect() -> None:
    """Each is read somewhere outside of the package that defines it; by name, so that a grep finds it."""
    root = Path(voicemode.__file__).parent
    read = set[object]()
    for path in root.rglob("*.py"):
        if path.parent.name != "config" or path.name == "change.py":
            read |= {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
            read |= {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
    derived = {
        "base_dir": "recordings_dir",
        "models_dir": "models_path",
        "api_keys": "key_for",
        "pronounce": "pronunciations",
        "stt_prompt": "prompt",
    }
    unread = [item.name for item in fields(Settings) if item.name not in read and derived.get(item.name) not in read]
    assert unread == []


async def where_auto_is(*people: dict[str, object]) -> set[str]:
    """Which transport a turn takes, if these are in the room."""
    told = routes({"/twirp/livekit.RoomService/ListParticipants": answers(200, {"participants": list(people)})})
    async with endpoint(told) as server:
        url = f"ws://127.0.0.1:{urlsplit(server.url).port}"
        room = {"LIVEKIT_URL": url, "LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "s" * 32}
        async with open_app(lambda: load_settings(environ=room)) as opened:
            app = await opened.now()
            await app.conversation()
            return set(app.transports)


def somebody(kind: str) -> dict[str, object]:
    return {"identity": "x", "name": "x", "kind": kind, "joined_at": "1"}


@pytest.mark.anyio
async def test_auto_is_the_room_while_a_person_is_in_it_and_the_sound_card_else() -> None:
    assert await where_auto_is(somebody("AGENT"), somebody("STANDARD")) == {"livekit"}
    assert await where_auto_is(somebody("AGENT")) == {"local"}
    assert await where_auto_is() == {"local"}


@pytest.mark.anyio
async def test_auto_is_the_sound_card_where_there_is_no_room() -> None:
    async with open_app() as opened:
        app = await opened.now()
        await app.conversation()
        assert set(app.transports) == {"local"}
