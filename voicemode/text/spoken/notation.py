"""Mathematics: LaTeX, powers, exponents, Greek letters."""

import re
import unicodedata

from voicemode.text.spoken.rules import Rule, rewrite, rewrite_where, table

MATH = re.compile(
    r"\$\$(?P<block>[^$]{1,2000})\$\$|\\\[(?P<display>.{1,2000}?)\\\]|\\\((?P<inline>.{1,1000}?)\\\)"
    r"|\$(?P<dollar>(?!\{)(?=[^$]{0,300}[\\^_{=])(?![\s\d.,]+\s)[^\s$](?:[^$\n]{0,300}[^\s$])?)\$(?![\w])",
    re.DOTALL,
)
"""A LaTeX formula in Markdown."""
_LONGEST_FORMULA = 60
_COMMANDS = table(
    "times: times, cdot: times, div: divided by, pm: plus or minus, leq: less than or equal to, le: less than or equal to, "
    "geq: greater than or equal to, ge: greater than or equal to, neq: is not, ne: is not, approx: is about, equiv: is "
    "equivalent to, sim: is about, to: to, rightarrow: to, Rightarrow: implies, implies: implies, iff: if and only if, in: "
    "in, notin: not in, infty: infinity, sum: the sum of, prod: the product of, int: the integral of, partial: partial, "
    "nabla: nabla, log: log, ln: L N, exp: exp, sin: sine, cos: cosine, tan: tangent, max: max, min: min, lim: the limit "
    "of, forall: for all, exists: there is, neg: not, lnot: not, land: and, wedge: and, lor: or, vee: or, cup: union, cap: "
    "intersection, subset: subset of, ldots: and so on, dots: and so on, cdots: and so on, mid: given, ll: much less than, "
    "gg: much greater than, lt: less than, gt: greater than, propto: is proportional to, emptyset: the empty set"
)
_LETTERS = {
    letter: unicodedata.name(letter).rpartition(" ")[2].lower().replace("lamda", "lambda")
    for letter in "αβγδεζηθικλμνξοπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
}
_COMMANDS |= {name: name for name in _LETTERS.values()} | {name.capitalize(): name for name in _LETTERS.values()}
_ARGUMENT = r"\{([^{}]{0,200})\}"
_POWERS = {"2": " squared", "3": " cubed", "-1": " to the minus one"}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def _power(found: re.Match[str]) -> str:
    exponent = (found[1] or found[2]).strip()
    if exponent in _POWERS:
        return _POWERS[exponent]
    return f" to the power of {exponent.replace('-', 'minus ')} "


_LATEX: list[Rule] = [
    (
        re.compile(
            r"\\(?:text|mathrm|mathbf|mathbb|mathcal|operatorname|textbf|textit|hat|bar|vec|boldsymbol)\{([^{}]{0,200})\}"
        ),
        r" \1 ",
    ),
    (re.compile(r"\\(?:left|right|big|Big|displaystyle|,|;|:|!|quad|qquad)(?![A-Za-z])"), " "),
    (re.compile(r"\\sqrt" + _ARGUMENT), r" the square root of \1 "),
    (re.compile(r"\\[dt]?frac" + _ARGUMENT + _ARGUMENT), r" \1 over \2 "),
    (re.compile(r"\\([A-Za-z]+)"), lambda m: f" {_COMMANDS[m[1]]} " if m[1] in _COMMANDS else m[0]),
    (re.compile(r"_(?:\{([^{}]{0,50})\}|(\w))"), lambda m: f" sub {m[1] or m[2]} "),
    (re.compile(r"\^(?:\{([^{}]{0,50})\}|(\w))"), _power),
    (re.compile(r"\s?=\s?"), " equals "),
    (re.compile(r"\s?([+])\s?"), " plus "),
    (re.compile(r"(?<=[\w)]) ?- ?(?=[\w(])"), " minus "),
    (re.compile(r"-(?=\w)"), "minus "),
    (re.compile(r"(?<=\w) ?/ ?(?=\w)"), " over "),
    (re.compile(r"!"), " factorial"),
    (re.compile(r"\\%"), " percent"),
    (re.compile(r"[{}()|\[\]]"), " "),
    (re.compile(r"(?<=\d)(?=[A-Za-z]\b)"), " "),
]
_LOG = re.compile(r"\blog ?")
_WHOLE = table("½: one half, ⅓: one third, ⅔: two thirds, ¼: one quarter, ¾: three quarters, ⅛: one eighth")
_PART = _WHOLE | {"½": "a half"}


def _exponent(text: str) -> str:
    return text.replace("-", "minus ").replace("+", "")


def _offset(found: re.Match[str]) -> str:
    minutes = f" {found[4]}" if found[4] and found[4] != "00" else ""
    return f"{found[1]} {'plus' if found[2] == '+' else 'minus'} {found[3]}{minutes}"


_RULES: list[Rule] = [
    (re.compile(r"(?<=[\w)])[⁰¹⁴-⁹⁻⁺ⁿ][⁰¹²³⁴-⁹]*|(?<=[\w)])[²³][⁰¹²³⁴-⁹]+"), lambda m: f"^{m[0].translate(_SUPERSCRIPTS)}"),
    (re.compile(r"[₀-₉]+"), lambda m: f" {m[0].translate(_SUBSCRIPTS)} "),
    (
        re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?)[eE]([+-]?\d{1,3})(?!\w)"),
        lambda m: f"{m[1]} times ten to the {_exponent(m[2])}",
    ),
    (re.compile(r"(?<=[\w)])\^(?:[{(]([^{}()]{0,50})[})]|(-?\w{1,10}))"), _power),
    (re.compile(r"(?<=\d) ?\*\* ?(\d+)()"), _power),
    (re.compile(r"\b[OΘΩ]\(([^()\n]{1,40}(?:\([^()]{1,20}\))?)\)"), lambda m: f"{m[0][0]} of {_LOG.sub(r'log ', m[1])}"),
    (re.compile(r"\b(GMT|UTC)([+-])0?(\d{1,2})(?::?(\d\d))?\b"), _offset),
    (re.compile(r"(?<!\w)[αβγδεζηθικλμνξοπρστυφχψωΓΔΘΛΞΠΣΦΨΩ](?!\w)"), lambda m: _LETTERS[m[0]]),
    (re.compile(r"√ ?"), "the square root of "),
    (re.compile(r"∞"), "infinity"),
    (re.compile(r"\s?∈\s?"), " in "),
    (re.compile(r"(?:(?<!\d)(\d{1,9}) ?)?([½⅓⅔¼¾⅛])"), lambda m: f"{m[1]} and {_PART[m[2]]}" if m[1] else f"{_WHOLE[m[2]]}"),
]


_SIGN = re.compile(r"[\^\u2070-\u209f²³¹\u0370-\u03ff√∞∈½⅓⅔¼¾⅛]|\d ?[eE*]|[OΘΩ]\(|GMT|UTC")


def say_formula(latex: str) -> str:
    """Say a formula if it is short and has words for all its parts."""
    said = " ".join(rewrite(latex, _LATEX).split())
    return "a formula" if "\\" in said or len(latex) > _LONGEST_FORMULA or not said else said


def say_notation(text: str) -> str:
    """Say powers, exponents and Greek letters; numbers stay digits."""
    return rewrite_where(_SIGN, text, _RULES)
