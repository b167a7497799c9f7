"""Address of a speech endpoint, and the meaning of its error responses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urlsplit

from voicemode.errors import (
    NO_REMEDY,
    ConfigError,
    ProviderError,
    RefusedFormatError,
    RefusedKeyError,
    Remedy,
    UnsuitableError,
    remedy_of,
)
from voicemode.http_client.body import parsed
from voicemode.loopback import is_loopback

OPENAI_HOST = "api.openai.com"
_QUOTE_CHARS = 200
_FORMAT = re.compile(rb"format|codec|decod|media.type|content.type", re.IGNORECASE)
"""Words of a server that does not support an audio format. A false match costs one more request."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The base URL of an OpenAI-compatible API, and the key that is sent there and nowhere else."""

    url: str
    """Like http://127.0.0.1:2022/v1, without query or credentials."""
    api_key: str = field(default="", repr=False)
    name: str = ""
    """Display name; the URL if empty."""

    def __post_init__(self) -> None:
        """Check the URL and the key. Raises ConfigError."""
        parts = _split(self.url)
        if parts is None or parts.query or parts.fragment or "@" in parts.netloc:
            raise ConfigError(
                f"{_without_secrets(self.url)!r} is not the base URL of a speech endpoint.",
                hint="It looks like http://127.0.0.1:8880/v1 and has no query; keys belong in VOICEMODE_API_KEYS.",
            )
        # The HTTP library would quote the whole header, key included, in its error.
        if self.api_key and not (self.api_key.isascii() and self.api_key.isprintable() and " " not in self.api_key):
            raise ConfigError(f"The key of {self.url} holds characters that no key has.", hint=self.key_hint)

    def at(self, path: str) -> str:
        """Return the URL of `path`, such as "audio/speech"."""
        return f"{self.url.rstrip('/')}/{path}"

    def __str__(self) -> str:
        return self.name or self.url

    @property
    def is_here(self) -> bool:
        """True if the endpoint is on this machine."""
        return is_loopback(urlsplit(self.url).hostname or "")

    @property
    def is_openai(self) -> bool:
        return urlsplit(self.url).hostname == OPENAI_HOST

    @property
    def key_hint(self) -> Remedy:
        """Remedy that names the setting for the key."""
        if self.is_openai:
            return Remedy("Set a valid key; it is asked for", "voicemode config set OPENAI_API_KEY")
        return Remedy(f"Set VOICEMODE_API_KEYS ({self.url}=KEY) to a valid key.")


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable and not any(c.isspace() for c in url) else None


def _without_secrets(url: str) -> str:
    return url.rpartition("@")[2].partition("?")[0]


def refusal(endpoint: Endpoint, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Return the error for an HTTP response other than success. Header names are in lower case."""
    reason = f"({status}): {quote(endpoint, body)}"
    match status:
        case 401 | 403:
            refused = "did not accept the key" if endpoint.api_key else "wants a key"
            return RefusedKeyError(f"{endpoint} {refused} {reason}", hint=endpoint.key_hint)
        case 400 | 415 | 422:
            about_format = status == 415 or _FORMAT.search(body)
            return (RefusedFormatError if about_format else UnsuitableError)(f"{endpoint} failed {reason}")
        case 404:
            return ProviderError(f"{endpoint} has nothing here {reason}", transient=False, hint=_not_found_hint(endpoint))
        case 413:
            return UnsuitableError(f"{endpoint} does not take that much audio at once {reason}")
        case _ if 300 <= status < 400:
            hint = f"If you trust it, set its base URL to where it points: {_origin_and_path(headers.get('location', ''))}"
            return ProviderError(f"{endpoint} has moved ({status}).", transient=False, hint=hint)
    wait = retry_after_seconds(headers, datetime.now(UTC))
    if status == 429:
        text = f"{endpoint} is asked too often or has no credit left {reason}"
        return ProviderError(text, transient=b"insufficient_quota" not in body, retry_after_seconds=wait)
    transient = status >= 500 or status in (408, 409, 425)
    remedy = _remedy(body) if endpoint.is_here else NO_REMEDY
    return ProviderError(f"{endpoint} failed {reason}", transient=transient, retry_after_seconds=wait, hint=remedy)


def _not_found_hint(endpoint: Endpoint) -> str:
    if endpoint.url.rstrip("/").endswith("/v1"):
        return "Check the URL, and that the model and voice asked for exist there."
    return f"Check its base URL; it usually ends in /v1: {endpoint.at('v1')}"


def _origin_and_path(location: str) -> str:
    return _without_secrets(location).partition("#")[0] or "(it does not say where)"


def quote(endpoint: Endpoint, body: bytes) -> str:
    """Return the server's own error text: one line, short, without the key."""
    text = body.decode("utf-8", "replace").strip()
    if text[:1] == "<":
        text = "an HTML page"
    text = _message(parsed(text)) or text
    if endpoint.api_key:
        text = text.replace(endpoint.api_key, "***")
    line = " ".join(text.split())
    return f"{line[:_QUOTE_CHARS]}…" if len(line) > _QUOTE_CHARS else line or "no reason given."


def _remedy(body: bytes) -> Remedy:
    """Return the remedy that a server of our own sends with its error."""
    said = parsed(body)
    error = said.get("error") if isinstance(said, dict) else None
    return remedy_of(error.get("remedy")) if isinstance(error, dict) else NO_REMEDY


def _message(answer: object) -> str:
    """Text in ours: {"error": {"reason"}}; OpenAI: {"error": {"message"}}; others: {"error"}, {"detail"}, {"message"}."""
    while isinstance(answer, dict):
        answer = next((answer[key] for key in ("error", "reason", "message", "detail", "msg") if answer.get(key)), None)
    return answer if isinstance(answer, str) else ""


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - now).total_seconds())
