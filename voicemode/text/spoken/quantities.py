"""Dates, times, money, units and numbers in English words. The order of the rules matters: special before general."""

import re

from voicemode.text.spoken.names import MIXED_NAME, say_mixed_name
from voicemode.text.spoken.numbers import cardinal, digits, integer, number, ordinal, year
from voicemode.text.spoken.rules import Rule, rewrite_where, table

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MONTH = "|".join([*MONTHS, *(month[:3] for month in MONTHS if month != "May"), "Sept"])
_N = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
_FREE = r"(?<![\w.\-])"
"""Not preceded by a name, an identifier or another number."""
_BOUND = r"(?!\w|[.-]\d)"

_CURRENCIES = {
    "$": ("dollar", "cent"),
    "US$": ("US dollar", "cent"),
    "USD": ("US dollar", "cent"),
    "C$": ("Canadian dollar", "cent"),
    "CA$": ("Canadian dollar", "cent"),
    "A$": ("Australian dollar", "cent"),
    "AU$": ("Australian dollar", "cent"),
    "€": ("euro", "cent"),
    "EUR": ("euro", "cent"),
    "£": ("pound", "penny"),
    "GBP": ("pound", "penny"),
    "¥": ("yen", ""),
    "₹": ("rupee", ""),
    "₩": ("won", ""),
    "₽": ("ruble", ""),
    "₺": ("lira", ""),
    "₪": ("shekel", ""),
    "₫": ("dong", ""),
    "₿": ("bitcoin", ""),
    "CHF": ("Swiss franc", ""),
    "R$": ("real", ""),
}
_SIGNS = "|".join(sorted(map(re.escape, _CURRENCIES), key=len, reverse=True))
_MAGNITUDES = table("k: thousand, K: thousand, M: million, m: million, B: billion, bn: billion")
_PLURALS = table("penny: pence, yen: yen, won: won, dong: dong, foot: feet")
_UNITS = table(
    "ns: nanosecond, µs: microsecond, μs: microsecond, ms: millisecond, s: second, sec: second, min: minute, mins: minute, "
    "h: hour, hr: hour, hrs: hour, kB: kilobyte, KB: kilobyte, MB: megabyte, GB: gigabyte, TB: terabyte, PB: petabyte, "
    "KiB: kibibyte, MiB: mebibyte, GiB: gibibyte, TiB: tebibyte, kbps: kilobit per second, Mbps: megabit per second, "
    "Gbps: gigabit per second, Mbit: megabit, Hz: hertz, kHz: kilohertz, MHz: megahertz, GHz: gigahertz, dB: decibel, "
    "mm: millimeter, cm: centimeter, km: kilometer, ft: foot, mph: mile per hour, mg: milligram, kg: kilogram, lb: pound, "
    "lbs: pound, oz: ounce, px: pixel, fps: frame per second, W: watt, kW: kilowatt, kWh: kilowatt-hour, V: volt, "
    "°C: degree Celsius, °F: degree Fahrenheit, °: degree"
)
_PER = table("s: second, sec: second, min: minute, h: hour, hr: hour, d: day, mo: month, yr: year")
_ALTERNATIVES = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))


def _plural(noun: str, count: str) -> str:
    head, _, tail = (noun, "", "") if noun.endswith(("dollar", "franc")) else noun.partition(" ")
    if count.lstrip("-") != "1":
        head = _PLURALS.get(head) or (head if head.endswith("hertz") else f"{head}s")
    return f"{head} {tail}".strip()


def _date(year_digits: str, month: str, day: str) -> str:
    if not 1 <= int(month) <= 12 or not 1 <= int(day) <= 31:
        return ""
    return f"{MONTHS[int(month) - 1]} {ordinal(int(day))}, {year(int(year_digits))}"


def _iso_date(found: re.Match[str]) -> str:
    said = _date(found[1], found[2], found[3])
    if not said:
        return found[0]
    clock = f" at {found[4]}" if found[4] else ""
    return said + clock + (" UTC" if found[5] else "")


def _slashed_date(found: re.Match[str]) -> str:
    first, second = found[1], found[2]
    month, day = (first, second) if int(first) <= 12 else (second, first)
    return _date(found[3], month, day) or found[0]


def _named_date(found: re.Match[str]) -> str:
    month = next(month for month in MONTHS if month.startswith(found[1][:3]))
    said = f"{month} {ordinal(int(found[2]))}" if int(found[2]) <= 31 else found[0]
    return f"{said}, {year(int(found[3]))}" if found[3] else said


