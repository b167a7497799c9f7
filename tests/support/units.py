"""Units and helpers for the tests of supervisors."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st

from tests.support.lodger import notes
from voicemode.services.supervisors.supervisor import Supervised, Supervisor, Unit

LODGER = Path(__file__).with_name("lodger.py")
WAIT_SECONDS = 30.0

PLAIN = Unit(
    name="whisper",
    title="Whisper",
    command=("/home/ada/.voicemode/services/whisper/bin/python", "-P", "-m", "voicemode", "serve", "whisper"),
    environment={"VOICEMODE_WHISPER_MODEL": "base", "HTTPS_PROXY": "http://proxy:3128"},
    log=Path("/home/ada/.voicemode/logs/whisper.log"),
    writable=(Path("/home/ada/.voicemode/models"), Path("/home/ada/.voicemode/logs")),
    memory_mb=1500,
)
NASTY = [
    "a b",
    "",
    ";",
    "$HOME",
    "${HOME}",
    "$$",
    "%h",
    "%%",
    "100%",
    '"',
    "'",
    "\\",
    '\\"',
    "\\n",
    "a\nb",
    "\t",
    "a\\",
    "# x",
    "<&>",
    "ünï ✓",
    "-x",
    "@",
    "{x}",
    "]]>",
    "*",
    "~",
    "|",
    "a=b",
    "`id`",
    "!",
]
"""Values that file names and settings can contain, and that have a meaning in some file format."""
TEXTS = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn"))))


def lodger(folder: Path, mood: str, *rest: str, **changes: object) -> Unit:
    """Return a unit that runs `lodger.py` and can write in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    unit = Unit(
        name="lodger",
        title="Lodger",
        command=(sys.executable, "-P", str(LODGER), str(folder), mood, *rest),
        log=folder / "logs/lodger.log",
        writable=(folder,),
        memory_mb=500,
    )
    return replace(unit, **changes)  # type: ignore[arg-type] # the caller knows the fields


async def until(condition: Callable[[], object]) -> None:
    """Return when `condition` holds."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


async def until_seen(supervisor: Supervisor, wanted: Callable[[Supervised], bool]) -> Supervised:
    """Return the lodger's state once it satisfies `wanted`."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            seen = await supervisor.look("lodger")
            assert seen, "it is registered"
            if wanted(seen):
                return seen
            await asyncio.sleep(0.02)


def listing(folder: Path) -> dict[str, str]:
    """Return the content of everything below `folder`, by relative path."""
    return {str(path.relative_to(folder)): path.read_text() if path.is_file() else "" for path in folder.rglob("*")}


async def leaves_a_crashing_one_alone(supervisor: Supervisor, folder: Path, starts: int) -> Supervised:
    """Check that `supervisor` gives up after `starts` starts, and later forgets the failures; return the failed state."""
    await supervisor.register(lodger(folder, "crash"))
    await supervisor.start("lodger")
    failed = await until_seen(supervisor, lambda seen: seen.state == "failed")
    assert failed.reason == "exit code 3"
    assert len(list(notes(folder))) == starts
    await supervisor.register(lodger(folder, "steady"))
    await supervisor.start("lodger")
    assert (await until_seen(supervisor, lambda seen: seen.state == "running")).restarts == 0, "past failures are forgiven"
    return failed


async def takes_every_verb_twice(supervisor: Supervisor, folder: Path) -> None:
    """Check that `supervisor` accepts every verb twice, and that the second call changes nothing."""
    await supervisor.unregister("lodger")
    for _ in range(2):
        await supervisor.register(lodger(folder, "steady"))
    for _ in range(2):
        await supervisor.start("lodger")
    first = await until_seen(supervisor, lambda seen: seen.state == "running")
    await supervisor.register(lodger(folder, "steady", memory_mb=400))
    assert await supervisor.look("lodger") == first, "registering anew neither starts nor stops"
    for verb in (supervisor.enable, supervisor.disable, supervisor.stop, supervisor.unregister):
        for _ in range(2):
            await verb("lodger")
    assert await supervisor.look("lodger") is None
