"""Tools are plain async functions whose first parameter is the App.

Put a module in this folder and decorate a function with `@tool`: the function is an MCP tool and a CLI command. Its
docstring is the description, and the `Args:` section describes the parameters. The dataclass that it returns is the
structured result, and `str()` of that is the text.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from voicemode.config import Settings
from voicemode.errors import VoiceModeError

Tool = Callable[..., Awaitable[Any]]
F = TypeVar("F", bound=Tool)


class BrokenToolError(VoiceModeError):
    """The file of a tool cannot be imported or breaks the rules above."""


@dataclass(frozen=True, slots=True)
class Description:
    summary: str
    """The docstring without its sections."""
    parameters: dict[str, str] = field(default_factory=dict)


def tool(fn: F) -> F:
    """Mark a function as a tool."""
    fn.__voicemode_tool__ = True  # type: ignore[attr-defined]
    return fn


def diagnostic(fn: F) -> F:
    """Mark a tool as one that runs even if the settings are wrong, and reports that."""
    fn.__voicemode_diagnostic__ = True  # type: ignore[attr-defined]
    return fn


def is_diagnostic(fn: Tool) -> bool:
    return hasattr(fn, "__voicemode_diagnostic__")


def load() -> dict[str, Tool]:
    """Return every tool by name, sorted by module. Raises BrokenToolError, which names the file."""
    found: dict[str, Tool] = {}
    for info in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        for fn in _tools_of(f"{__name__}.{info.name}"):
            if fn.__name__ in found:
                raise BrokenToolError(
                    f"Two tools are named {fn.__name__}: in {found[fn.__name__].__module__} and {fn.__module__}."
                )
            found[fn.__name__] = fn
    return found


def _tools_of(module_name: str) -> list[Tool]:
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise BrokenToolError(f"The tool file {module_name} cannot be imported: {type(error).__name__}: {error}") from error
    found = [fn for fn in vars(module).values() if getattr(fn, "__voicemode_tool__", False) and fn.__module__ == module_name]
    for fn in found:
        if missing := [p.name for p in parameters(fn) if p.name not in describe(fn).parameters]:
            raise BrokenToolError(f"The tool {fn.__name__} in {module_name} does not describe {', '.join(missing)} under Args.")
    return found


def select(tools: dict[str, Tool], settings: Settings) -> dict[str, Tool]:
    """Return the tools that an agent sees. Raises VoiceModeError for a name that no tool has."""
    enabled, disabled = settings.tools_enabled, settings.tools_disabled
    for name in (*enabled, *disabled):
        if name not in tools and name != "all":
            raise VoiceModeError(
                f"There is no tool named {name!r}.",
                hint=f"Correct VOICEMODE_TOOLS_ENABLED or VOICEMODE_TOOLS_DISABLED; there are: {', '.join(tools)}, all.",
            )
    return {name: fn for name, fn in tools.items() if ("all" in enabled or name in enabled) and name not in disabled}


def parameters(fn: Tool) -> list[inspect.Parameter]:
    """Return the parameters that a caller gives: all but the App."""
    _, *rest = inspect.signature(fn, eval_str=True).parameters.values()
    return rest


def describe(fn: Tool) -> Description:
    """Split the docstring into summary and parameters."""
    summary, _, sections = (inspect.getdoc(fn) or "").partition("\nArgs:\n")
    entries = re.findall(r"^    (\w+): (.+(?:\n {8}.+)*)", sections, re.MULTILINE)
    return Description(summary.strip(), {name: re.sub(r"\s+", " ", text) for name, text in entries})


def lean(schema: Any) -> Any:
    """A JSON schema without the titles pydantic makes of names: a model pays for each word of it."""
    if isinstance(schema, dict):
        return {key: lean(value) for key, value in schema.items() if key != "title" or isinstance(value, dict)}
    return [lean(item) for item in schema] if isinstance(schema, list) else schema
