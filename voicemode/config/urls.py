"""The address that a URL means, and the check that a key may be sent there."""

import re
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from voicemode.loopback import is_loopback

ALLOWED = "http:// or https://, a host, and at most a port and a path"
SPEECH_ALLOWED = f"{ALLOWED}; another scheme if a provider of yours has that name"
DEFAULT_PORTS = MappingProxyType({"http": 80, "https": 443, "ws": 80, "wss": 443})
ENCRYPTED = ("https", "wss")


class Address(NamedTuple):
    """Scheme, host, port and path segments of a URL, so that two URLs can be compared without surprises."""

    scheme: str
    """Scheme in lower case: http, https, or the name of a provider plugin."""
    host: str
    port: int
    """Port; 0 if neither the URL nor the scheme determines it."""
    path: tuple[str, ...]

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Parse `url`. Raises ValueError for a URL without a host, or one that another parser could read differently."""
        if re.search(r"[\s\\\x00-\x1f\x7f]", url):
            raise ValueError(SPEECH_ALLOWED)
        parts = urlsplit(url)
        segments = tuple(segment for segment in unquote(parts.path).split("/") if segment)
        if not parts.scheme or not parts.hostname or {".", ".."} & set(segments):
            raise ValueError(SPEECH_ALLOWED)
        return cls(parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme, 0), segments)

    def covers(self, other: "Address") -> bool:
        """True if `other` is this address or below it; `/v1` covers `/v1/audio`, not `/v10`."""
        return self[:3] == other[:3] and other.path[: len(self.path)] == self.path

    @property
    def confidential(self) -> bool:
        """True if nobody on the way can read the data sent."""
        return self.scheme in ENCRYPTED or self.is_here

    @property
    def is_here(self) -> bool:
        """True if the address is on this machine."""
        return is_loopback(self.host)

    @property
    def is_http(self) -> bool:
        return self.scheme in ("http", "https")


def same_address(url: str, other: str) -> bool:
    """True if two URLs mean the same address, however written: this machine has several names."""
    one, two = (Address.parse(text) for text in (url, other))
    hosts = one.host == two.host or (is_loopback(one.host) and is_loopback(two.host))
    return hosts and (one.scheme, one.port, one.path) == (two.scheme, two.port, two.path)


def http_url(text: str) -> str:
    """Return `text` if it is an HTTP URL without credentials, query and fragment. Raises ValueError with the form allowed."""
    if not _parsed(text, ALLOWED).is_http:
        raise ValueError(ALLOWED)
    return text


def speech_url(text: str) -> str:
    """Return `text` if it is a URL of any scheme: the valid ones depend on the plugins. Raises ValueError."""
    _parsed(text, SPEECH_ALLOWED)
    return text


def room_url(text: str) -> str:
    """Return `text` if it is the confidential URL of a LiveKit server. Raises ValueError."""
    allowed = f"ws:// or wss:// instead of {ALLOWED}"
    address = _parsed(text, allowed)
    if address.scheme not in ("ws", "wss", "http", "https"):
        raise ValueError(allowed)
    if not address.confidential:
        raise ValueError("wss:// or https://: what lets people into rooms is sent in the clear to this machine only")
    return text


def key_entry(text: str) -> str:
    """Return `text` if it is URL=KEY: split at the first `=`, since keys can have more. Raises ValueError."""
    url, _, key = (part.strip() for part in text.partition("="))
    if not key or not key.isascii() or not key.isprintable():
        raise ValueError("URL=KEY")
    if not _parsed(url, SPEECH_ALLOWED).confidential:
        raise ValueError("URL=KEY with an https:// or wss:// URL: a key is sent in the clear to this machine only")
    return f"{url}={key}"


def _parsed(text: str, allowed: str) -> Address:
    if re.search("[@?#=]", text):
        raise ValueError(f"{allowed}; keys belong in VOICEMODE_API_KEYS")
    try:
        return Address.parse(text)
    except ValueError:
        raise ValueError(allowed) from None
