"""Each kind of thing that agents write, as a native listener wants to hear it."""

from collections.abc import Iterator

import pytest

from tests.support.paths import REPOSITORY
from voicemode.text.sentences import requests
from voicemode.text.spoken import spoken

NEGATION = [
    ("`if (!user)`", "if not user"),
    ("`a == b && !c`", "a equals b and not c"),
    ("`!(a || b)`", "not a or b"),
    ("`!!ready`", "ready"),
    ("`x !== 3`", "x is not three"),
    ("`x <> 3`", "x is not three"),
    ("`not user`", "not user"),
    ("`:not(.active)`", "not dot active"),
    ("`println!(x)`", "println x"),
    ("`user!.name`", "user dot name"),
    ("`s !~ /x/`", "s does not match x"),
    ("return early if !user is set", "return early if not user is set"),
    ("Stop! Now!", "Stop! Now!"),
    ("`color: red !important`", "color red important"),
    ("`x < 0 ? -x : x`", "x less than zero minus x x"),
]

OPERATORS = [
    ("`x>0`", "x greater than zero"),
    ("`a<b`", "a less than b"),
    ("`i < n`", "i less than n"),
    ("`Vec<String>`", "Vec String"),
    ("`total / count`", "total divided by count"),
    ("`n/2`", "n divided by two"),
    ("`(a+b)/c`", "a plus b divided by c"),
    ("`x/y`", "x divided by y"),
    ("`i % 2`", "i modulo two"),
    ("`a * b`", "a times b"),
    ("`SELECT * FROM t`", "select star FROM t"),
    ("`2**8`", "two to the power of eight"),
    ("`count += 1`", "count plus equals one"),
    ("`x ?? y`", "x or else y"),
    ("`user?.name`", "user dot name"),
    ("`n - 1`", "n minus one"),
    ("`n-1`", "n minus one"),
    ("`x -= 2`", "x minus equals two"),
]

NAMES_WITH_DIGITS = [
    ("rc2", "RC two"),
    ("version 1.2.0-rc1", "version one point two point zero RC one"),
    ("an mp3 file", "an MP three file"),
    ("H.264, h264", "H.264, H two sixty-four"),
    ("GPT-4o", "GPT four O"),
    ("UTF-8 and utf8", "UTF eight and UTF eight"),
    ("x86 and x64", "X eighty-six and X sixty-four"),
    ("S3 and EC2", "S three and EC two"),
    ("sha256 and base64", "SHA two fifty-six and base sixty-four"),
    ("int32", "int thirty-two"),
    ("p95 latency", "P ninety-five latency"),
    ("python3", "python three"),
    ("1080p", "ten eighty P"),
    ("a 3D plot", "a three D plot"),
    ("IPv6", "IPV six"),
    ("issue-123", "issue one twenty-three"),
    ("COVID-19", "COVID nineteen"),
]

TIMES = [
    ("at 5pm", "at five p.m."),
    ("at 9:05 AM sharp", "at nine oh five a.m. sharp"),
    ("It is 7 a.m. here", "It is seven a.m. here"),
    ("by 6 PM.", "by six p.m."),
    ("9am-5pm", "nine a.m. to five p.m."),
    ("9–5 pm", "nine to five p.m."),
    ("1m 23s", "one minute twenty-three seconds"),
    ("took 2h30m", "took two hours thirty minutes"),
    ("1h 1m 1s", "one hour one minute one second"),
    ("2d 4h", "two days four hours"),
    ("the 1990s", "the nineteen nineties"),
    ("the '80s", "the eighties"),
    ("in the early 2000s", "in the early two thousands"),
    ("the 2010s", "the twenty tens"),
    ("took 30s", "took thirty seconds"),
    ("the '90s and 1980s", "the nineties and nineteen eighties"),
    ("in 5m", "in five minutes"),
    ("Q1 2025", "Q one, twenty twenty-five"),
    ("HTTP 404 or 500", "HTTP four oh four or five hundred"),
    ("GMT-5", "GMT minus five"),
    ("UTC+2", "UTC plus two"),
    ("UTC+05:30", "UTC plus five thirty"),
    ("Mon–Fri", "Monday to Friday"),
    ("on Tue at 3pm", "on Tuesday at three p.m."),
    ("Jan–Mar", "January to March"),
]

INITIALISMS = [
    ("API_KEY", "API key"),
    ("user_id", "user ID"),
    ("DB_URL", "DB URL"),
    ("JSONDecodeError", "JSON decode error"),
    ("HTTPClient", "HTTP client"),
    ("a ModuleNotFoundError", "a module not found error"),
    ("`getUserId`", "get user ID"),
    ("the api returns urls", "the API returns URLs"),
    ("the user ids", "the user IDs"),
    ("`http_port`", "HTTP port"),
    ("`xmlHttpRequest`", "XML HTTP request"),
    ("a WARNING", "a warning"),
    ("Hmm, mm, nth", "Hmm, mm, nth"),
]