def _clock(found: re.Match[str]) -> str:
    hour, minute, half = int(found[1]), int(found[2]), found[4]
    said = cardinal(hour)
    if minute:
        said += f" {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif not half:
        said += " o'clock" if hour <= 12 else " hundred"
    if found[3] and int(found[3]):
        said += f" and {cardinal(int(found[3]))} {_plural('second', found[3].lstrip('0'))}"
    return f"{said} {half.lower()}.m." if half else said


def _phone(found: re.Match[str]) -> str:
    groups = re.findall(r"\d+", found[0])
    return ("plus " if found[0].startswith("+") else "") + ", ".join(map(digits, groups))


def _address(found: re.Match[str]) -> str:
    port = f" port {year(int(found[2]))}" if found[2] else ""
    return " dot ".join(map(integer, found[1].split("."))) + port


def _version(found: re.Match[str]) -> str:
    return _points(found[1]) + found[2].replace("-", " ")


def _points(version: str) -> str:
    return " point ".join(map(integer, version.split(".")))


def _money(found: re.Match[str]) -> str:
    unit, cent = _CURRENCIES[found["sign"] or found["after"]]
    amount, magnitude = found["n"] or found["m"], found["magnitude"]
    per = f" per {_PER[found['per']]}" if found["per"] else ""
    if magnitude:
        return f"{number(amount)} {_MAGNITUDES.get(magnitude, magnitude)} {_plural(unit, '2')}{per}"
    whole, _, cents = amount.replace(",", "").partition(".")
    if len(cents) != 2 or not cent:
        return f"{number(amount)} {_plural(unit, amount)}{per}"
    said = [f"{integer(whole)} {_plural(unit, whole)}"] if int(whole) else []
    if int(cents):
        said.append(f"{cardinal(int(cents))} {_plural(cent, cents.lstrip('0'))}")
    return (" and ".join(said) or f"zero {_plural(unit, '0')}") + per


def _range(found: re.Match[str]) -> str:
    low, high = found[1], found[2]
    if all(re.fullmatch(r"(?:19|20)\d\d", end) for end in (low, high)):
        low, high = year(int(low)), year(int(high))
    return f"{low} to {high}"


def _unit(found: re.Match[str]) -> str:
    per = f" per {_PER[found[3]]}" if found[3] else ""
    return f"{number(found[1])} {_plural(_UNITS[found[2]], found[1])}{per}"


def _money_range(found: re.Match[str]) -> str:
    unit, _ = _CURRENCIES[found[1] or found[5]]
    magnitude = f" {_MAGNITUDES[found[4]]}" if found[4] else ""
    return f"{number(found[2])} to {number(found[3])}{magnitude} {_plural(unit, '2')}"


def _duration(found: re.Match[str]) -> str:
    parts = [(amount, unit) for amount, unit in zip(found.groups(), ("day", "hour", "minute", "second"), strict=True) if amount]
    return " ".join(f"{number(amount)} {_plural(unit, amount)}" for amount, unit in parts)


def _decade(found: re.Match[str]) -> str:
    century, tens = re.findall(r"(\d\d)?['’]?(\d)0s$", found[0], re.IGNORECASE)[0]
    said = ("hundreds", "tens")[int(tens)] if tens in "01" else f"{cardinal(int(tens) * 10)[:-1]}ies"
    if not century:
        return said
    return "two thousands" if century + tens == "200" else f"{cardinal(int(century))} {said}"


def _fraction(found: re.Match[str]) -> str:
    top, bottom = int(found[1]), int(found[2])
    if top > bottom:
        return f"{cardinal(top)} {cardinal(bottom)}"
    if top == bottom or bottom not in (2, 3, 4, 8):
        return f"{cardinal(top)} out of {cardinal(bottom)}"
    name = {2: "half", 4: "quarter"}.get(bottom) or ordinal(bottom)
    return f"{cardinal(top)} {_plural(name, found[1])}"


_VERSIONED = "version|release|python|node|java|go|rust|ruby|php|swift|ubuntu|debian|android|ios|macos|django|react|postgres"

_COUNTED = (
    "step|part|page|phase|batch|chunk|attempt|try|test|item|task|shard|retry|iteration|epoch|chapter|slide|sprint|stage|file|round|"
    "worker|job|download|upload|run|section|question|lesson|level|pass|commit|segment|layer"
)
_CLOCK_END = r"\d{1,2}(?::\d\d)? ?(?:[aApP]\.?[mM]\b\.?)?"
_UNIT_OR_PERCENT = rf"(?:{_ALTERNATIVES}|%|[kKMB])"

