"""What the environment says about the network that is no setting of ours: proxies, certificates, sound servers."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from voicemode.config.urls import DEFAULT_PORTS
from voicemode.config.values import printable
from voicemode.errors import ConfigError
from voicemode.loopback import is_loopback

SOCKS_PORT = 1080
USABLE = ("http", "https")
"""Kinds of proxies through which we can ask."""


def proxy_for(url: str) -> str:
    """The proxy through which `url` is asked; empty if it is asked directly, as this machine always is.

    Blocks: some systems look names up for it. Raises ConfigError if the one that is named cannot be used.
    """
    from urllib.request import getproxies, proxy_bypass

    proxies, target = getproxies(), urlsplit(url)
    scheme = target.scheme if proxies.get(target.scheme) else "all"
    named = proxies.get(scheme, "")
    if not named or is_loopback(target.hostname or "") or proxy_bypass(target.netloc):
        return ""
    proxy = _split(named)
    if proxy is None or proxy.scheme not in USABLE:
        raise ConfigError(
            f"{_named_by(scheme)} names a proxy that cannot be used ({_without_credentials(named)}).",
            hint="Name one that begins with http:// or https://, or what needs none in NO_PROXY.",
        )
    return proxy.geturl()


def check_certificates() -> None:
    """Raises ConfigError if SSL_CERT_FILE or SSL_CERT_DIR names something that has no certificates. Reads the file."""
    import ssl

    file, folder = os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", "")
    hint = "Name a file of certificates in PEM format, or unset it."
    if file:
        try:
            ssl.create_default_context(cafile=file)
        except OSError as error:
            reason = "holds no certificates" if isinstance(error, ssl.SSLError) else f"cannot be read: {error.strerror}"
            raise ConfigError(f"SSL_CERT_FILE names {printable(file)}, which {reason}.", hint=hint) from error
    elif folder and not any(map(os.path.isdir, folder.split(os.pathsep))):
        raise ConfigError(f"SSL_CERT_DIR names {printable(folder)}, which is no folder.", hint=hint)


def problems() -> Iterator[ConfigError]:
    """Yield what the environment names that requests to other machines cannot use."""
    told = set()
    for check in (lambda: proxy_for("https://host.invalid"), lambda: proxy_for("http://host.invalid"), check_certificates):
        try:
            check()
        except ConfigError as error:
            if str(error) not in told:
                yield error
            told.add(str(error))


def proxy_ports() -> frozenset[int]:
    """Ports of this machine at which the environment or the system's settings name a proxy."""
    from urllib.request import getproxies

    named = (_split(text) for scheme, text in getproxies().items() if scheme != "no")
    here = (proxy for proxy in named if proxy and is_loopback(proxy.hostname or ""))
    return frozenset(proxy.port or DEFAULT_PORTS.get(proxy.scheme, SOCKS_PORT) for proxy in here)


def sound_servers() -> list[str]:
    """Hosts at which PulseAudio's library looks for microphone and speaker, instead of the sound system of this machine."""
    servers = os.environ.get("PULSE_SERVER") or _default_sound_servers()
    named = (re.sub(r"^({.*?})?(tcp[46]?:)?", "", text) for text in servers.split())
    return [_host(text) for text in named if not text.startswith(("/", "unix:"))]


def _split(proxy: str) -> SplitResult | None:
    """The parts of a proxy's URL, whose scheme may be left out; None if it has no host or no such port."""
    with suppress(ValueError):
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if parts.hostname and parts.port != 0:
            return parts
    return None


def _named_by(scheme: str) -> str:
    """The variable that names the proxy for `scheme`."""
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
    return next((name for name in names if os.environ.get(name)), "The system")


def _without_credentials(proxy: str) -> str:
    before, _, after = proxy.rpartition("@")
    scheme = before.partition("://")[0] if "://" in before else ""
    return printable(f"{scheme}://{after}" if scheme else after)


def _host(text: str) -> str:
    """The host of an address with or without a port; the text itself if it cannot be read, which is no host of ours."""
    try:
        return urlsplit(f"//{text}").hostname or ""
    except ValueError:
        return text


def _default_sound_servers() -> str:
    """Return the sound servers of the library's own file: the one named, else the person's, else the system's."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    named = os.environ.get("PULSE_CLIENTCONFIG")
    places = [Path(named)] if named else [home / "pulse/client.conf", Path("/etc/pulse/client.conf")]
    text = next((place.read_text(errors="replace") for place in places if place.is_file()), "")
    entry = re.search(r"^[ \t]*default-server[ \t]*=(.*)$", text, re.MULTILINE)
    return entry[1] if entry else ""
