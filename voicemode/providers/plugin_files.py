"""Python files of the person that each add a kind of provider: run only if nobody else can have written them."""

import os
import stat
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

MODULE = "voicemode_provider_{name}"
"""What a file is called among the modules of this process."""
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def files(folder: Path) -> list[Path]:
    """The files in `folder` that are meant: Python, and not beginning with an underscore or a dot."""
    try:
        return sorted(path for path in folder.glob("*.py") if path.name[0] not in "_.")
    except OSError:
        return []


def run(path: Path) -> ModuleType:
    """The module that the file at `path` makes.

    Raises PermissionError with the reason if somebody else may have written it, and whatever the file itself raises.
    """
    source = _read(path)
    name = MODULE.format(name=path.stem)
    spec = spec_from_loader(name, loader=None, origin=str(path))
    if spec is None:  # only for namespace packages
        raise ImportError(f"{path} cannot be a module")
    module = module_from_spec(spec)
    module.__file__ = str(path)
    # Classes of a module are looked up in it by dataclasses, pickle and typing.
    sys.modules[name] = module
    try:
        # What was checked is what is run: the import system would read the file again, or somebody's .pyc beside it.
        exec(compile(source, path, "exec"), module.__dict__)  # noqa: S102 - it is the person's own file
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        if os.name == "posix":
            for reason in _doubts(path, os.fstat(file.fileno())):
                raise PermissionError(reason)
        return file.read()


def _doubts(path: Path, opened: os.stat_result) -> Iterator[str]:
    """Why somebody else may have written the file at `path`, which was `opened`."""
    places = [(path, opened), *((folder, folder.stat()) for folder in {path.parent, path.resolve().parent})]
    for place, status in places:
        if status.st_uid != os.getuid():
            yield f"{place} belongs to another user; make it yours: chown {os.getuid()} {place}"
        if status.st_mode & WRITABLE_BY_OTHERS:
            yield f"others may write {place}; forbid it: chmod go-w {place}"
