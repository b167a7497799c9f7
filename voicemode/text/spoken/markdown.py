"""Markdown to the sentences in which it is read aloud."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from voicemode.text.spoken.html import without_tags
from voicemode.text.spoken.notation import MATH, say_formula
from voicemode.text.spoken.rules import Rule, rewrite, table
from voicemode.text.spoken.symbols import drop_emoji, name_emoji

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

MAX_ROWS = 8
"""Maximum number of table rows that are read: nobody listens to more."""
MAX_READ_CHARS = 40
"""Maximum length of a one-line code block that is read; any other block is only described."""


class Span(NamedTuple):
    """A run of prose or of code."""

    text: str
    is_code: bool = False


Line = list[Span]
"""One sentence or more, followed by a pause."""

_PLAIN = re.compile(r"(?!\s*(?:[-+•]|\d+[.)])\s)[^*_`\[\]<>&\\~|#=$\n]*")
"""Text that is the same after Markdown parsing: it need not wait for the import of the parser."""
_QUOTE = re.compile(r"^[ \t]*(?:>(?!=)[ \t]?)+", re.MULTILINE)
"""Markdown quote markers, which are silent. For each quoted line, the parser would search the rest of the text for the end."""
_BULLET = re.compile(r"^([ \t]*)[•◦▪‣·](?=\s)", re.MULTILINE)
"""Bullets that people type and Markdown does not recognise."""
_PARAGRAPH = ["paragraph_open", "inline", "paragraph_close"]
_BOX = re.compile(r"\[([ xX])\]\s+")
_ALERT = re.compile(r"\[!(\w+)\]\s*")
_ENDED = (".", "!", "?", ":", ";", ",", "…", "。", "！", "？", "：")
_BREAKS = tuple(mark for mark in _ENDED if mark != ",")

_LANGUAGES = table(
    "py: Python, js: JavaScript, ts: TypeScript, tsx: TypeScript, jsx: JavaScript, javascript: JavaScript, "
    "typescript: TypeScript, rs: Rust, rb: Ruby, yml: YAML, yaml: YAML, json: JSON, html: HTML, css: CSS, sql: SQL, php: PHP, "
    "toml: TOML, xml: XML, cpp: C plus plus, c++: C plus plus, cs: C sharp, csharp: C sharp, "
    "sh: shell, bash: shell, zsh: shell, shell: shell, console: shell, terminal: shell"
)
_OTHER_BLOCKS = {"diff": "A diff", "mermaid": "A diagram", "text": "Text", "txt": "Text", "": "Code"}
_LEFT_OVER: list[Rule] = [
    (re.compile(r"\[\^[^\[\]\s]{1,50}\]"), ""),
    (re.compile(r"(?<!\w)\[([^\[\]]{1,1000})\]\[[^\[\]]{0,100}\]"), r"\1"),
    (re.compile(r"(?<!\d)\*{2,3}(?=\S)|(?<=\S)\*{2,3}(?!\d)"), ""),
    (re.compile(r"(?<![\w*])\*(?=[^\s*.])|(?<=[^\s*])\*(?![\w*])"), ""),
    (re.compile(r"(?<!\w)_{1,3}(?=[^\W_])|(?<=[^\W_])_{1,3}(?!\w)"), ""),
    (re.compile(r"~~(?=\S)|(?<=\S)~~"), ""),
]
"""References without a definition, footnotes, and emphasis that does not close."""


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    # An indented paragraph belongs to a list item more often than it is code.
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable(["code", "blockquote"])
    parser.inline.ruler.before("escape", "math", _math)
    return parser


def _math(state: "StateInline", silent: bool) -> bool:
    """Take a formula unchanged: Markdown would treat its characters as markup."""
    found = MATH.match(state.src, state.pos) if state.src[state.pos] in "\\$" else None
    if found:
        state.pos = found.end()
        if not silent:
            state.push("math", "", 0).content = next(filter(None, found.groups()))
    return bool(found)


def read_markdown(text: str, *, english: bool) -> list[Line]:
    """Return the lines of `text` without its markup.

    A single paragraph stays as it is; everything else ends like a sentence, so that the voice pauses there.
    """
    if _PLAIN.fullmatch(text):
        return [[Span(text)]]
    tokens = _parser().parse(_BULLET.sub(r"\1-", _QUOTE.sub("", text)))
    is_paragraph = [token.type for token in tokens] == _PARAGRAPH
    lines = list(_lines(tokens, english=english))
    return lines if is_paragraph else list(map(_ended, lines))


def _ended(line: Line) -> Line:
    end = drop_emoji("".join(span.text for span in line)).rstrip("\"'”’)*_ ")
    return line if not end or end.endswith(_ENDED) else [*line, Span(".")]


def _lines(tokens: Iterable["Token"], *, english: bool) -> Iterator[Line]:
    """Yield the lines of each block."""
    marker, rows = "", list[list[Line]]()
    for token in tokens:
        match token.type:
            case "list_item_open":
                marker = f"{token.info}: " if token.info else ""
            case "tr_open":
                rows.append([])
            case "table_close":
                yield from said_of_table(rows[0], rows[1:], english=english)
                rows = []
            case "inline" if rows:
                rows[-1].append(_joined(_inline(token.children or [])))
            case "inline" if token.content.startswith("|"):
                yield from map(_ended, said_of_table([], _rows(token.content), english=english))
            case "inline":
                yield from _paragraph(token.children or [], marker, english=english)
                marker = ""
            case "fence":
                yield [said_of_code(token.info.partition(" ")[0].lower(), token.content, english=english)]
            case "html_block":
                yield from _lines(_parser().parse(without_tags(token.content, "\n\n")), english=english)


def _paragraph(tokens: Sequence["Token"], marker: str, *, english: bool) -> Iterator[Line]:
    """Yield the lines of a paragraph, heading or item; within it, a line ends where a sentence does."""
    first = tokens[0] if tokens else None
    if first and (alert := _ALERT.match(first.content)):
        first.content = f"{alert[1].capitalize()}: {first.content[alert.end() :]}"
        tokens = [first, *(token for token in tokens[1:2] if token.type != "softbreak"), *tokens[2:]]
    if first and (box := _BOX.match(first.content)):
        first.content = first.content[box.end() :]
        marker += ("To do: " if box[1] == " " else "Done: ") if english else ""
    line: Line = [Span(marker)]
    for span in _inline(tokens):
        if span.text == "\n" and "".join(part.text for part in line[-2:]).rstrip("\"'”’)").endswith(_BREAKS):
            yield line
            line = []
        else:
            line.append(span if span.text != "\n" else Span(" "))
    yield line


def _inline(tokens: Iterable["Token"]) -> Iterator[Span]:
    """Yield the text of a paragraph; a line break in it is a span of its own."""
    struck = ""
    for token in tokens:
        struck = token.type if token.type.startswith("s_") else struck
        match token.type:
            case _ if struck == "s_open":
                continue  # spoken, "Use ~~npm~~ pnpm" would name both
            case "text":
                yield Span(rewrite(token.content, _LEFT_OVER))
            case "code_inline":
                yield Span(token.content, is_code=True)
            case "softbreak" | "hardbreak":
                yield Span("\n")
            case "math":
                yield Span(say_formula(token.content))
            case "html_inline":
                yield Span(without_tags(token.content))
            case "image":
                yield from _inline(token.children or [])


def _joined(spans: Iterable[Span]) -> Line:
    return [span if span.text != "\n" else Span(" ") for span in spans]


def said_of_code(language: str, code: str, *, english: bool) -> Span:
    """Return a short line to read, or a description of longer code: nobody can follow that by ear."""
    lines = [line for line in code.splitlines() if line.strip()]
    if len(lines) == 1 and len(lines[0].strip()) <= MAX_READ_CHARS:
        return Span(lines[0].strip().removeprefix("$ "), is_code=True)
    name = _LANGUAGES.get(language, language.capitalize())
    if not english or not lines:
        return Span(name)
    what = _OTHER_BLOCKS.get(language) or f"Code in {name}"
    return Span(f"{what}, {len(lines)} {'line' if len(lines) == 1 else 'lines'}.")


def _rows(text: str) -> list[list[Line]]:
    """Return the cells of a table that lacks the delimiter row below its header."""
    cells = [row.strip().strip("|").split("|") for row in text.splitlines()]
    return [[_joined(_inline(_parser().parseInline(cell.strip())[0].children or [])) for cell in row] for row in cells]


def said_of_table(header: list[Line], body: list[list[Line]], *, english: bool) -> Iterator[Line]:
    """Yield a sentence for each row: "first cell: header cell, header cell"."""
    shown = body[:MAX_ROWS] if english and len(body) > MAX_ROWS + 1 else body
    for row in shown:
        yield _said_of_row(header, [_named(cell) for cell in row])
    if len(shown) < len(body):
        yield [Span(f"And {len(body) - len(shown)} more rows.")]


def _named(cell: Line) -> Line:
    name = name_emoji("".join(span.text for span in cell))
    return [Span(name)] if name else cell


def _said_of_row(header: list[Line], cells: list[Line]) -> Line:
    if not header or len(cells) == 1:
        return _listed(cells)
    titles = [*(header[1:] if len(header) > 2 else []), *([] for _ in cells)]
    rest = _listed([*title, Span(" "), *cell] if cell else [] for title, cell in zip(titles, cells[1:], strict=False))
    return [*cells[0], Span(": "), *rest] if cells[0] else rest


def _listed(cells: Iterable[Line]) -> Line:
    line: Line = []
    for cell in filter(None, cells):
        line += [*([Span(", ")] if line else []), *cell]
    return line
