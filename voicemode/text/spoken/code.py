"""Identifiers, flags and operators as words."""

import re

from voicemode.text.spoken.names import say_snake, split_humps
from voicemode.text.spoken.places import say_places
from voicemode.text.spoken.rules import Rule, rewrite, rewrite_where


def _say_flag(found: re.Match[str]) -> str:
    is_letters = len(found[1]) == 1 and len(found[2]) > 1
    return f"{'dash ' * len(found[1])}{found[2].upper() if is_letters else found[2].replace('-', ' ')}"


def _say_hash(found: re.Match[str]) -> str:
    """Say the first four characters of a hash: enough to find it."""
    return " ".join(sign.upper() for sign in found[0].removeprefix("0x")[:4])


_CALCULATIONS = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}
_FLAG = re.compile(r"(?<![^\s(\[=\"'])(--|-(?=[A-Za-z]{1,3}(?!\w)))([A-Za-z][A-Za-z0-9-]*)(?!\w)")
_HASH = re.compile(
    r"(?<![\w.-])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|sha256:[0-9a-f]{8,64}"
    r"|(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{7,64}|0x[0-9a-fA-F]{1,64})(?![\w-])"
)
_SNAKE = re.compile(r"(?<!\w)(?![\d_]+(?!\w))_*[^\W_]+(?:_+[^\W_]+)+_*(?!\w)")

_IDENTIFIERS: list[Rule] = [
    (re.compile(r"\b([CF])#(?!\w)"), r"\1 sharp"),
    (re.compile(r"\b([CG])\+\+(?!\w)"), r"\1 plus plus"),
    (re.compile(r"(?<=\w)\(\)"), ""),
    (_FLAG, _say_flag),
    (_HASH, _say_hash),
    (_SNAKE, say_snake),
    (re.compile(r"(?<![\w.])[a-z]\w+(?:\.[a-z]\w+)+(?!\w)"), lambda m: m[0].replace(".", " dot ")),
    (re.compile(r"\b[a-z]{2,}(?:[A-Z][a-z0-9]+)+\b"), lambda m: split_humps(m[0])),
    (re.compile(r"(?<![\w!])!(?=[A-Za-z_(])(?!important\b)"), "not "),
    (re.compile(r"\$\{(\w{1,100})\}|\$(?=[A-Za-z_])"), r"\1"),
    (re.compile(r"(?<![\w.])[-+]?@(?=[^\W\d])"), "at "),
    (re.compile(r"(?<![\w&])#(?=[^\W\d])"), ""),
]

_LEFT, _RIGHT = r"(?<=[\w)\]])", r"(?=[\w(\[$])"
"""Edges of the operands beside an operator."""
_OPERATORS: list[Rule] = [
    (re.compile(r"(?<=\w)\(\)"), ""),
    (re.compile(r"(?<=[=?:(,<>*/+] )-(?=\w)|(?<=[=(,])-(?=\w)"), "minus "),
    (re.compile(r"\b2>&1"), "including errors"),
    (_FLAG, _say_flag),
    (_HASH, _say_hash),
    (_SNAKE, say_snake),
    (re.compile(r"\[(\^?\w)-(\w)"), r"[\1 to \2"),
    (re.compile(r"^#!"), "hash bang "),
    (re.compile(r"[-=]>"), " to "),
    (re.compile(r"<="), " less than or equal to "),
    (re.compile(r">="), " greater than or equal to "),
    (re.compile(r"!==?|<>"), " is not "),
    (re.compile(r"!~"), " does not match "),
    (re.compile(r"=~"), " matches "),
    (re.compile(r"!!(?=[\w$(])"), " "),  # double negation
    (re.compile(r"[!¬](?=\s?[\w$(\[.])(?!important\b)"), " not "),
    (re.compile(r"~(?=[\w(])(?<!\w~)(?!/)"), " bitwise not "),
    (re.compile(r":="), " becomes "),
    (re.compile(rf"{_LEFT}\s?([-+*/])=(?!=)"), lambda m: f" {_CALCULATIONS[m[1]]} equals "),
    (re.compile(r"={1,3}"), " equals "),
    (re.compile(r"&+"), " and "),
    (re.compile(r"\|\|"), " or "),
    (re.compile(r"\?\?"), " or else "),
    (re.compile(r"\?\."), " dot "),
    (re.compile(r"\|"), " pipe "),
    (re.compile(r"\+\+(?!\w)"), " plus plus "),
    (re.compile(r"(?<=\w)--(?!\w)"), " minus minus "),
    (re.compile(r"\+"), " plus "),
    (re.compile(rf"{_LEFT} ?\*\* ?{_RIGHT}"), " to the power of "),
    (re.compile(rf"(?<!SELECT)(?:{_LEFT} \* {_RIGHT}|{_LEFT}\*{_RIGHT})"), " times "),
    (re.compile(r"\*+"), " star "),
    (re.compile(rf"{_LEFT} % {_RIGHT}|{_LEFT}%(?=\w)"), " modulo "),
    (re.compile(rf"{_LEFT} //? {_RIGHT}|{_LEFT}/(?=\d)|(?<=[)\]])/{_RIGHT}|(?<=\b[a-z])/(?=[a-z]\b)"), " divided by "),
    (re.compile(r"(?<=\w)<([\w\[\], .:&|?]{0,80})>"), r" \1 "),  # type parameters
    (re.compile(r"(?<=\s)<(?=\S)([\w .,/-]{1,80})>"), r" \1 "),
    (re.compile(r"<{2,3}|>{2,3}"), " shifted by "),
    (re.compile(rf"(?:(?<=\s)|{_LEFT})<(?=\s|[\w(-])"), " less than "),
    (re.compile(rf"(?:(?<=\s)|{_LEFT})>(?=\s|[\w(-])"), " greater than "),
    (re.compile(r"(?<=\s)-(?=\s)|(?<=\b[A-Za-z])-(?=[A-Za-z\d]\b)|(?<=[)\]])-(?=\w)"), " minus "),
    (re.compile(r"(?<=[^\W\d])-(?=\w)"), " "),
    (re.compile(r"(?<=[^\W\d])\.(?=[^\W\d])|(?<=[)\]])\.(?=[^\W\d])"), " dot "),
    (re.compile(r"(?<![\w.])\.(?![\w.])|(?<![\w.])\.(?=[^\W\d])"), " dot "),
    (re.compile(r"\.{2,}"), " "),
    (re.compile(r"(?<=\w)/(?=[^\W\d])"), " slash "),
    (re.compile(r"@"), " at "),
    (re.compile(r"\b([CF])#"), r"\1 sharp"),
    (re.compile(r"#(?!\d)"), " hash "),
    (re.compile(r"(?<!\d):|:(?!\d)|[;!?\"'(){}\[\]<>\\^~_]|\$(?!\d)"), " "),
]


_SIGN = re.compile(r"[_#@!$\d]|\(\)|\+\+|(?<!\w)-|[a-z][A-Z]|\w\.\w")
_ASSERTED = re.compile(r"(?<=\w)!(?![=~])")
"""A Rust macro or a TypeScript non-null assertion, not a negation."""


def say_identifiers(prose: str) -> str:
    """Say identifiers in prose. "GitHub" and "iPhone" count as words."""
    return rewrite_where(_SIGN, prose, _IDENTIFIERS)


def say_code(code: str) -> str:
    """Say code within a sentence: its words, and its operators in words; brackets and quotes are silent."""
    return " ".join(split_humps(word) for word in rewrite(say_places(_ASSERTED.sub("", code)), _OPERATORS).split())