MATHS = [
    ("1e-5", "one times ten to the minus five"),
    ("3.2e8", "three point two times ten to the eight"),
    ("2^10", "two to the power of ten"),
    ("x^2 + y^3", "x squared plus y cubed"),
    ("O(n^2)", "O of n squared"),
    ("O(n log n)", "O of n log n"),
    ("O(1)", "O of one"),
    ("10⁶", "ten to the power of six"),
    ("10 m²", "ten m squared"),
    (r"$\frac{a}{b}$", "a over b"),
    (r"so $x^2 + y_1 = \alpha$ holds", "so x squared plus y sub one equals alpha holds"),
    (r"\(\sqrt{n}\)", "the square root of n"),
    (r"\[ \hat{y} \leq 3 \]", "y less than or equal to three"),
    (r"$$\begin{pmatrix} a & b \\ c & d \end{pmatrix}$$", "a formula"),
    ("set ${A}/${B} now", "set A B now"),
    ("costs $5 and $10", "costs five dollars and ten dollars"),
    ("the $HOME and $PATH variables", "the HOME and PATH variables"),
    ("\N{GREEK SMALL LETTER ALPHA} and β", "alpha and beta"),
    ("½ cup, 1½ cups", "one half cup, one and a half cups"),
    ("1_000_000", "one million"),
]

RANGES_AND_MONEY = [
    ("$5-10", "five to ten dollars"),
    ("$5–$10", "five to ten dollars"),
    ("$1-2M", "one to two million dollars"),
    ("5–10 €", "five to ten euros"),
    ("10ms-20ms", "ten milliseconds to twenty milliseconds"),
    ("10%–20%", "ten percent to twenty percent"),
    ("Python 3.9–3.12", "Python three point nine to three point twelve"),
    ("$1.5M-2M", "one point five to two million dollars"),
    ("1st–3rd", "first to third"),
    ("v1.0–v2.0", "version one point zero to version two point zero"),
    ("10K steps in 4K", "ten thousand steps in four K"),
    ("US$20", "twenty US dollars"),
    ("₹500", "five hundred rupees"),
    ("10¢", "ten cents"),
    ("20 USD", "twenty US dollars"),
    ("¥500", "five hundred yen"),
]

WORDS = [
    ("Part III", "Part three"),
    ("Phase IV is done", "Phase four is done"),
    ("Type II errors", "Type two errors"),
    ("World War I.", "World War one."),
    ("No. 5", "Number five"),
    ("see no. 5", "see number five"),
    ("Fig. 2", "Figure two"),
    ("on p. 5 and pp. 3-5", "on page five and pages three to five"),
    ("St. John", "Saint John"),
    ("on Main St. today", "on Main Street today"),
    ("No. I will not.", "No. I will not."),
    ("e.g. this, i.e. that", "for example, this, that is, that"),
    ("approx. twice", "approximately twice"),
    ("about ~5 files", "about five files"),
    ("Use ~~npm~~ pnpm", "Use PNPM"),
    ("on Nov 5", "on November fifth"),
    ("`ls -la`", "LS dash LA"),
    ("cats vs. dogs", "cats versus dogs"),
    ("Step 1/3", "Step one of three"),
    ("attempt 2/5 failed", "attempt two of five failed"),
    ("1/2 of it", "one half of it"),
    ("Ctrl+C, Cmd+Shift+P", "control C, command Shift P"),
    ("PR#45", "PR number forty-five"),
    (">= 90%", "greater than or equal to ninety percent"),
    ("`[a-z]`", "a to z"),
    ("`#include <stdio.h>`", "hash include stdio dot H"),
    ("the id's value", "the ID's value"),
    ("claude-3.5-sonnet", "claude three point five-sonnet"),
    ("a ==marked== word", "a marked word"),
    ("[#####-----] 50%", "fifty percent"),
    ("[=====>    ] 45%", "forty-five percent"),
    ("████░░░░ 40%", "forty percent"),
    ("`n`: see the fn in the dir", "n: see the function in the directory"),
]

TRADE = [
    ("PostgreSQL and SQLite", "post gress QL and sequel lite"),
    ("nginx", "engine X"),
    ("Kubernetes via kubectl", "kubernetties via cube control"),
    ("PyTorch, numpy", "pie torch, num pie"),
    ("rsync or wget", "R sync or W get"),
    ("stdin", "standard in"),
    ("PyPI", "pie PI"),
    ("Redis", "reddis"),
    ("YAML", "yammel"),
    ("CUDA", "coo da"),
    ("npm", "NPM"),
]

KINDS = [
    *NEGATION,
    *OPERATORS,
    *NAMES_WITH_DIGITS,
    *TIMES,
    *INITIALISMS,
    *MATHS,
    *RANGES_AND_MONEY,
    *WORDS,
    *TRADE,
]


@pytest.mark.parametrize(("text", "said"), KINDS)
def test_each_kind_is_said_as_a_native_listener_wants_it(text: str, said: str) -> None:
    assert spoken(text, language="en") == said


def texts() -> Iterator[str]:
    """What agents write, here and in the repository's own prose."""
    yield from (text for text, _ in KINDS)
    for page in [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]:
        yield from page.read_text(encoding="utf-8").split("\n\n")
    for line in (REPOSITORY / "bench/ear.txt").read_text(encoding="utf-8").splitlines():
        yield line.partition(" => ")[0].replace("\\n", "\n")


def test_what_is_said_comes_through_the_rules_unchanged() -> None:
    said = [spoken(text, language="en") for text in texts()]
    assert [spoken(text, language="en") for text in said] == said


def test_so_does_each_part_that_is_asked_of_a_server() -> None:
    parts = [part for text in texts() for part in requests(spoken(text, language="en"))]
    assert [spoken(part, language="en") for part in parts] == parts
