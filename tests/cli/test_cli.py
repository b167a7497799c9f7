"""The command line, as a person types it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.support.agents import speaking_agent
from tests.support.endpoints import endpoint, routes, speaks, speech_api
from tests.support.fakes import tone
from tests.support.mcp_client import COMMAND, environment
from tests.support.rig import VirtualSound
from voicemode import __version__, tools
from voicemode.audio.wav import wav_bytes


def voicemode(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    env = environment(VOICEMODE_AUTO_START="false", **environ)
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=env, check=False, timeout=60)


def test_the_version_is_told_without_loading_anything_else() -> None:
    assert voicemode("--version").stdout == f"voicemode {__version__}\n"
    modules = "import sys; sys.argv = ['voicemode', '--version']; import voicemode.__main__ as m\n"
    modules += "try: m.main()\nexcept SystemExit: print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", modules], capture_output=True, text=True, env=environment(), check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"mcp", "pydantic", "httpx2", "voicemode.app", "voicemode.tools", "asyncio"}


@pytest.mark.parametrize(("arguments", "status"), [(["--version"], 0), (["convers"], 2)], ids=["done", "wrong"])
def test_a_process_with_livekits_library_is_left_before_its_threads_can_abort_it(arguments: list[str], status: int) -> None:
    program = "import atexit, sys, livekit.rtc, voicemode.__main__ as m\n"
    program += f"atexit.register(print, 'Python has ended.'); sys.argv = ['voicemode', *{arguments}]; m.main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == status
    assert done.stdout == (f"voicemode {__version__}\n" if status == 0 else "")
    assert ("No such command" in done.stderr) == (status == 2)


def test_every_tool_is_a_command() -> None:
    out = voicemode("--help").stdout
    installing = {name for name in tools.load() if name.endswith("_install")}
    assert all(name.replace("_", "-") in out for name in tools.load().keys() - installing)
    assert "-install" not in out
    assert all(name.removesuffix("_install") in voicemode("service", "install", "--help").stdout for name in installing)
    assert "config" in out
    assert "serve" in out


@pytest.mark.parametrize("name", ["converse", "say", "listen", "transcribe", "doctor", "serve", "config"])
def test_every_command_explains_itself(name: str) -> None:
    done = voicemode(name, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: ")


def test_an_unknown_command_is_a_usage_error() -> None:
    done = voicemode("convers")
    assert done.returncode == 2
    assert "No such command 'convers'" in done.stderr


def test_an_expected_failure_is_a_sentence_and_exit_code_1() -> None:
    done = voicemode("transcribe", "/no/such.wav")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == "Error: There is no file /no/such.wav."


def test_a_wrong_setting_names_its_file_and_line(home: Path) -> None:
    (home / ".voicemode").mkdir()
    (home / ".voicemode/voicemode.env").write_text("# mine\nVOICEMODE_TTS_SPEED=fast\n")
    done = voicemode("say", "Hello")
    assert done.returncode == 1
    assert f"VOICEMODE_TTS_SPEED in {home}/.voicemode/voicemode.env, line 2, is 'fast'" in done.stderr


def test_a_fault_of_ours_is_a_line_and_the_log_has_the_rest(home: Path) -> None:
    program = "import sys, voicemode.cli as cli, voicemode.__main__ as m; cli.MODULES['doctor'] = 'no.such'\n"
    program += "sys.argv = ['voicemode', 'doctor']; m.main()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment(), check=False)
    path = home / ".voicemode/logs/voicemode.log"
    sentence = "VoiceMode failed by a fault of its own (ModuleNotFoundError)."
    assert (done.returncode, done.stderr) == (70, f"Error: {sentence} The log has the details: {path}\n")
    assert "No module named 'no'" in path.read_text()


@pytest.mark.parametrize(("command", "missing"), [("say", "MESSAGE"), ("transcribe", "FILE...")])
def test_a_missing_argument_is_named(command: str, missing: str) -> None:
    done = voicemode(command)
    assert (done.returncode, f"Missing argument '{missing}'." in done.stderr) == (2, True)


def plugin(home: Path, source: str) -> None:
    folder = home / ".voicemode/providers"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "parrot.py").write_text(source)
    (folder / "parrot.py").chmod(0o600)


def test_what_a_plugin_prints_is_not_in_the_output(home: Path) -> None:
    plugin(
        home,
        "print('squawk')\nfrom voicemode.plugins import Plugin\nPROVIDER = Plugin(name='parrot', kind='stt', build=print)\n",
    )
    done = voicemode("providers", "--json", VOICEMODE_STT_BASE_URLS="parrot://127.0.0.1:7000")
    assert "squawk" in done.stderr
    assert json.loads(done.stdout)


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_a_plugin_that_hangs_keeps_nobody_from_ending_the_program(home: Path) -> None:
    plugin(home, "import sys, time\nprint('hanging', file=sys.stderr, flush=True)\nwhile True: time.sleep(60)\n")
    env = environment(VOICEMODE_STT_BASE_URLS="parrot://127.0.0.1:7000", VOICEMODE_AUTO_START="false")
    with subprocess.Popen([*COMMAND, "providers"], env=env, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr
        while "hanging" not in run.stderr.readline():
            pass
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 128 + signal.SIGTERM


WITHOUT_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0"}


async def spoken(message: str | bytes, **environ: str) -> str:
    """What a speech server is asked to speak for `voicemode say`."""
    async with endpoint(routes({"/v1/audio/speech": speaks(bytes(4800))})) as server:
        env = speaking_agent(server.url, **environ)
        run = await asyncio.create_subprocess_exec(*COMMAND, "say", message, env=env, stdout=PIPE, stderr=PIPE)
        _, err = await asyncio.wait_for(run.communicate(), 60)
        assert b"Traceback" not in err
        return str(server.requests[-1].json["input"])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere arguments are text")
@pytest.mark.anyio
async def test_what_is_typed_is_spoken_in_any_locale_and_if_it_is_no_text() -> None:
    assert await spoken("Grüße an Zoë", **WITHOUT_UTF8) == "Grüße an Zoë"
    assert (await spoken(b"Hello \xff there")).startswith("Hello ")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
@pytest.mark.parametrize("environ", [{}, WITHOUT_UTF8], ids=["UTF-8", "C"])
@pytest.mark.anyio
async def test_a_file_may_have_a_name_that_is_no_text(environ: dict[str, str], home: Path) -> None:
    name = b"h\xff\xf0\x9f\x8e\x89.wav"
    missing = await transcribed(name, **environ)
    assert missing[0].startswith("Error: There is no file h")
    (home / os.fsdecode(name)).write_bytes(wav_bytes(tone(1)))
    assert await transcribed(name, **environ) == ("", "hello\n")


async def transcribed(name: bytes, **environ: str) -> tuple[str, str]:
    """What `voicemode transcribe` of a server that hears "hello" writes: errors, and the text."""
    async with endpoint(speech_api()) as server:
        env = environment(VOICEMODE_STT_BASE_URLS=server.url, VOICEMODE_AUTO_START="false", **environ)
        run = await asyncio.create_subprocess_exec(*COMMAND, "transcribe", name, env=env, stdout=PIPE, stderr=PIPE)
        out, err = await asyncio.wait_for(run.communicate(), 60)
    lines = [line for line in err.decode().splitlines() if line.startswith("Error") or "Traceback" in line]
    return "\n".join(lines), out.decode()


def test_a_wrong_setting_keeps_nobody_from_looking_nor_from_leaving(home: Path) -> None:
    (home / ".voicemode").mkdir()
    (home / ".voicemode/voicemode.env").write_text("VOICEMODE_PACE=fast\n")
    sentence = "VOICEMODE_PACE in " + str(home / ".voicemode/voicemode.env, line 1, is 'fast'")
    assert sentence in voicemode("doctor").stdout
    assert sentence in voicemode("uninstall", "--dry-run").stderr
    listed = voicemode("config")
    assert (listed.returncode, sentence in listed.stderr) == (0, True)
    assert voicemode("config", "set", "pace", "quick").returncode == 0
    assert voicemode("providers").returncode == 0


@pytest.mark.parametrize(("name", "value"), [("ALL_PROXY", "socks5h://127.0.0.1:1080"), ("SSL_CERT_FILE", "/no/such.pem")])
def test_what_the_environment_says_about_other_machines_stops_nobody_and_is_in_doctor(name: str, value: str) -> None:
    assert voicemode("providers", **{name: value}).returncode == 0
    assert f"{name} names " in voicemode("doctor", **{name: value}).stdout


@pytest.mark.sound
def test_doctor_lists_each_area_and_exits_with_0_only_if_all_is_well(virtual_sound: VirtualSound) -> None:
    # In a room there may be nobody to be heard: what is examined is the sound card.
    room = {"VOICEMODE_TRANSPORT": "livekit"}
    done = voicemode("doctor", "--json", VOICEMODE_WHISPER_PORT="9", **room, **virtual_sound.environ)
    checks = json.loads(done.stdout)["checks"]
    assert {"settings", "sound", "endpoints", "engines"} <= {check["area"] for check in checks}
    assert done.returncode == 1
    assert {check["detail"] for check in checks if check["name"] == "listening"} == {"only digital silence"}
    (unreachable,) = (check for check in checks if check["name"] == "stt http://127.0.0.1:9/v1")
    assert unreachable["mark"] == "broken"
    assert unreachable["remedy"]["text"]


def test_doctor_says_what_to_do_where_there_is_no_sound(home: Path) -> None:
    done = voicemode("doctor", VOICEMODE_AUDIO_BACKEND="miniaudio", PULSE_SERVER="unix:/no/such", ALSA_CONFIG_PATH=os.devnull)
    assert done.returncode == 1
    assert "!! microphone" in done.stdout
    assert "→" in done.stdout


def test_doctor_counts_turns_that_were_never_transcribed(home: Path) -> None:
    recordings = home / ".voicemode/recordings"
    recordings.mkdir(parents=True)
    (recordings / "turn-1.wav").write_bytes(wav_bytes(tone(1)))
    assert "1 turn was never transcribed" in voicemode("doctor").stdout


def test_the_shell_can_complete_commands() -> None:
    done = voicemode(_VOICEMODE_COMPLETE="bash_source")
    assert "complete" in done.stdout
    words = voicemode(_VOICEMODE_COMPLETE="bash_complete", COMP_WORDS="voicemode con", COMP_CWORD="1").stdout
    assert {"plain,config", "plain,converse"} <= set(words.split())


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX")
def test_started_by_hand_it_says_what_it_is_and_what_to_type() -> None:
    import pty

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        COMMAND, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(VOICEMODE_AUTO_START="false")
    )
    os.close(theirs)
    try:
        assert process.stderr is not None
        greeting = process.stderr.readline().decode() + process.stderr.readline().decode()
    finally:
        process.terminate()
        out, _ = process.communicate(timeout=10)
        os.close(ours)
    assert "is an MCP server and now waits for a client on standard input" in greeting
    assert 'voicemode converse "Hello"' in greeting
    assert out == b""
