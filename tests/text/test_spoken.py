"""What is written, and what a person would say."""

import time

import pytest

from voicemode.text.spoken import spoken, written
from voicemode.text.spoken.numbers import cardinal, ordinal, year

PROSE = [
    "Hello.",
    "Hello",
    "Sure, I have updated the tests and they all pass.",
    "I pushed it to GitHub; CI is green. Shall I merge?",
    "It's a well-known trade-off: speed versus memory!",
    'She said "no", then (after a while) "yes".',
    "Wait… let me think. Well... it depends.",
    "The API returns JSON over HTTP for iPhone and Windows.",
    "“Curly quotes” and an em dash — fine.",
]

MARKUP = [
    ("**bold** and *italic* and ***both***", "bold and italic and both"),
    ("__bold__ and _italic_", "bold and italic"),
    ("a ~~struck~~ word", "a word"),
    ("Use 2 * 3 here", "Use two times three here"),
    ("# Title", "Title."),
    ("## Done! ##", "Done!"),
    ("Title\n=====\ntext", "Title.\ntext."),
    ("one\n\ntwo", "one.\ntwo."),
    ("one line\nand its rest", "one line and its rest"),
    ("Two things:\n- first thing\n- second, too.", "Two things:\nfirst thing.\nsecond, too."),
    ("* a star\n+ a plus\n• a dot", "a star.\na plus.\na dot."),
    ("1. Open it\n2. Close it", "one: Open it.\ntwo: Close it."),
    ("1) Open it\n2) Close it", "one: Open it.\ntwo: Close it."),
    ("- [x] tests\n- [ ] docs", "Done: tests.\nTo do: docs."),
    ("- item\n  goes on", "item goes on."),
    ("> quoted\n> text", "quoted text"),
    ("> a quote\n> > within a quote", "a quote within a quote"),
    ("- one\n  - two\n    1. three\n- four", "one.\ntwo.\none: three.\nfour."),
    ("1. one\n\n   its rest\n\n2. two", "one: one.\nits rest.\ntwo: two."),
    ("- a `b_c`\n- [d](e)", "a b c.\nd."),
    ("A line.\nAnother\nand its rest", "A line.\nAnother and its rest"),
    ("`` a ` b ``", "a b"),
    ("`*not bold*` but *slanted*", "star not bold star but slanted"),
    ('![alt *text*](a.png "T") and [a](d)', "alt text and a"),
    ("| `a` | **b** |\n|---|---|\n| [c](d) | e \\| f |", "c: e, f."),
    ("Results:\n| a | b |\n|---|---|\n| c | d |", "Results:\nc: d."),
    ("<details>\n<summary>More</summary>\n\n- one\n- two\n\n</details>", "More.\none.\ntwo."),
    ("<ul><li>one</li>\n<li>two</li></ul>", "one.\ntwo."),
    ("<script>\nalert(1)\n</script>\nDone", "Done."),
    ('<p align="center">Hello <b>you</b></p>', "Hello you."),
    ('<speak>Hello <break time="1s"/> <emphasis>you</emphasis></speak>', "Hello you"),
    ("git checkout <branch> now", "git checkout branch now"),
    ("set <your-api-key> there", "set your API key there"),
    ("> [!NOTE]\n> Read this.", "Note: Read this."),
    ("before\n\n---\n\nafter", "before.\nafter."),
    ('See [the docs](https://example.com/a_(b)?c#d "Title") now', "See the docs now"),
    ("See [the docs][1] now\n\n[1]: https://example.com", "See the docs now"),
    ("![a red fox](fox.png)", "a red fox"),
    ("[![build](badge.svg)](https://ci.test)", "build"),
    ("A claim[^1].", "A claim."),
    ("Press <kbd>Ctrl</kbd> now<br>please", "Press control now please"),
    ("a <!-- not this --> b", "a b"),
    ("Fish &amp; chips", "Fish and chips"),
    (r"a \*star\* is 5 \> 3", "a star is five more than three"),
    ("| File | Size |\n|------|------|\n| a | 3 MB |\n| b | 10 kB |", "a: three megabytes.\nb: ten kilobytes."),
    (
        "| Test | Time | Passed |\n| :-- | --: | --- |\n| unit | 3 s | ✅ |\n| e2e | 1 min | ❌ |",
        "unit: Time three seconds, Passed yes.\nend to end: Time one minute, Passed no.",
    ),
    ("| a | b |\n| c | d |", "a, b.\nc, d."),
    ("```python\nx = 1\nprint(x)\n```", "Code in Python, two lines."),
    ("```\none\n\ntwo\nthree\n```", "Code, three lines."),
    ("~~~js\nlet a\nlet b\n~~~\nDone.", "Code in JavaScript, two lines.\nDone."),
    ("```bash\n$ npm install\n```", "NPM install."),
    ("```diff\n-a\n+b\n```", "A diff, two lines."),
    ("Run:\n```sh\na\nb", "Run:\nCode in shell, two lines."),
]

