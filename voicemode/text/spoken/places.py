"""URLs, mail addresses and file paths: short enough to tell somebody who can look them up.

A URL becomes its host, a path its last part "in" the folder that holds it.
"""

import re

from voicemode.text.spoken.names import say_name
from voicemode.text.spoken.numbers import year
from voicemode.text.spoken.rules import Rule, rewrite_where

EXTENSIONS = (
    "bash|bin|bmp|c|cc|cfg|conf|cpp|cs|css|csv|db|diff|dockerfile|docx?|env|exe|fish|flac|gif|go|gz|h|hpp|html?|ico|ini|ipynb|"
    "java|jpe?g|js|json|jsonl|jsx|key|kt|lock|log|lua|m4a|md|mdx|mjs|mp3|mp4|ogg|onnx|opus|parquet|patch|pdf|pem|php|plist|"
    "png|pptx?|proto|py|pyi|rb|rs|rst|scss|service|sh|sql|sqlite|svg|swift|tar|tex|tf|toml|ts|tsv|tsx|txt|vue|wasm|wav|webm|"
    "webp|whl|xlsx?|xml|ya?ml|zip|zsh"
)
_TOP_DOMAINS = "com|org|net|io|dev|ai|app|edu|gov|uk|de|fr|eu|cloud|xyz|info"
_PATH_TAIL = r"[^\s<>\"'`|)\]},;]*"

_URL = re.compile(rf"\b(?:https?|ftp|wss?|ssh|git)://([^\s<>\"'`|)\]}},;/?#]{{1,300}}){_PATH_TAIL}")
_BARE_URL = re.compile(
    rf"(?<![\w@./-])((?:[a-z0-9-]+\.)+(?:{_TOP_DOMAINS})(?::\d+)?)(?:/{_PATH_TAIL})?(?![\w@])(?!\.\w)", re.IGNORECASE
)
_LOCAL_URL = re.compile(rf"\b(localhost:\d+)(?:/{_PATH_TAIL})?")
_EMAIL = re.compile(r"(?<![\w.+-])([\w.+-]{1,100})@((?:[\w-]+\.)+[\w-]+)")
_LINE_NUMBER = r"(?::(\d+)(?::\d+)?|#L(\d+))?"
_PATH = re.compile(
    r"(?<![\w.@+\-/\\~:<)\]])((?:~|\.{1,2}|[A-Za-z]:)?[\\/](?:[\w.@+-]+[\\/])*[\w.@+-]*|(?:[\w.@+-]+[\\/])+[\w.@+-]*)"
    + _LINE_NUMBER
)
_FILE = re.compile(rf"(?<![\w.@+\-/\\])([\w-]+(?:\.[\w-]+)*\.(?:{EXTENSIONS})){_LINE_NUMBER}(?!\w|\.\w)", re.IGNORECASE)
_DOT_FILE = re.compile(r"(?<![\w.*])\.[a-z][\w-]*(?:\.[a-z][\w-]*)*(?!\w)")
_GLOB = re.compile(r"(?<!\S)\*\.(?=\w)")
_HAS_EXTENSION = re.compile(rf".*\.(?:{EXTENSIONS})", re.IGNORECASE)


_SIGN = re.compile(r"[/\\@]|\.\w")


def say_places(text: str) -> str:
    """Say URLs, addresses and paths in `text` in English words."""
    return rewrite_where(_SIGN, text, _ENGLISH)


def shorten_places(text: str) -> str:
    """Shorten URLs in `text` to their host, for languages without a word table."""
    return _URL.sub(lambda m: _host(m) + _punctuation(m[0]), text)


def _host(found: re.Match[str]) -> str:
    return found[1].rpartition("@")[2].removeprefix("www.").rstrip(".:!?")


def _punctuation(text: str) -> str:
    """Return the final punctuation of a sentence, which a URL or path at its end includes."""
    return text[len(text.rstrip(".!?:")) :]


def _say_url(found: re.Match[str]) -> str:
    host, _, port = _host(found).partition(":")
    # A numeric address is left to the rule for IP addresses.
    said = host if host.replace(".", "").isdigit() else host.replace(".", " dot ")
    return said + (f" port {year(int(port))}" if port.isdecimal() else "") + _punctuation(found[0])


def _say_email(found: re.Match[str]) -> str:
    return f"{found[1].replace('.', ' dot ')} at {found[2].replace('.', ' dot ')}"


def _say_path(found: re.Match[str]) -> str:
    path, end = found[1].rstrip("."), _punctuation(found[1])
    parts = [part for part in re.split(r"[\\/]", path) if part not in ("", ".", "..") and not part.endswith(":")]
    if not parts or not _is_path(path, parts):
        return found[0]
    name, *folders = [say_name("home" if part == "~" else part) for part in reversed(parts)]
    return (f"{name} in {folders[0]}" if folders else name) + _say_line(found) + end


def _is_path(path: str, parts: list[str]) -> bool:
    """True for a path, False for other text with slashes: "and/or", "TCP/IP", "1/2", "3 km/h"."""
    if all(part.isdecimal() for part in parts):
        return False
    has_root = path[0] in "/~.\\" or path[1:2] == ":"
    return has_root or path[-1] in "/\\" or len(parts) > 2 or _HAS_EXTENSION.fullmatch(parts[-1]) is not None


def _say_file(found: re.Match[str]) -> str:
    return say_name(found[1]) + _say_line(found)


def _say_line(found: re.Match[str]) -> str:
    line = found[2] or found[3]
    return f", line {line}" if line else ""


_ENGLISH: list[Rule] = [
    (_URL, _say_url),
    (_EMAIL, _say_email),
    (_BARE_URL, _say_url),
    (_LOCAL_URL, _say_url),
    (_PATH, _say_path),
    (_FILE, _say_file),
    (_GLOB, "star dot "),
    (_DOT_FILE, lambda m: say_name(m[0])),
]
