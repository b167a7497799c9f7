"""Names of files, folders and identifiers, which are made of words; and technical names, which are not said as spelled."""

import re
from pathlib import Path

from voicemode.text.spoken.numbers import cardinal, digits, year
from voicemode.text.spoken.rules import Rule, rewrite

_TRADE = dict(
    line.split(" = ")
    for line in (Path(__file__).parent / "trade.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
)
_WORD = re.compile(r"(?<![\w'’])[A-Za-z]\w*(?!\w)")

_EXTENSIONS = {"txt": "text", "yml": "yaml", "json": "JSON", "jpg": "JPEG", "cpp": "C plus plus", "cs": "C sharp"}
_LETTER_BY_LETTER = """
acl ai api apis arn asgi aws cdn ci cidr cli cpu cpus crud css csv db dbs dll dns dom dto eof eol etl faq ffi ftp gcp
gid gpu gpus grpc html http https iam id ide ids io ip ipc ips ipv jdk json jvm jwt kv llm llms lsp mcp ml mq mtls mvp
nfs nlp npm npx oop orm os pdf pdfs pgp php pid pids png poc pr prs pty qa rpc rpm rps rss sdk sdks sha sla smtp sql sse ssh
ssl sso stt svg tcp tls tsx ttfb ttl tts tty tui udp ui uid uri uris url urls utc utf uuid uuids ux vm vms vpc vpn wal
ws www xml xss
"""
_INITIALISMS = frozenset(_LETTER_BY_LETTER.split())
"""Words said letter by letter, in upper or lower case."""
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SHORTEST_SHOUT = 5
_VOWEL = re.compile("[aeiouy]", re.IGNORECASE)


def say_name(name: str) -> str:
    """Say the name of a file or folder: "test_main.py" -> "test main dot py"."""
    *stem, last = re.sub(r"[-_+@]+", " ", name).split(".")
    if stem:
        last = _EXTENSIONS.get(last.lower()) or (last if _VOWEL.search(last) else last.upper())
    words = [split_humps(_quiet(part)) for part in stem] + [last if stem else split_humps(_quiet(last))]
    return " dot ".join(words).strip()


def _quiet(word: str) -> str:
    """Return a long upper-case word in lower case: README is a word, not six letters."""
    return word.lower() if word.isupper() and len(word) >= _SHORTEST_SHOUT else word


def split_humps(name: str) -> str:
    """Split camel case: getUserId -> get user ID; words other than initialisms are in lower case."""
    words = _HUMP.sub(" ", name).split()
    if len(words) > 1:
        words = [word if word.isupper() and len(word) > 1 else word.lower() for word in words]
    return " ".join(map(initialism, words))


def initialism(word: str) -> str:
    """Return `word`, in capitals if it is said letter by letter."""
    if word.lower() not in _INITIALISMS:
        return word
    return f"{word[:-1].upper()}s" if word.lower().endswith("s") and word[:-1].lower() in _INITIALISMS else word.upper()


def say_snake(found: re.Match[str]) -> str:
    """Say snake case: MAX_RETRIES -> max retries; API_KEY -> API key."""
    name = found[0].strip("_")
    parts = [part for part in (name.lower() if name.isupper() else name).split("_") if part]
    return " ".join(map(split_humps, parts))


def _letters(text: str) -> str:
    """Say the letters of a name beside a digit: as a word if possible, else letter by letter."""
    if len(text) > 3 or (len(text) == 3 and _VOWEL.search(text) and text.lower() not in _INITIALISMS):
        return text
    return text.upper()


def _number(text: str) -> str:
    """Say a number as in names: 256 is "two fifty-six"."""
    if text[0] == "0" or len(text) > 4:
        return digits(text)
    if len(text) == 3 and text[1:] != "00":
        return f"{cardinal(int(text[0]))} {'oh ' if text[1] == '0' else ''}{cardinal(int(text[1:]))}"
    return year(int(text))


def say_mixed_name(found: re.Match[str]) -> str:
    """Say a name of letters and digits: "rc2" -> "RC two"."""
    parts = re.findall(r"[A-Za-z]+|\d+", found[0])
    return " ".join(_number(part) if part.isdecimal() else _letters(part) for part in parts)


MIXED_NAME = re.compile(
    r"(?<![\w.])(?=[A-Za-z-]{0,30}\d)(?=[\d-]{0,30}[A-Za-z])(?:[A-Za-z]{1,30}-?\d{1,30}|\d{1,30}[A-Za-z]{1,30})"
    r"(?:[A-Za-z]+\d*|\d+)*(?!\w|[.-]\d)"
)
"""Names of letters and digits: rc2, GPT-4o, 3D."""
_QUIET_WORDS = "hmm|mm|shh|psst|brr|nth|th|st|nd|rd|mrs?|dr|vs|px|tsk|pfft|grr|zzz"
_INITIALS: list[Rule] = [
    (re.compile(r"(?<!\w)[A-Z]{2,}(?=[A-Z][a-z]{2})[A-Za-z]+(?!\w)"), lambda m: split_humps(m[0])),
    (
        re.compile(r"(?<!\w)(?:(?:[A-Z][a-z]+)+(?:Error|Exception|Warning)|(?:[A-Z][a-z]+){4,})(?!\w)"),
        lambda m: split_humps(m[0]),
    ),
    (re.compile(r"(?<!\w)[A-Z]{6,}(?!\w)"), lambda m: m[0].lower()),
    (
        re.compile(
            rf"(?<![\w.'’-])(?!(?:{_QUIET_WORDS})\b)(?:{'|'.join(_INITIALISMS)}|[bcdfghjklmnpqrstvwxz]{{2,5}})(?!\w|['’](?!s\b)|\.\w)"
        ),
        lambda m: initialism(m[0]) if m[0] in _INITIALISMS else m[0].upper(),
    ),
]


def say_trade_names(text: str) -> str:
    """Respell technical names: "nginx" -> "engine X"."""
    return _WORD.sub(lambda found: _TRADE.get(found[0].lower(), found[0]), text)


def say_initialisms(text: str) -> str:
    """Mark words said letter by letter with capitals, and write other words in lower case: "HTTPClient" -> "HTTP client"."""
    return rewrite(text, _INITIALS)