CODE = [
    ("Call `get_user_name()`.", "Call get user name."),
    ("`getUserName`", "get user name"),
    ("`HTTPServer`", "HTTP server"),
    ("`MAX_RETRIES`", "max retries"),
    ("`os.path.join`", "OS dot path dot join"),
    ("`npm install --save-dev`", "NPM install dash dash save dev"),
    ("`a == b && !c`", "a equals b and not c"),
    ("`x != None || y >= 3`", "x is not None or y greater than or equal to three"),
    ("`dict[str, int]`", "dict string, int"),
    ("`<div>`", "div"),
    ("`cat a | wc -l`", "cat a pipe WC dash l"),
    ("`def f() -> int:`", "def f to int"),
    ("`std::vector`", "standard vector"),
    ("`git add .`", "git add dot"),
    ("`$HOME`", "HOME"),
    ("``code``", "code"),
    ("the snake_case_name here", "the snake case name here"),
    ("the camelCaseName here", "the camel case name here"),
    ("call foo() and app.run()", "call foo and app dot run"),
    ("with --dry-run or -v", "with dash dash dry run or dash v"),
    ("C++, C# and F#", "C plus plus, C sharp and F sharp"),
    ("commit a3f9c21", "commit A three F nine"),
    ("id 550e8400-e29b-41d4-a716-446655440000", "ID five five zero E"),
    ("at 0xFF", "at F F"),
]

PLACES = [
    ("See https://github.com/foo/bar.", "See github dot com."),
    ("Is it https://www.example.co.uk/a?b=c#d?", "Is it example dot co dot uk?"),
    ("github.com/foo/bar is it", "github dot com is it"),
    ("<https://example.com>", "example dot com"),
    ("Open http://localhost:3000/x", "Open local host port three thousand"),
    (
        "Open http://127.0.0.1:8880/v1 now",
        "Open one hundred twenty-seven dot zero dot zero dot one port eighty-eight eighty now",
    ),
    ("Write to foo.bar@example.com.", "Write to foo dot bar at example dot com."),
    ("in src/app/main.py", "in main dot py in app"),
    ("in main.py:42", "in main dot py, line forty-two"),
    ("in src/base.py:42:7 there", "in base dot py in source, line forty-two there"),
    ("the README.md", "the read me dot MD"),
    ("test_main.py fails", "test main dot py fails"),
    ("package-lock.json", "package lock dot JSON"),
    ("~/.voicemode/voicemode.env", "voicemode dot env in dot voicemode"),
    ("edit ~/notes.txt", "edit notes dot text in home"),
    ("in /usr/local/bin.", "in bin in local."),
    ("the tests/ folder", "the tests folder"),
    (r"C:\Users\me\file.txt", "file dot text in me"),
    ("set .env", "set dot env"),
    ("all *.py files", "all star dot py files"),
    ("Node.js", "Node dot JS"),
    ("TCP/IP and/or input/output", "TCP IP and or input output"),
]

