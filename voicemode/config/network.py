"""Network configuration outside our own settings: proxies, certificates, sound servers."""

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
"""Schemes of the proxies that we support."""


def proxy_for(url: str) -> str:
    """Return the proxy for requests to `url`; empty for a direct connection, as always to this machine.

    Blocks: some systems look up names for it. Raises ConfigError if the configured proxy cannot be used.
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
    """Raise ConfigError if SSL_CERT_FILE holds no certificates or SSL_CERT_DIR no folder. Reads the file."""
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
    """Yield the errors of proxies and certificates that requests to other machines would meet."""
    told = set()
    for check in (lambda: proxy_for("https://host.invalid"), lambda: proxy_for("http://host.invalid"), check_certificates):
        try:
            check()
        except ConfigError as error:
            if str(error) not in told:
                yield error
            told.add(str(error))


def proxy_ports() -> frozenset[int]:
    """Return the ports of this machine at which the environment or the system's settings name a proxy."""
    from urllib.request import getproxies

    named = (_split(text) for scheme, text in getproxies().items() if scheme != "no")
    here = (proxy for proxy in named if proxy and is_loopback(proxy.hostname or ""))
    return frozenset(proxy.port or DEFAULT_PORTS.get(proxy.scheme, SOCKS_PORT) for proxy in here)


def sound_servers() -> list[str]:
    """Return the hosts where PulseAudio's library looks for microphone and speaker, instead of on this machine."""
    servers = os.environ.get("PULSE_SERVER") or _default_sound_servers()
    named = (re.sub(r"^({.*?})?(tcp[46]?:)?", "", text) for text in servers.split())
    return [_host(text) for text in named if not text.startswith(("/", "unix:"))]


def _split(proxy: str) -> SplitResult | None:
    """Split a proxy's URL, whose scheme may be omitted; None if it has no host or no valid port."""
    with suppress(ValueError):
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        if parts.hostname and parts.port != 0:
            return parts
    return None


def _named_by(scheme: str) -> str:
    """Return the variable that names the proxy for `scheme`."""
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
    return next((name for name in names if os.environ.get(name)), "The system")


def _without_credentials(proxy: str) -> str:
    before, _, after = proxy.rpartition("@")
    scheme = before.partition("://")[0] if "://" in before else ""
    return printable(f"{scheme}://{after}" if scheme else after)


def _host(text: str) -> str:
    """Return the host of an address with or without a port; if it cannot be parsed, the text, which is not loopback."""
    try:
        return urlsplit(f"//{text}").hostname or ""
    except ValueError:
        return text


def _default_sound_servers() -> str:
    """Return the sound servers of the library's own file: the configured one, else the person's, else the system's."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    named = os.environ.get("PULSE_CLIENTCONFIG")
    places = [Path(named)] if named else [home / "pulse/client.conf", Path("/etc/pulse/client.conf")]
    text = next((place.read_text(errors="replace") for place in places if place.is_file()), "")
    entry = re.search(r"^[ \t]*default-server[ \t]*=(.*)$", text, re.MULTILINE)
    return entry[1] if entry else ""
