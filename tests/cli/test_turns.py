"""`voicemode doctor --turns`: the picture, the lines where there is no terminal, and the real thing."""

import io
import os
import re
import subprocess
import sys

import pytest

from tests.support.mcp_client import COMMAND, environment
from tests.support.paths import RECORDINGS
from tests.support.rig import VirtualSound
from voicemode.audio.turns.endpointer import Evidence, TurnState
from voicemode.cli.turns import Lines, Picture, caption, judged, meters, told
from voicemode.conversation.status import DEAD_MICROPHONE
from voicemode.conversation.turn_monitor import Outcome
from voicemode.conversation.utterance import TurnSnapshot

WAITING = TurnSnapshot(level_db=-58.4, speech=0.02)
SPEAKING = TurnSnapshot(level_db=-21.0, speech=0.97, turn=TurnState.SPEAKING)
PAUSED = TurnSnapshot(
    level_db=-52.0,
    turn=TurnState.PAUSED,
    pause_seconds=0.42,
    wait_seconds=1.24,
    evidence=Evidence(sounds=0.2),
    text="I would like to",
)
ENDED = Outcome(
    ended="finished",
    last=TurnSnapshot(turn=TurnState.FINISHED, pause_seconds=0.31, wait_seconds=0.3, evidence=Evidence(sounds=0.9, reads=0.95)),
    seconds=3.42,
    text="What time is it?",
    dead=False,
)
NOBODY = Outcome(ended="no speech", last=TurnSnapshot(turn=TurnState.NO_SPEECH), seconds=0.0, text="", dead=False)


def test_the_picture_tells_level_speech_finished_and_what_is_waited_for() -> None:
    assert meters(PAUSED) == [
        "level     [######                  ]  -52 dB",
        "speech    [                        ] 0.00",
        "finished  [####                    ] 0.20",
        'paused    0.4 of 1.2 s: sounds unfinished   "I would like to"',
    ]
    assert meters(SPEAKING)[1] == "speech    [####################### ] 0.97"
    assert meters(WAITING)[2:] == ["finished  [                        ]    –", "waiting"]


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (Evidence(), "plain silence"),
        (Evidence(sounds=0.9), "sounds finished"),
        (Evidence(sounds=0.9, reads=0.1), "sounds finished, reads unfinished"),
        (Evidence(sounds=0.1, reading=True), "sounds unfinished, reading it"),
        (Evidence(hearing=True), "listening to it"),
        (Evidence(reads=0.9, thinking=True), "asked for time"),
    ],
)
def test_a_pause_is_judged_in_words(evidence: Evidence, words: str) -> None:
    assert judged(evidence) == words


def test_an_ended_turn_is_a_line_that_says_why() -> None:
    why = "finished after 0.3 s (sounds finished, reads finished)"
    assert told(1, ENDED) == f'turn 1, 3.4 s, ended: {why}: "What time is it?"'
    assert told(1, NOBODY) == "nobody spoke"
    dead = Outcome(ended="no speech", last=NOBODY.last, seconds=0.0, text="", dead=True)
    assert told(1, dead) == DEAD_MICROPHONE


def test_the_picture_stays_in_its_place_and_ended_turns_stay_above_it() -> None:
    out = io.StringIO()
    picture = Picture(out, 40, colours=False)
    picture.look(WAITING)
    picture.look(SPEAKING)
    picture.ended(1, ENDED)
    picture.look(WAITING)
    first, second, ended, last = re.split(r"(?<=\n)(?=\x1b\[4A|\r)", out.getvalue())
    assert first.startswith("\r\x1b[J")
    assert second.startswith("\x1b[4A\r\x1b[J")
    assert ended.startswith("\x1b[4A\r\x1b[Jturn 1, 3.4 s")
    assert last.startswith("\r\x1b[Jlevel")
    assert max(len(line) for line in last.removeprefix("\r\x1b[J").splitlines()) < 40


def test_a_change_is_drawn_at_once_and_the_rest_now_and_then() -> None:
    out = io.StringIO()
    picture = Picture(out, 80, colours=True)
    for glimpse in [WAITING] * 5 + [SPEAKING] * 2:
        picture.look(glimpse)
    assert out.getvalue().count("level") == 3
    assert "\x1b[32m" in out.getvalue()


def test_without_a_terminal_there_is_a_line_for_each_change() -> None:
    out = io.StringIO()
    lines = Lines(out)
    for glimpse in (WAITING, WAITING, SPEAKING, PAUSED, PAUSED, SPEAKING):
        lines.look(glimpse)
    lines.ended(1, ENDED)
    assert out.getvalue().splitlines() == [
        "waiting",
        "speaking",
        "paused: sounds unfinished; it ends after 1.2 s",
        "speaking",
        told(1, ENDED),
    ]
    assert caption(SPEAKING) == "speaking"


@pytest.mark.sound
@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_in_a_terminal_a_turn_is_watched_as_a_conversation_hears_it(virtual_sound: VirtualSound) -> None:
    import pty

    ours, theirs = pty.openpty()
    settings = {
        "VOICEMODE_AUTO_START": "false",
        "VOICEMODE_SPECULATE": "off",
        "VOICEMODE_SILENCE_THRESHOLD_MS": "500",
        "VOICEMODE_VAD": "webrtc",
    }
    environ = environment(**virtual_sound.environ, **settings, NO_COLOR="1")
    process = subprocess.Popen([*COMMAND, "doctor", "--turns", "1"], stdin=theirs, stdout=theirs, stderr=theirs, env=environ)
    os.close(theirs)
    try:
        seen = read_until(ours, "waiting")
        virtual_sound.speak(RECORDINGS / "austen-0870.wav")
        seen += read_until(ours, "\x1b[?25h")
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert "ended: silence after 0.5 s (plain silence)" in seen
    assert "speaking" in seen
    assert re.search(r"paused    0\.\d of 0\.5 s: plain silence", seen)
    assert "\x1b[32m" not in seen


def read_until(terminal: int, text: str) -> str:
    """What is written there up to `text`."""
    seen = b""
    try:
        while text.encode() not in seen:
            seen += os.read(terminal, 65536)
    except OSError:
        pytest.fail(f"It ended after {seen!r}")
    return seen.decode(errors="replace")