NUMBERS = [
    ("7 files", "seven files"),
    ("0 errors", "zero errors"),
    ("12345 lines", "twelve thousand three hundred forty-five lines"),
    ("1,234.5", "one thousand two hundred thirty-four point five"),
    ("3.14", "three point one four"),
    ("It is .5 of it", "It is point five of it"),
    ("agent 007", "agent zero zero seven"),
    ("1234567890123456", "one two three four five six seven eight nine zero one two three four five six"),
    ("1" * 64, "a sixty-four-digit number"),
    ("-5 degrees", "minus five degrees"),
    ("50% or 3.5 %", "fifty percent or three point five percent"),
    ("$3.50", "three dollars and fifty cents"),
    ("$1, $0.01 and £2", "one dollar, one cent and two pounds"),
    ("$5M or $2.5 billion", "five million dollars or two point five billion dollars"),
    ("3.50 € a month", "three euros and fifty cents a month"),
    ("€10/month", "ten euros per month"),
    ("3–5 days", "three to five days"),
    ("3-5 days", "three to five days"),
    ("10–20%", "ten to twenty percent"),
    ("3-5ms", "three to five milliseconds"),
    ("2024–2026", "twenty twenty-four to twenty twenty-six"),
    ("1/2, 3/4 and 2/3", "one half, three quarters and two thirds"),
    ("9/10 tests", "nine out of ten tests"),
    ("12/12 pass", "twelve out of twelve pass"),
    ("24/7", "twenty-four seven"),
    ("on 2026-11-22", "on November twenty-second, twenty twenty-six"),
    ("2026-11-22T10:30:00Z", "November twenty-second, twenty twenty-six at ten thirty UTC"),
    ("2026-13-45", "2026-13-45"),
    ("since 2026-11", "since November twenty twenty-six"),
    ("11/22/2026", "November twenty-second, twenty twenty-six"),
    ("Nov 22, 2026", "November twenty-second, twenty twenty-six"),
    ("on 22 November 2026", "on the twenty-second of November twenty twenty-six"),
    ("16:9", "sixteen to nine"),
    ("$150/h", "one hundred fifty dollars per hour"),
    ("May 2026", "May twenty twenty-six"),
    ("in 2026", "in twenty twenty-six"),
    ("in 2026 files", "in two thousand twenty-six files"),
    ("2026 files", "two thousand twenty-six files"),
    ("at 10:30", "at ten thirty"),
    ("at 9:05 am", "at nine oh five a.m."),
    ("at 10:00", "at ten o'clock"),
    ("at 14:00", "at fourteen hundred"),
    ("at 5pm", "at five p.m."),
    ("took 10:30:15", "took ten thirty and fifteen seconds"),
    ("1.2.3", "one point two point three"),
    ("v1.2.3-rc1", "version one point two point three RC one"),
    ("v2", "version two"),
    ("Python 3.11", "Python three point eleven"),
    ("5GB or 1 GB", "five gigabytes or one gigabyte"),
    ("10ms", "ten milliseconds"),
    ("20°C", "twenty degrees Celsius"),
    ("100 MB/s", "one hundred megabytes per second"),
    ("80 km/h", "eighty kilometers per hour"),
    ("16 kHz", "sixteen kilohertz"),
    ("6 ft", "six feet"),
    ("60fps", "sixty frames per second"),
    ("2x faster", "two times faster"),
    ("1920x1080", "one thousand nine hundred twenty by one thousand eighty"),
    ("1st, 2nd, 3rd, 20th, 21st", "first, second, third, twentieth, twenty-first"),
    ("#123", "number one hundred twenty-three"),
    ("PR #7.", "PR number seven."),
    ("Call 555-123-4567", "Call five five five, one two three, four five six seven"),
    ("Call +49 30 123456", "Call plus four nine, three zero, one two three four five six"),
    ("10.0.0.1", "ten dot zero dot zero dot one"),
]

