"""Written text → text the pronouncing dictionary can read. Pure.

Only what it gets wrong by itself: times, dates, units, ranges, file names, addresses, letters of other alphabets.
"""

import re
import unicodedata
from collections.abc import Callable
from types import MappingProxyType

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_UNITS = MappingProxyType(
    {
        "%": "percent",
        "°": "degrees",
        "°C": "degrees Celsius",
        "°F": "degrees Fahrenheit",
        "ns": "nanoseconds",
        "ms": "milliseconds",
        "sec": "seconds",
        "min": "minutes",
        "mm": "millimeters",
        "cm": "centimeters",
        "km": "kilometers",
        "mg": "milligrams",
        "kg": "kilograms",
        "ml": "milliliters",
        "km/h": "kilometers per hour",
        "mph": "miles per hour",
        "Hz": "hertz",
        "kHz": "kilohertz",
        "MHz": "megahertz",
        "GHz": "gigahertz",
        "kB": "kilobytes",
        "KB": "kilobytes",
        "MB": "megabytes",
        "GB": "gigabytes",
        "TB": "terabytes",
        "MB/s": "megabytes per second",
        "GB/s": "gigabytes per second",
        "kbps": "kilobits per second",
        "Mbps": "megabits per second",
        "fps": "frames per second",
        "dB": "decibels",
        "k": "thousand",
        "K": "thousand",
        "M": "million",
        "x": "times",
    }
)
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_FRACTIONS = MappingProxyType(
    {"1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters"}
)
_SIGNS = MappingProxyType(
    {"=": "equals", "<": "less than", ">": "greater than", "≤": "at most", "≥": "at least", "≠": "is not"}
)
_CHARACTERS = str.maketrans(
    {
        "→": " to ",
        "⇒": " to ",
        "←": " from ",
        "×": " times ",
        "÷": " divided by ",
        "±": " plus or minus ",
        "≈": " about ",
        "−": "-",
        "\N{NON-BREAKING HYPHEN}": "-",
        "•": "\n",
        "·": " ",
        "*": " ",
        "`": " ",
        "|": ", ",
        "\\": " backslash ",
        "^": " ",
        "~": " ",
        "_": " ",
        "’": "'",
        "‘": "'",
        "…": "...",
        "，": ", ",
        "。": ". ",
        "？": "? ",
        "！": "! ",
    }
)
_READABLE = re.compile(r"[^\nA-Za-z0-9 .,;:!?'\"“”()\[\]{}—–/$£€%&+@#-]")


def speakable(text: str) -> str:
    """`text`, ready for the dictionary: words, numbers and punctuation, in lines. What cannot be read is left out."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return to_ascii(text)


def to_ascii(text: str) -> str:
    """Letters without their accents; characters of other alphabets become spaces."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_CHARACTERS))
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return _READABLE.sub(" ", bare.translate(_CHARACTERS))


def spoken_time(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    if minute == 0:
        return f"{hour} o'clock" if not match[3] else str(hour)
    return f"{hour} oh {minute}" if minute < 10 else f"{hour} {minute}"


def spoken_date(match: re.Match[str]) -> str:
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return f"{_MONTHS[month - 1]} {day}{ordinal_ending(day)}, {year}"


def spoken_range(match: re.Match[str]) -> str:
    """Tell ranges from telephone numbers: 3-5 and 1990-1995 are ranges, 555-1234 is not."""
    first, last = match[1], match[2]
    is_range = int(first) < int(last) and (len(first) == len(last) or len(last) < 4)
    return f"{first} to {last}" if is_range else f"{first}, {last}"


def spoken_digits(match: re.Match[str]) -> str:
    """A number too large to have a name, digit by digit."""
    digits = match[0].replace(",", "")
    return " ".join(digits) if len(digits) > 15 else match[0]


def ordinal_ending(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def spoken_address(match: re.Match[str]) -> str:
    """A URL or path as it would be read out: without its protocol and its query."""
    path = re.split(r"[?#]", match[1])[0].strip("/")
    return re.sub(r"\s+", " ", path.replace(".", " dot ").replace("/", " slash ").replace("-", " dash ").replace("_", " "))


def rule(
    pattern: str, replacement: str | Callable[[re.Match[str]], str]
) -> tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]:
    return re.compile(pattern), replacement


_RULES = (
    rule(r"https?://(?:www\.)?([^\s<>\"'“”]*[\w/])", spoken_address),
    rule(r"\b(\d{4})-(\d\d)-(\d\d)\b", spoken_date),
    rule(r"\b([01]?\d|2[0-4]):([0-5]\d)(?::[0-5]\d)?(?=(\s?[ap]\.?m\b)?)(?!\d)", spoken_time),
    rule(r"(?<=\d)\s?([AaPp])\.?[Mm]\b\.?", lambda m: f" {m[1].lower()}.m."),
    rule(r"\be\.g\.,?", "for example,"),
    rule(r"\bi\.e\.,?", "that is,"),
    rule(r"\b[Vv]s\.?(?=\s)", "versus"),
    rule(r"\b[Nn]o\.\s?(?=\d)", "number "),
    rule(r"#(?=\d)", "number "),
    rule(r"\b([A-G])#", r"\1 sharp"),
    rule(r"(?<!\d)([123]/[234])(?![\d/])", lambda m: _FRACTIONS.get(m[1], m[1])),
    rule(r"½", " one half"),
    rule(r"¼", " one quarter"),
    rule(r"¾", " three quarters"),
    rule(rf"(?<=\d)\s?({_UNIT})(?![\w/])", lambda m: f" {_UNITS[m[1]]}"),
    rule(r"(?<![\w.-])(\d+)\s?[-–]\s?(\d+)(?![\w-])", spoken_range),
    rule(r"(?<=\d)(?:\.\d+){2,}", lambda m: m[0].replace(".", " point ")),
    rule(r"(\w{40})\w+", r"\1"),  # nobody reads out a key or a hash to its end
    rule(r"\d[\d,]{15,}", spoken_digits),
    rule(r"\S{48}", r"\g<0> "),  # the dictionary takes for ever over longer ones
    rule(r"(?<=\w\w)\.(?=[a-z]{2,5}\b)(?!\.)", " dot "),
    rule(r"(?<=\s)(=|<|>|≤|≥|≠)=?(?=\s)", lambda m: _SIGNS[m[1]]),
    rule(r"(?<=\d)\s?\*\s?(?=\d)", " times "),
    rule(r"~\s?(?=\d)", "about "),
    rule(r"\b[Rr][Ee][Aa][Dd][Mm][Ee]\b", "read me"),
    # Words in capitals that are no abbreviation, and abbreviations that are not in capitals.
    rule(r"\b[A-Z]{6,}\b", lambda m: m[0].lower()),
    rule(
        r"\b(?!hmm|mm|shh|psst|brr|nth|th|st|nd|rd|[mM]rs?|[dD]r)[bcdfghjklmnpqrstvwxz]{2,5}\b(?!\.?')", lambda m: m[0].upper()
    ),
)
