"""Abbreviations (No., Fig., St., e.g.), Roman numerals, days of the week, highlighted text and progress bars."""

import re

from voicemode.text.spoken.numbers import cardinal
from voicemode.text.spoken.rules import Rule, rewrite, table

_BEFORE_NUMBER = table(
    "no: number, nos: numbers, nr: number, fig: figure, figs: figures, sec: section, sect: section, ch: chapter, vol: "
    "volume, p: page, pp: pages, eq: equation, art: article, ref: reference, tab: table, ver: version, app: appendix, pt: "
    "part, ep: episode, approx: approximately, ca: about, max: maximum, min: minimum, est: estimated"
)
_DOTTED = table(
    "approx: approximately, incl: including, excl: excluding, dept: department, govt: government, misc: miscellaneous, esp: "
    "especially, cf: compare, max: maximum, min: minimum, avg: average, temp: temporary, orig: original, prev: previous, "
    "resp: response, viz: namely"
)
"""Abbreviations only with their full stop: without it, they can be words of their own."""
_DAYS = table("Mon: Monday, Tue: Tuesday, Wed: Wednesday, Thu: Thursday, Fri: Friday, Sat: Saturday, Sun: Sunday")
_MONTHS = table(
    "Jan: January, Feb: February, Mar: March, Apr: April, May: May, Jun: June, Jul: July, Aug: August, Sep: September, "
    "Sept: September, Oct: October, Nov: November, Dec: December"
)
_SHORT = _DAYS | _MONTHS
_NAMES = "|".join([*_SHORT, *_DAYS.values(), *_MONTHS.values()])
_NUMBERED = (
    "Part|Chapter|Section|Phase|Type|Volume|Book|Act|Scene|Level|Tier|Stage|Title|Article|Appendix|War|Class|Mark|Step|Round|"
    "Episode|Division|Group|Category|Grade|Annex|Table|Figure|Option|Plan|Generation|Schedule|Clause|Rule|Module"
)
_ROMAN = dict(zip("IVXLC", (1, 5, 10, 50, 100), strict=True))
_GLYPHS = "█▓▒░▉▊▋▌▍▎▏■□▰▱━"


def _roman(found: re.Match[str]) -> str:
    values = [_ROMAN[letter] for letter in found[2]]
    total = sum(-value if value < max(values[place:]) else value for place, value in enumerate(values))
    return f"{found[1]} {cardinal(total)}"


_RULES: list[Rule] = [
    (re.compile(r"(?<![\w=])==(?=[^\s=])([^=\n]{1,300})(?<=[^\s=])==(?![\w=])"), r"\1"),
    (re.compile(rf"[\[|(]?[{_GLYPHS}][{_GLYPHS} ]{{2,200}}[\])|]?"), " "),
    (re.compile(r"\[(?=[#=>*.\- ]{4,200}\])[#=*>.\-]{1,200} *[.\- ]{0,200}\]"), " "),
    (re.compile(r"\b[Ee]\.g\.[,:]?"), "for example,"),
    (re.compile(r"\b[Ii]\.e\.[,:]?"), "that is,"),
    (re.compile(r"\betc\."), "et cetera."),
    (re.compile(r"\bSt\. (?=[A-Z])"), "Saint "),
    (re.compile(r"(?<=[a-z\d] )St\.(?=[,;:]| [a-z]|$)|(?<=[a-z] )St(?=\.?$)"), "Street"),
    (re.compile(rf"(?i)\b({'|'.join(_BEFORE_NUMBER)})\. ?(?=\d)"), lambda m: _cased(_BEFORE_NUMBER[m[1].lower()], m[1]) + " "),
    (re.compile(rf"\b((?i:{'|'.join(_DOTTED)}))\.(?= [^A-Z]|,)"), lambda m: _cased(_DOTTED[m[1].lower()], m[1])),
    (re.compile(r"(?<![\w.-])[Vv]s\.?(?=\s)"), "versus"),
    (
        re.compile(rf"\b({_NAMES}) ?[-–—] ?({_NAMES})\b(?! \d)"),
        lambda m: f"{_SHORT.get(m[1], m[1])} to {_SHORT.get(m[2], m[2])}",
    ),
    (re.compile(rf"\b({'|'.join(day for day in _DAYS if day not in ('Sun', 'Sat'))})\b\.?"), lambda m: _DAYS[m[1]]),
    (re.compile(rf"\b({_NUMBERED}s?) ([IVX]{{2,6}}|[VX])(?![\w'’])"), _roman),
    (re.compile(r"\b(Part|Chapter|Phase|Volume|Act|Appendix|War|Article|Tier|Section) (I)(?=[.,:;)]|$| and | or )"), _roman),
]


def _cased(word: str, like: str) -> str:
    return word.capitalize() if like[0].isupper() else word


def say_abbreviations(text: str) -> str:
    return rewrite(text, _RULES)