SYMBOLS = [
    ("R&D", "R and D"),
    ("this & that", "this and that"),
    ("5 + 3 = 8", "five plus three equals eight"),
    ("A -> B => C → D", "A to B to C to D"),
    ("x <= 5", "x less than or equal to five"),
    ("x ≥ 5", "x greater than or equal to five"),
    ("a != b", "a is not b"),
    ("< 5 and > 3", "less than five and more than three"),
    ("~5 minutes", "about five minutes"),
    ("5 ± 1", "five plus or minus one"),
    ("10 m²", "ten m squared"),
    ("w/o it", "without it"),
    ("Done... 😅\n\nNext", "Done...\nNext."),
    ("ask @bob", "ask at bob"),
    ("in #general", "in general"),
    ("VoiceMode™", "VoiceMode"),
    ("Great 🎉 work 👍🏽!", "Great work!"),
    ("✅ Tests pass", "Tests pass"),
    ("Ship it :rocket:", "Ship it"),
    ("👍", "thumbs up sign"),
    ("✅", "yes"),
    ("🎉🎉 ❤️", "party popper, heavy black heart"),
    ("❤️‍🔥", "heavy black heart, fire"),
    ("", ""),
    ("  \n ", ""),
    ("too   many    spaces", "too many spaces"),
]

TABLE = [*MARKUP, *CODE, *PLACES, *NUMBERS, *SYMBOLS]


@pytest.mark.parametrize(("text", "said"), TABLE)
def test_what_is_written_is_said_as_a_person_would(text: str, said: str) -> None:
    assert spoken(text) == said


@pytest.mark.parametrize("text", PROSE)
def test_plain_prose_stays_as_it_is(text: str) -> None:
    assert spoken(text) == text


@pytest.mark.parametrize("said", [said for _, said in TABLE if said])
def test_what_is_said_can_be_said_again(said: str) -> None:
    assert spoken(said, language="en") == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Das kostet **3,50 €** und dauert 5 Minuten.", "Das kostet 3,50 € und dauert 5 Minuten."),
        ("La réunion est à 10:30 & c'est `important`.", "La réunion est à 10:30 & c'est important."),
        ("今日は3時です。**重要**です。", "今日は3時です。重要です。"),
        ("Это стоит 5 рублей 🎉", "Это стоит 5 рублей"),
        ("Siehe auch https://www.example.com/der/pfad.", "Siehe auch example.com."),
        ("Das ist der Code:\n```python\na\nb\n```", "Das ist der Code:\nPython."),
    ],
)
def test_other_languages_keep_their_numbers_and_lose_only_markup(text: str, said: str) -> None:
    assert spoken(text) == said


def test_the_language_given_wins_over_the_one_guessed() -> None:
    assert spoken("5", language="de") == "5"
    assert spoken("5 für die Katze und das Haus", language="en-GB") == "five für die Katze und das Haus"


def test_a_long_table_is_cut_short() -> None:
    rows = "\n".join(f"| row | {i} |" for i in range(30))
    assert spoken(f"| a | b |\n|---|---|\n{rows}").splitlines()[8:] == ["And twenty-two more rows."]


PAIRS = [("kubectl", "cube control"), ("Tailscale", "tail scale"), ("C++", "see plus plus"), ("k8s", "kates"), ("Jo", "Joe")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Use kubectl on K8s.", "Use cube control on kates."),
        ("Run `kubectl get pods`.", "Run cube control get pods."),
        ("TAILSCALE", "tail scale"),
        ("Modern C++ code", "Modern see plus plus code"),
        ("Joan is not Jo.", "Joan is not Joe."),
        ("See https://kubectl.com/jo", "See cube control dot com"),
    ],
)
def test_words_of_the_user_are_said_as_the_user_wants(text: str, said: str) -> None:
    assert spoken(text, PAIRS) == said


