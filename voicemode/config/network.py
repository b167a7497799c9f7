"""Ways out of this machine that the environment names and that are not settings of ours."""

import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from voicemode.config.urls import DEFAULT_PORTS, is_loopback

SOCKS_PORT = 1080


def proxy_ports() -> frozenset[int]:
    """Ports of this machine at which the environment or the system's settings name a proxy."""
    from urllib.request import getproxies

    named = (text if "://" in text else f"http://{text}" for scheme, text in getproxies().items() if scheme != "no")
    proxies = [proxy for proxy in map(urlsplit, named) if is_loopback(proxy.hostname or "")]
    return frozenset(proxy.port or DEFAULT_PORTS.get(proxy.scheme, SOCKS_PORT) for proxy in proxies)


def sound_servers() -> list[str]:
    """Hosts at which PulseAudio's library looks for microphone and speaker, instead of the sound system of this machine."""
    servers = os.environ.get("PULSE_SERVER") or _default_sound_servers()
    named = (re.sub(r"^({.*?})?(tcp[46]?:)?", "", text) for text in servers.split())
    return [urlsplit(f"//{text}").hostname or "" for text in named if not text.startswith(("/", "unix:"))]


def _default_sound_servers() -> str:
    """Return the sound servers of the library's own file: the one named, else the person's, else the system's."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    named = os.environ.get("PULSE_CLIENTCONFIG")
    places = [Path(named)] if named else [home / "pulse/client.conf", Path("/etc/pulse/client.conf")]
    text = next((place.read_text(errors="replace") for place in places if place.is_file()), "")
    entry = re.search(r"^[ \t]*default-server[ \t]*=(.*)$", text, re.MULTILINE)
    return entry[1] if entry else ""
