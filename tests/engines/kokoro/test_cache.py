"""Speech that is kept: with real files."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from voicemode.engines.kokoro.cache import SoundCache, engine_identity, key_of
from voicemode.engines.kokoro.request import SpeechRequest
from voicemode.engines.kokoro.voices import parse_voice

ASK = SpeechRequest(text="Shall I deploy?", voice=parse_voice("af_sky"), format="mp3", speed=1.0, events=False)
LIMIT = 16_000
"""Sixteen sounds of a thousand bytes, checksums included."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "kokoro"


@pytest.fixture
def cache(folder: Path) -> SoundCache:
    return SoundCache(folder, LIMIT)


def sound(number: int) -> bytes:
    return bytes([number]) * 900


def age(folder: Path, key: str, seconds: int) -> None:
    then = (folder / f"{key}.sound").stat().st_mtime - seconds
    os.utime(folder / f"{key}.sound", (then, then))


def test_what_was_put_is_there_also_for_another_server(cache: SoundCache, folder: Path) -> None:
    assert cache.get("a") is None
    cache.put("a", sound(1))
    assert cache.get("a") == SoundCache(folder, LIMIT).get("a") == sound(1)


@pytest.mark.skipif(os.name == "nt", reason="file modes are POSIX")
def test_only_its_owner_can_read_it(cache: SoundCache, folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o755)
    cache.put("a", sound(1))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 916])
def test_a_damaged_file_is_dropped_and_made_again(cache: SoundCache, folder: Path, damage: bytes) -> None:
    cache.put("a", sound(1))
    (folder / "a.sound").write_bytes(damage)
    assert cache.get("a") is None
    assert not (folder / "a.sound").exists()
    cache.put("a", sound(1))
    assert cache.get("a") == sound(1)


def test_what_was_not_used_for_longest_goes_first(cache: SoundCache, folder: Path) -> None:
    for number in range(17):
        cache.put(str(number), sound(number))
        age(folder, str(number), 100 - number)
    assert cache.get("0") == sound(0), "used again: now the latest"
    cache.put("new", sound(99))
    assert sum(path.stat().st_size for path in folder.iterdir()) <= LIMIT
    assert cache.get("1") is None
    assert cache.get("0") == sound(0)


def test_what_writers_that_were_killed_left_goes_too_and_no_file_of_others(cache: SoundCache, folder: Path) -> None:
    cache.put("a", sound(1))
    for name in (".half.sound", "diary.txt"):
        (folder / name).write_bytes(bytes(LIMIT))
    age(folder, ".half", 10)
    cache.put("b", sound(2))
    assert sorted(path.name for path in folder.iterdir()) == ["a.sound", "b.sound", "diary.txt"]


def test_a_sound_that_would_drive_out_the_others_is_not_kept(cache: SoundCache, folder: Path) -> None:
    cache.put("long", bytes(LIMIT // 16 + 1))
    cache.put("empty", b"")
    assert cache.get("long") is None
    assert cache.get("empty") is None


def test_a_limit_of_nothing_keeps_nothing_and_clears_what_was_there(cache: SoundCache, folder: Path) -> None:
    cache.put("a", sound(1))
    off = SoundCache(folder, 0)
    off.shrink()
    off.put("b", sound(2))
    assert list(folder.iterdir()) == []
    assert off.get("a") is None


def test_a_folder_that_cannot_be_written_costs_only_the_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = SoundCache(tmp_path / "file", LIMIT)
    cache.put("a", sound(1))
    cache.shrink()
    assert cache.get("a") is None


WRITER = """
import sys
from pathlib import Path
from voicemode.engines.kokoro.cache import SoundCache
cache = SoundCache(Path(sys.argv[1]), 16_000)
for turn in range(100):
    cache.put(str(turn % 30), bytes([turn % 30]) * 900)
"""


def test_several_servers_write_at_once_and_nobody_reads_half(
    cache: SoundCache, folder: Path, pytestconfig: pytest.Config
) -> None:
    command = [sys.executable, "-c", WRITER, str(folder)]
    writers = [subprocess.Popen(command, cwd=pytestconfig.rootpath) for _ in range(2)]
    over = threading.Event()

    def read() -> None:
        while not over.wait(0.001):
            for number in range(30):
                seen.add(cache.get(str(number)) in (None, sound(number)))

    seen: set[bool] = set()
    reader = threading.Thread(target=read)
    reader.start()
    ended = [writer.wait(60) for writer in writers]
    over.set()
    reader.join(10)
    assert ended == [0, 0]
    assert seen == {True}
    assert sum(path.stat().st_size for path in folder.iterdir()) <= LIMIT


def test_all_that_shapes_the_sound_is_in_its_name() -> None:
    others = [
        replace(ASK, text="Shall I deploy!"),
        replace(ASK, voice=parse_voice("af_bella")),
        replace(ASK, voice=parse_voice("af_sky+af_bella")),
        replace(ASK, voice=parse_voice("af_sky+af_bella(2)")),
        replace(ASK, voice=parse_voice("af_bella+af_sky")),
        replace(ASK, speed=1.1),
        replace(ASK, format="wav"),
    ]
    keys = [key_of(ask, "one") for ask in (ASK, *others)]
    assert len({*keys, key_of(ASK, "another engine")}) == len(others) + 2


def test_what_is_said_the_same_has_the_same_name() -> None:
    same = [
        replace(ASK, text="  Shall I deploy?\n"),
        replace(ASK, text="Shall I `deploy`?".replace("`", "")),
        replace(ASK, events=True),
    ]
    assert {key_of(ask, "one") for ask in same} == {key_of(ASK, "one")}


def test_the_name_tells_nothing_of_the_text() -> None:
    assert "deploy" not in key_of(ASK, "one")
    assert len(key_of(ASK, "one")) == 64
    assert engine_identity() == engine_identity()