@pytest.mark.parametrize(
    ("heard", "text"),
    [
        ("Use Cube control on kates.", "Use kubectl on k8s."),
        ("use cube\ncontrol", "use kubectl"),
        ("the cube controls it", "the cube controls it"),
        ("Nothing of it", "Nothing of it"),
    ],
)
def test_what_is_heard_is_written_as_the_user_writes_it(heard: str, text: str) -> None:
    assert written(heard, PAIRS) == text


def test_the_longest_pronunciation_wins_and_none_is_applied_to_another() -> None:
    pairs = [("a", "b"), ("b", "a"), ("a b", "c")]
    assert spoken("a", pairs) == "b"
    assert written("b a c", pairs) == "a b a b"
    assert written("x", [("", "x"), ("y", "")]) == "x"


@pytest.mark.parametrize(
    ("number", "words"), [(0, "zero"), (13, "thirteen"), (100, "one hundred"), (1_000_001, "one million one")]
)
def test_cardinals(number: int, words: str) -> None:
    assert cardinal(number) == words


@pytest.mark.parametrize(("number", "words"), [(12, "twelfth"), (30, "thirtieth"), (101, "one hundred first")])
def test_ordinals(number: int, words: str) -> None:
    assert ordinal(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1999, "nineteen ninety-nine"),
        (2000, "two thousand"),
        (2005, "two thousand five"),
        (1900, "nineteen hundred"),
        (1905, "nineteen oh five"),
    ],
)
def test_years(number: int, words: str) -> None:
    assert year(number) == words


PIECES = [
    "a",
    "*",
    "_",
    "`",
    "[",
    "](",
    "<",
    "<!--",
    "|",
    "1",
    "1,",
    "1.",
    "1-",
    "-",
    "/",
    "a/",
    "a.",
    "a@",
    "aB",
    "a_",
    "\\",
    ":",
    "=",
    "![",
]
PIECES += [
    "a@b.",
    "#",
    "~",
    "https://",
    " ",
    "\n",
    "> ",
    "- ",
    "```",
    "\n| ",
    "(",
    "$1",
    "👍",
    "\ufe0f",
    "0a",
    "--a",
    "[a](",
    "a b ",
    "1 ",
    "&",
    "+1 ",
]


@pytest.mark.parametrize("text", ["**", "!!!", "---", "...", "```", "```\n```", "<div></div>", "- \n- ", "| - |", "??\n\n!!"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_what_nobody_can_pronounce_is_nothing_to_say(text: str, language: str) -> None:
    assert spoken(text, language=language) == ""


def test_an_emoji_with_a_mark_behind_it_is_named_too() -> None:
    assert spoken("👍!") == "thumbs up sign"


@pytest.mark.parametrize(
    "text", [piece * (30_000 // len(piece)) for piece in PIECES] + ["".join(PIECES) * 1000], ids=range(len(PIECES) + 1)
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    spoken(text)
    assert time.process_time() - started < 4


BLANKS = [" ", "\t", "\n", "\u00a0", "&nbsp;", "<br>", "~~~~ ", "- ", "* ", "| ", "# ", "> ", "[](", "<", "<!--", "<!-- -->"]
SIGNS = [
    "<->",
    "->",
    "←",
    "<=",
    ">=",
    "!=",
    "==",
    "=",
    "<",
    ">",
    "~",
    "±",
    "÷",
    "×",
    "*",
    "+",
    "&",
    "||",
    "|",
    "§",
    "_",
    "`",
    "/",
]


@pytest.mark.parametrize("run", BLANKS)
def test_a_long_run_of_what_is_not_said_takes_no_time(run: str) -> None:
    started = time.process_time()
    spoken("a" + run * (100_000 // len(run)) + "b", language="en")
    assert time.process_time() - started < 5


@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_far_from_the_words_takes_no_time(sign: str) -> None:
    started = time.process_time()
    spoken(f"a{' ' * 20_000}{sign}{' ' * 20_000}b", language="en")
    assert time.process_time() - started < 5
