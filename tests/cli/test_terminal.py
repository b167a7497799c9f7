"""What a person sees at a terminal: lines that fit, no log, no traceback, and what the Tab key offers."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_cli import voicemode
from tests.support.mcp_client import COMMAND, environment
from voicemode.errors import VoiceModeError

LONG = "/a/path/that/is/much/too/long/for/a/cell/of/a/table/at/a/terminal/of/eighty/columns"


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
@pytest.mark.parametrize("command", ["config", "models", "providers", "service status", "doctor", "uninstall --dry-run"])
def test_at_80_columns_no_line_is_wrapped_by_the_terminal(command: str, home: Path) -> None:
    text = at_a_terminal(command.split(), VOICEMODE_WHISPER_PORT="9", VOICEMODE_KOKORO_PORT="9", VOICEMODE_MODELS_DIR=LONG)
    # A command of a remedy stays whole, so that it can be copied; and so does a path.
    wide = [line for line in text.splitlines() if len(line) > 80 and not line.strip().startswith(("voicemode ", "/"))]
    assert text
    assert [line for line in wide if len(line.split()) > 6] == []


def at_a_terminal(arguments: list[str], **environ: str) -> str:
    """The standard output of a command at a terminal of 80 columns."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    env = environment(VOICEMODE_AUTO_START="false", **environ)
    process = subprocess.Popen([*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, env=env)
    os.close(theirs)
    text = b""
    try:
        while chunk := os.read(ours, 4096):
            text += chunk
    except OSError:  # how Linux says that nobody has the other end
        pass
    process.wait(60)
    os.close(ours)
    return re.sub(r"\x1b\[[\d;]*m", "", text.decode().replace("\r\n", "\n"))


def test_a_command_prints_no_line_of_the_log(home: Path) -> None:
    done = voicemode("say", "Hello", VOICEMODE_LOG_LEVEL="debug", VOICEMODE_WHISPER_PORT="9", VOICEMODE_KOKORO_PORT="9")
    assert " voicemode." not in done.stderr
    assert "DEBUG" not in done.stderr + done.stdout
    assert "DEBUG" in (home / ".voicemode/logs/voicemode.log").read_text()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("config set voicemode_whisper_p", "plain,VOICEMODE_WHISPER_PORT"),
        ("config get openai", "plain,OPENAI_API_KEY"),
        ("service start wh", "plain,whisper"),
        ("service install ko", "plain,kokoro"),
        ("models download sma", "plain,small.en"),
        ("say Hello --voice af_s", "plain,af_sky"),
        ("transcribe notes", "file,notes"),
    ],
)
def test_the_shell_completes_what_a_parameter_can_be(typed: str, offered: str) -> None:
    words = f"voicemode {typed}"
    done = voicemode(_VOICEMODE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split()) - 1))
    assert offered in done.stdout.split(), done.stdout + done.stderr


def test_a_failure_at_a_terminal_has_its_remedy_below_it() -> None:
    from voicemode.cli.errors import told
    from voicemode.errors import Remedy

    error = VoiceModeError("No service is installed.", hint=Remedy(command="voicemode service install whisper"))
    assert told(error) == "No service is installed.\n→ voicemode service install whisper"
