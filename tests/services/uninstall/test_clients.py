"""Entries in the settings of agents' programs: found, and taken out without a trace."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicemode.errors import ServiceError
from voicemode.services.uninstall.clients import Client, clients, entries, find_entries, remove, starts_voicemode
from voicemode.services.uninstall.json_members import without

VOICEMODE = {"command": "uvx", "args": ["--from", "voicemode[local]", "voicemode"]}
OTHER = {"command": "npx", "args": ["-y", "@x/files", "/home/me/voicemode"]}


@pytest.mark.parametrize(
    "words",
    [
        ["voicemode"],
        ["/home/me/.local/bin/voicemode"],
        [r"C:\Python\Scripts\voicemode.exe", "serve"],
        ["uvx", "voicemode"],
        ["uvx", "--from", "voicemode[local]==1.2", "voicemode"],
        ["uvx", "--python", "3.12", "voicemode@latest"],
        ["uv", "run", "--directory", "/src", "voicemode"],
        ["uv", "tool", "run", "voicemode"],
        ["/usr/bin/python3.12", "-P", "-m", "voicemode"],
        ["cmd", "/c", "uvx", "voicemode"],
        ["env", "VOICEMODE_OFFLINE=true", "voicemode"],
        ["pipx", "run", "--spec", "voicemode[local]", "voicemode"],
    ],
)
def test_a_server_is_voicemode_if_its_command_runs_it(words: list[str]) -> None:
    assert starts_voicemode("talk", {"command": words[0], "args": words[1:]})


@pytest.mark.parametrize(
    "words",
    [
        ["npx", "-y", "@x/files", "/home/me/voicemode"],
        ["uvx", "mcp-server-git", "--repository", "/home/me/voicemode"],
        ["uvx", "another", "voicemode"],
        ["uv", "run", "--directory", "/home/me/voicemode", "another"],
        ["python", "-m", "voicemode_notes"],
        ["docker", "run", "voicemode"],
        ["/home/me/voicemode/run.sh"],
        [""],
    ],
)
def test_a_server_that_only_works_on_something_called_voicemode_is_another(words: list[str]) -> None:
    assert not starts_voicemode("talk", {"command": words[0], "args": words[1:]})


def test_a_server_of_that_name_is_voicemode_whatever_it_runs() -> None:
    assert starts_voicemode("voicemode", {"url": "http://localhost:8765/mcp"})
    assert not starts_voicemode("voicemode-notes", {"type": "http"})
    assert not starts_voicemode("x", "nonsense")


def test_entries_are_found_for_all_projects_and_for_single_ones() -> None:
    said = {"mcpServers": {"talk": VOICEMODE, "files": OTHER}, "projects": {"/a": {"mcpServers": {"voicemode": {}}}, "/b": {}}}
    everywhere, single = ("mcpServers", "talk"), ("projects", "/a", "mcpServers", "voicemode")
    assert find_entries(said, projects=True) == [everywhere, single]
    assert find_entries(said, projects=False) == [everywhere]


@pytest.mark.parametrize("said", [[], None, "x", {}, {"mcpServers": []}, {"mcpServers": None, "projects": {"/a": 3}}])
def test_settings_of_another_shape_have_no_entries(said: Any) -> None:
    assert find_entries(said, projects=True) == []


@pytest.mark.parametrize(("platform", "folder"), [("darwin", "Library/Application Support"), ("win32", "AppData/Roaming")])
def test_each_system_has_its_place_for_claude_desktop(platform: str, folder: str) -> None:
    assert clients(Path("/h"), platform)[0].path == Path("/h") / folder / "Claude/claude_desktop_config.json"


BEFORE = """\
{
    "theme" : "dark",  "größe": 1e2,
    "mcpServers": {
        "files": {"command": "npx"},
        "voicemode": {
            "command": "uvx"
        }
    },
\t"last": [1,2 ,3]
}"""
AFTER = """\
{
    "theme" : "dark",  "größe": 1e2,
    "mcpServers": {
        "files": {"command": "npx"}
    },
\t"last": [1,2 ,3]
}"""


@pytest.fixture
def cursor(home: Path) -> Client:
    client = clients(home)[2]
    client.path.parent.mkdir()
    return client


def test_an_entry_goes_and_every_other_character_stays(cursor: Client) -> None:
    cursor.path.write_bytes(BEFORE.replace("\n", "\r\n").encode())
    cursor.path.chmod(0o640)
    remove(cursor, entries(cursor))
    assert cursor.path.read_bytes() == AFTER.replace("\n", "\r\n").encode()
    assert stat.S_IMODE(cursor.path.stat().st_mode) == 0o640
    assert list(cursor.path.parent.iterdir()) == [cursor.path], "nothing is left beside it"
    assert entries(cursor) == []


def test_a_link_to_the_settings_stays_a_link(cursor: Client, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.json"
    target.write_text(BEFORE)
    cursor.path.symlink_to(target)
    remove(cursor, entries(cursor))
    assert cursor.path.is_symlink()
    assert target.read_text() == AFTER


def test_several_entries_go_at_once(home: Path) -> None:
    client = clients(home)[1]
    said = {"mcpServers": {"a": VOICEMODE, "b": OTHER, "voicemode": {}}, "projects": {"/a": {"mcpServers": {"c": VOICEMODE}}}}
    client.path.write_text(json.dumps(said, indent=2))
    found = entries(client)
    assert [str(entry) for entry in found] == [
        "'a' in the servers of Claude Code",
        "'voicemode' in the servers of Claude Code",
        "'c' for /a in the servers of Claude Code",
    ]
    remove(client, found)
    left = {"mcpServers": {"b": OTHER}, "projects": {"/a": {"mcpServers": {}}}}
    assert json.loads(client.path.read_text()) == left


@pytest.mark.parametrize("text", ["", "{", "// comment\n{}", '{"mcpServers": {"voicemode": 1,}}', "\ufeff{}", "[" * 100_000])
def test_settings_that_cannot_be_understood_are_left_alone(cursor: Client, text: str) -> None:
    cursor.path.write_text(text, encoding="utf-8")
    assert entries(cursor) == []
    assert cursor.path.read_text(encoding="utf-8") == text


def test_settings_that_say_a_name_twice_are_not_guessed_at(cursor: Client) -> None:
    cursor.path.write_text('{"mcpServers": {"voicemode": 1, "voicemode": 2}}')
    with pytest.raises(ServiceError, match="cannot be changed: it has some names twice") as error:
        remove(cursor, entries(cursor))
    assert str(error.value.hint) == "Remove voicemode there by hand; Cursor reads it."
    assert cursor.path.read_text() == '{"mcpServers": {"voicemode": 1, "voicemode": 2}}'


def test_settings_that_cannot_be_replaced_are_named(cursor: Client) -> None:
    cursor.path.write_text(BEFORE)
    found = entries(cursor)
    cursor.path.unlink()
    cursor.path.mkdir()
    with pytest.raises(ServiceError, match="cannot be changed"):
        remove(cursor, found)


NAMES = st.text(max_size=4)
VALUES = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.dictionaries(NAMES, inner, max_size=3))


@given(
    st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), min_size=1, max_size=4),
    st.data(),
    st.sampled_from([None, 0, 2, "\t"]),
)
def test_what_is_left_says_the_same_less_the_member(
    said: dict[str, dict[str, Any]], data: st.DataObject, indent: int | str | None
) -> None:
    outer = data.draw(st.sampled_from(sorted(said)))
    inner = data.draw(st.sampled_from(sorted(said[outer])))
    text = json.dumps(said, indent=indent, ensure_ascii=data.draw(st.booleans()))
    left = without(text, [(outer, inner)])
    del said[outer][inner]
    assert json.loads(left) == said
    if said[outer]:
        assert left == json.dumps(said, indent=indent, ensure_ascii=text.isascii()) or not text.isascii()


def test_a_member_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        without("{}", [("a",)])
    with pytest.raises(ValueError, match="not an object"):
        without('{"a": 1}', [("a", "b")])
