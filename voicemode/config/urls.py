"""Which address a URL means, and whether a key may be sent there."""

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

ALLOWED = "http:// or https://, a host, and at most a port and a path"
DEFAULT_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """Scheme, host, port and path segments of a URL, so that two URLs can be compared without surprises."""

    scheme: str
    host: str
    port: int
    path: tuple[str, ...]

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Raises ValueError for what is no http(s) URL, and for what another parser could read differently."""
        if re.search(r"[\s\\\x00-\x1f\x7f]", url):
            raise ValueError(ALLOWED)
        parts = urlsplit(url)
        segments = tuple(segment for segment in unquote(parts.path).split("/") if segment)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname or {".", ".."} & set(segments):
            raise ValueError(ALLOWED)
        return cls(parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme], segments)

    def covers(self, other: "Address") -> bool:
        """Whether `other` is this address or below it; `/v1` covers `/v1/audio`, not `/v10`."""
        return self[:3] == other[:3] and other.path[: len(self.path)] == self.path

    @property
    def confidential(self) -> bool:
        """Whether nobody on the way can read what is sent."""
        return self.scheme == "https" or is_loopback(self.host)


def same_address(url: str, other: str) -> bool:
    """Whether two http(s) URLs mean the same, however they are written: this machine has several names."""
    one, two = (Address.parse(text) for text in (url, other))
    hosts = one.host == two.host or (is_loopback(one.host) and is_loopback(two.host))
    return hosts and (one.scheme, one.port, one.path) == (two.scheme, two.port, two.path)


def is_loopback(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def http_url(text: str) -> str:
    """`text`, if it is a URL without credentials, query and fragment. Raises ValueError saying what is allowed."""
    if re.search("[@?#=]", text):
        raise ValueError(f"{ALLOWED}; keys belong in VOICEMODE_API_KEYS")
    try:
        Address.parse(text)
    except ValueError:
        raise ValueError(ALLOWED) from None
    return text


def key_entry(text: str) -> str:
    """`text`, if it is URL=KEY: split at the first `=`, for keys may have more. Raises ValueError."""
    url, _, key = (part.strip() for part in text.partition("="))
    if not key or not key.isascii() or not key.isprintable():
        raise ValueError("URL=KEY")
    if not Address.parse(http_url(url)).confidential:
        raise ValueError("URL=KEY with an https:// URL: a key is sent in the clear to this machine only")
    return f"{url}={key}"
