"""Environment of the programs we start: the settings they read and the variables their system needs. No secrets."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from voicemode.config.settings import Settings, env_name, find_setting
from voicemode.config.values import render

if TYPE_CHECKING:
    import psutil

NEEDED = frozenset(
    """
    PATH HOME USER LOGNAME LANG LANGUAGE TZ TMPDIR TMP TEMP XDG_CACHE_HOME XDG_RUNTIME_DIR
    USERPROFILE USERNAME HOMEDRIVE HOMEPATH APPDATA LOCALAPPDATA SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT
    LD_LIBRARY_PATH DYLD_LIBRARY_PATH PYTHONPATH PYTHONHOME PYTHONUTF8 VIRTUAL_ENV OMP_NUM_THREADS
    HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE HF_HOME HF_HUB_DISABLE_XET
    """.split()  # noqa: SIM905 a list of literals would be forty lines
)
"""Variables for the system, the interpreter and downloads. Those of proxies are often written in lower case."""

OF_THIS_INTERPRETER = frozenset({"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"})
ELSEWHERE = frozenset({"UV_SYSTEM_PYTHON", "UV_TARGET", "UV_PREFIX", "PIP_USER", "PIP_TARGET", "PIP_PREFIX"})
"""Variables that make an installer put packages somewhere other than its arguments say."""


def child_environment(settings: Settings, names: Iterable[str], python: str = sys.executable) -> dict[str, str]:
    """Return the environment of a child that reads the settings `names` (fields): their current values, and little else.

    `python` is the interpreter of the child; variables that concern only ours are left out for another.
    """
    inherited = {name: text for name, text in os.environ.items() if name.upper() in NEEDED or name.startswith("LC_")}
    if python != sys.executable:
        inherited = {name: text for name, text in inherited.items() if name not in OF_THIS_INTERPRETER}
    return inherited | _given(settings, names)


def base_dir_of(process: "psutil.Process") -> str:
    """Return the base directory passed to a VoiceMode process of this user; empty if none. Raises psutil.Error."""
    return process.environ().get(env_name(find_setting("base_dir")), "")


def installer_environment() -> dict[str, str]:
    """Return the environment of uv or pip: variables for the system and for them, but none for this interpreter."""
    given = {name: text for name, text in os.environ.items() if _is_needed(name) or _is_for_installers(name)}
    # A service that is built from a clone does not wait for the web page to be built.
    return given | {"VOICEMODE_PAGE": "keep"}


def uv_that_started_us() -> str:
    """Return the path of the uv that runs this program (uvx); empty if none does."""
    return os.environ.get("UV", "")


def unit_environment(settings: Settings, names: Iterable[str]) -> dict[str, str]:
    """Return the environment written into the unit of a service that reads the settings `names` (fields).

    Other users can read it: no secrets. It must not depend on who writes it: nothing else of this environment.
    """
    return _given(settings, names)


def forbid_telemetry() -> None:
    """Disable telemetry in the libraries that this process loads from now on."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def colours_wanted() -> bool:
    """True unless the person has disabled colours in the terminal (no-color.org)."""
    return not os.environ.get("NO_COLOR")


def runtime_dir() -> Path | None:
    """Return the folder of the sockets of this user's session; None on Windows, which has none."""
    if sys.platform == "win32":
        return None
    return Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")


def _given(settings: Settings, names: Iterable[str]) -> dict[str, str]:
    given = {env_name(find_setting(name)): render(getattr(settings, name)) for name in names}
    return {name: text for name, text in given.items() if text}


def _is_needed(name: str) -> bool:
    return (name.upper() in NEEDED and name not in OF_THIS_INTERPRETER) or name.startswith("LC_")


def _is_for_installers(name: str) -> bool:
    return name.startswith(("UV_", "PIP_")) and name not in ELSEWHERE