_RULES: list[Rule] = [
    (re.compile(r"(?<=[A-Za-z%])–(?=[$€£]?\d)|(?<=\d)–(?=[vV]\d)"), " to "),
    (re.compile(r"(?<![\w.])\d{1,3}(?:_\d{3})+(?![\w.])"), lambda m: number(m[0].replace("_", ""))),
    (
        re.compile(
            r"(?i)(?<![\w.])(?:19\d0s|(?<=\bthe )(?:1[5-8]\d|20\d|['’]?[2-9])0s"
            r"|(?<=\bearly )20\d0s|(?<=\blate )20\d0s|(?<=\bin )20\d0s)(?!\w)"
        ),
        _decade,
    ),
    (
        re.compile(
            r"(?<![\w.])(?=\d+[dhm]\w* ?\d+)(?:(\d{1,3})d ?)?(?:(\d{1,3})h(?:rs?)? ?)?(?:(\d{1,3})m(?:ins?)? ?)?"
            r"(?:(\d{1,3}(?:\.\d+)?)s(?:ecs?)?)?(?<=[dhmscn])(?!\w)"
        ),
        _duration,
    ),
    (re.compile(r"\bQ([1-4])[ -]?((?:19|20)\d\d)\b"), lambda m: f"Q {cardinal(int(m[1]))}, {year(int(m[2]))}"),
    (
        re.compile(r"(?i)\b(http|status|code|error) ([1-5])0([1-9])\b"),
        lambda m: f"{m[1]} {cardinal(int(m[2]))} oh {cardinal(int(m[3]))}",
    ),
    (
        re.compile(r"(?i)\b(in|for|after|every|took|takes|within|last|past) (\d{1,3})m\b"),
        lambda m: f"{m[1]} {number(m[2])} {_plural('minute', m[2])}",
    ),
    (re.compile(rf"(?i)\b({_COUNTED}) (\d{{1,4}}) ?/ ?(\d{{1,4}})(?![\w/])"), r"\1 \2 of \3"),
    (re.compile(rf"({_SIGNS}) ?({_N})[kKMB]? ?[-–—] ?(?:{_SIGNS})?({_N})([kKMB])?()(?![\w-])"), _money_range),
    (re.compile(rf"{_FREE}()({_N}) ?[-–—] ?({_N})() ?([€£])"), _money_range),
    (re.compile(rf"(?<![\w:.-])({_CLOCK_END}) ?[-–—] ?(?=\d{{1,2}}(?::\d\d)? ?[aApP]\.?[mM]\b)"), r"\1 to "),
    (re.compile(rf"(?<![\w.-])({_N} ?{_UNIT_OR_PERCENT}) ?[-–—] ?(?={_N} ?{_UNIT_OR_PERCENT}(?!\w))"), r"\1 to "),
    (re.compile(rf"{_FREE}({_N}) ?[¢]"), lambda m: f"{number(m[1])} {_plural('cent', m[1])}"),
    (
        re.compile(
            rf"{_FREE}(\d{{4}})-(\d\d)-(\d\d)"
            r"(?:[T ](\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(Z|[+-]00:?00)?(?:[+-]\d\d:?\d\d)?)?(?![\w-])"
        ),
        _iso_date,
    ),
    (re.compile(r"(?<![\w./-])(\d{1,2})/(\d{1,2})/(\d{4})(?![\w/])"), _slashed_date),
    (
        re.compile(rf"{_FREE}((?:19|20)\d\d)-(0[1-9]|1[0-2])(?![\w-])"),
        lambda m: f"{MONTHS[int(m[2]) - 1]} {year(int(m[1]))}",
    ),
    (re.compile(rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? ((?:1[1-9]|20)\d\d)\b)?(?![:%])"), _named_date),
    (
        re.compile(rf"(?:\b[Tt]he )?{_FREE}([1-9]|[12]\d|3[01])(?:st|nd|rd|th)? (?=(?:{_MONTH})\b)"),
        lambda m: f"the {ordinal(int(m[1]))} of ",
    ),
    (re.compile(rf"\b({_MONTH}) ((?:1[1-9]|20)\d\d)\b"), lambda m: f"{m[1]} {year(int(m[2]))}"),
    (re.compile(r"(?<![\w.+-])\+\d{1,3}(?:[ -]\(?\d{2,8}\)?){2,5}(?![\w-])"), _phone),
    (re.compile(r"(?<![\w.+-])(?:\(\d{3}\) ?|\d{3}-)\d{3}-\d{4}(?![\w-])"), _phone),
    (
        re.compile(r"(?<![\w:.])([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(?: ?([aApP])\.?[mM]\b\.?)?(?![\w:]|\.\d)"),
        _clock,
    ),
    (re.compile(rf"{_FREE}(\d{{1,3}}):(\d{{1,3}})(?![\w:])"), r"\1 to \2"),
    (re.compile(r"(?<![\w.-])(\d{1,2}) ?([aApP])\.?[mM]\b\.?"), lambda m: f"{integer(m[1])} {m[2].lower()}.m."),
    (re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{1,5}))?(?![\w.]*\d)"), _address),
    (re.compile(r"\b[vV](?=\d+(?:\.\d+)*\b)"), "version "),
    (re.compile(r"(?<![\w.])(\d+(?:\.\d+){2,})((?:-?[a-z]+\.?\d*)?)(?!\w|\.\d)"), _version),
    (
        re.compile(rf"(?i)\b({_VERSIONED}) (\d+\.\d+) ?[-–—] ?(\d+\.\d+)(?!\w|\.\d|%)"),
        lambda m: f"{m[1]} {_points(m[2])} to {_points(m[3])}",
    ),
    (
        re.compile(rf"(?i)\b({_VERSIONED}) (\d+\.\d+)(?!\w|\.\d|%)"),
        lambda m: f"{m[1]} {_points(m[2])}",
    ),
    (
        re.compile(
            rf"(?<!\w)(?P<sign>{_SIGNS}) ?(?P<n>{_N})"
            r"(?: ?(?P<magnitude>million|billion|trillion|bn|[kKMmB])\b)?(?:/(?P<per>h|hr|d|mo|yr)\b)?(?!\w)"
            rf"|{_FREE}(?P<m>{_N}) ?(?P<after>[€£₽₺₫]|(?:USD|EUR|GBP|CHF)\b)"
        ),
        _money,
    ),
    (re.compile(rf"{_FREE}({_N}) ?[–—] ?({_N})(?!\d)"), _range),
    (re.compile(r"(?<![\w.,/-])(\d{1,4}(?:\.\d+)?)-(\d{1,4}(?:\.\d+)?)(?![\d-])"), _range),
    (re.compile(r"(?<![^\s(\[=<>:,])[-\u2212](?=\.?\d)"), "minus "),
    (re.compile(r"(?<!\S)\+(?=\d)"), "plus "),
    (re.compile(rf"(?<![\d.,])({_N}) ?%"), lambda m: f"{number(m[1])} percent"),
    (re.compile(rf"{_FREE}({_N}) ?({_ALTERNATIVES})(?:/(s|sec|min|h|hr|d))?(?!\w)"), _unit),
    (re.compile(rf"{_FREE}(\d{{2,}}(?:\.\d+)?|\d\.\d+|\d(?=k))[kK](?!\w)"), lambda m: f"{number(m[1])} thousand"),
    (re.compile(rf"{_FREE}({_N})M(?!\w)"), lambda m: f"{number(m[1])} million"),
    (re.compile(rf"{_FREE}(\d+)x(?=\d)"), r"\1 by "),
    (re.compile(rf"{_FREE}({_N})[x×](?!\w)"), lambda m: f"{number(m[1])} times"),
    (re.compile(r"\b(\d{1,15})(?:st|nd|rd|th)\b"), lambda m: ordinal(int(m[1]))),
    (re.compile(r"(?<![\w./])(\d{1,3})/(\d{1,3})(?![\w/]|\.\d)"), _fraction),
    (
        re.compile(
            r"(?i)\b(in|since|until|year|from|before|after|during|spring|summer|autumn|fall|winter) ((?:19|20)\d\d)"
            r"(?=[^\w\s,.]|[,.](?!\d)|$| (?:to|and|or|was|is|we|it|the|as|when|that|with|at|for|but|i|they|he|she|you)\b)"
        ),
        lambda m: f"{m[1]} {year(int(m[2]))}",
    ),
    (re.compile(r"(?<=[A-Za-z])#(?=\d)"), " number "),
    (re.compile(r"(?<![\w#])#(?=\d)"), "number "),
    (re.compile(r"(?<=[A-Za-z])-(\d+\.\d+)(?!\w)"), lambda m: f" {number(m[1])}"),
    (MIXED_NAME, say_mixed_name),
    (re.compile(r"(?<![\w.])\.(\d+)(?!\w)"), lambda m: f"point {digits(m[1])}"),
    (re.compile(rf"{_FREE}({_N}){_BOUND}"), lambda m: number(m[1])),
]


_DIGIT = re.compile(r"\d")


def say_quantities(text: str) -> str:
    """Say everything that contains digits in words."""
    return rewrite_where(_DIGIT, text, _RULES)
