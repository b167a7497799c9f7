"""What a program that we start gets to know: the settings it reads and what its system needs. No secret."""

import os
from collections.abc import Iterable

from voicemode.config.settings import Settings, env_name, find_setting
from voicemode.config.values import render

NEEDED = frozenset(
    """
    PATH HOME USER LOGNAME LANG LANGUAGE TZ TMPDIR TMP TEMP XDG_CACHE_HOME XDG_RUNTIME_DIR
    USERPROFILE USERNAME HOMEDRIVE HOMEPATH APPDATA LOCALAPPDATA SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT
    LD_LIBRARY_PATH DYLD_LIBRARY_PATH PYTHONPATH PYTHONHOME PYTHONUTF8 VIRTUAL_ENV OMP_NUM_THREADS
    HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE HF_HOME HF_HUB_DISABLE_XET
    """.split()  # noqa: SIM905 a list of literals would be forty lines
)
"""For the system, the interpreter and downloads. Proxies are often written in small letters."""


def child_environment(settings: Settings, names: Iterable[str]) -> dict[str, str]:
    """The environment of a child that reads the settings `names` (fields): those, as they are here, and little else."""
    inherited = {name: text for name, text in os.environ.items() if name.upper() in NEEDED or name.startswith("LC_")}
    given = {env_name(find_setting(name)): render(getattr(settings, name)) for name in names}
    return inherited | {name: text for name, text in given.items() if text}
