"""Markdown and HTML -> the sentences they are read out as."""

import html
import re
from dataclasses import dataclass, field
from itertools import zip_longest

from voicemode.text.spoken.rules import Rule, rewrite, table
from voicemode.text.spoken.symbols import drop_emoji, name_emoji

CODE_SPAN = r"`{1,2}([^`]{1,500})`{1,2}"
"""Code within a sentence; group 1 is the code."""

MAX_ROWS = 8
"""Nobody listens to more rows of a table."""
MAX_READ_CHARS = 40
"""A block of code of one line up to this length is read; any other is only described."""

_FENCE = re.compile(r"\s*(`{3,}|~{3,})\s*([\w+#.-]*)")
_QUOTE = re.compile(r"(?:\s{0,3}>\s?)+")
_ALERT = re.compile(r"\[!(\w+)\]\s*$")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*)")
_ITEM = re.compile(r"\s*(?:[-*+•]|(\d{1,3})[.)])\s+(?:\[([ xX])\]\s+)?(.*)")
_LINE = re.compile(r"[-=*_+|:\s]{3,}$")
_DEFINITION = re.compile(r"\s{0,3}\[[^\[\]]{1,200}\]:\s+\S")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ENDED = (".", "!", "?", ":", ";", ",", "…", "。", "！", "？", "：")

_LANGUAGES = table(
    "py: Python, js: JavaScript, ts: TypeScript, tsx: TypeScript, jsx: JavaScript, javascript: JavaScript, "
    "typescript: TypeScript, rs: Rust, rb: Ruby, yml: YAML, yaml: YAML, json: JSON, html: HTML, css: CSS, sql: SQL, php: PHP, "
    "toml: TOML, xml: XML, cpp: C plus plus, c++: C plus plus, cs: C sharp, csharp: C sharp, "
    "sh: shell, bash: shell, zsh: shell, shell: shell, console: shell, terminal: shell"
)
_OTHER_BLOCKS = {"diff": "A diff", "mermaid": "A diagram", "text": "Text", "txt": "Text", "": "Code"}


@dataclass(slots=True)
class _Reader:
    """Lines in, sentences out."""

    english: bool
    said: list[str] = field(default_factory=list)
    is_prose: bool = True
    """Nothing but paragraphs so far."""
    paragraph: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    fence: str = ""
    """Fence that ends the block of code we are in."""
    language: str = ""
    code: list[str] = field(default_factory=list)

    def feed(self, line: str) -> None:
        if self.fence:
            self._feed_code(line)
            return
        line = _QUOTE.sub("", line, count=1) if line.lstrip().startswith(">") else line
        if opening := _FENCE.match(line):
            self.flush()
            self.fence, self.language, self.code = opening[1], opening[2].lower(), []
        elif line.lstrip().startswith("|"):
            self._feed_row(line)
        else:
            self._feed_text(line)

    def _feed_code(self, line: str) -> None:
        if line.strip().startswith(self.fence):
            self.end_code()
        else:
            self.code.append(line)

    def end_code(self) -> None:
        self.fence = ""
        self._say(said_of_code(self.language, [line for line in self.code if line.strip()], english=self.english))

    def _feed_row(self, line: str) -> None:
        if self.paragraph:
            self.flush()
        self.rows.append([] if _LINE.match(line) else [cell.strip() for cell in line.strip().strip("|").split("|")])

    def _feed_text(self, line: str) -> None:
        if not line.strip() or _LINE.match(line):
            self.flush()
        elif heading := _HEADING.match(line):
            self.flush()
            self._say(_without_closing(heading[1]))
        elif item := _ITEM.match(line):
            self.flush()
            self.is_prose = False
            self.paragraph.append(self._marker(item[1], item[2]) + item[3])
        elif alert := _ALERT.match(line):
            self.paragraph.append(f"{alert[1].capitalize()}:")
        elif not _DEFINITION.match(line):
            self.paragraph.append(line.strip())

    def _marker(self, number: str | None, box: str | None) -> str:
        if box and self.english:
            return "Done: " if box in "xX" else "To do: "
        return f"{number}: " if number else ""

    def _say(self, text: str) -> None:
        self.is_prose = False
        self.said.append(inline(text))

    def flush(self) -> None:
        """End the paragraph, item or table we are in."""
        if self.rows:
            rows, self.rows = self.rows, []
            for row in said_of_table(rows, english=self.english):
                self._say(row)
        if self.paragraph:
            self.said.append(inline(" ".join(self.paragraph)))
            self.paragraph = []


def blocks(text: str, *, english: bool) -> list[str]:
    """Return the spoken text of each part of `text`, code spans still in backticks.

    A single paragraph stays as it is; everything else ends like a sentence, so that the voice pauses there.
    """
    reader = _Reader(english)
    for line in _without_comments(text).splitlines():
        reader.feed(line)
    if reader.fence:
        reader.end_code()
    reader.flush()
    said = [block for block in map(str.strip, reader.said) if block]
    return said if reader.is_prose and len(said) == 1 else [_ended(block) for block in said]


def _ended(block: str) -> str:
    return block if drop_emoji(block).rstrip("\"'”’)*_ ").endswith(_ENDED) else f"{block}."


def _without_closing(title: str) -> str:
    """A heading may be closed by hashes, too."""
    rest, _, last = title.rstrip().rpartition(" ")
    return title if last.strip("#") else rest


def _without_comments(text: str) -> str:
    # Beyond the last end nothing is looked for: each opening mark there would be followed to the end of the text.
    closed, end, rest = text.rpartition("-->")
    return f"{_COMMENT.sub('', closed + end)}{rest}".replace("<!--", "")


def said_of_code(language: str, lines: list[str], *, english: bool) -> str:
    """A short line is read, anything longer is only described: nobody can follow it by ear."""
    if len(lines) == 1 and len(lines[0].strip()) <= MAX_READ_CHARS:
        return f"`{lines[0].strip().removeprefix('$ ').replace('`', '')}`"
    name = _LANGUAGES.get(language, language.capitalize())
    if not english or not lines:
        return name
    what = _OTHER_BLOCKS.get(language) or f"Code in {name}"
    return f"{what}, {len(lines)} {'line' if len(lines) == 1 else 'lines'}."


def said_of_table(rows: list[list[str]], *, english: bool) -> list[str]:
    """A sentence for each row: "first cell: header cell, header cell". A row without cells is the line below the header."""
    header = rows[0] if len(rows) > 1 and not rows[1] else []
    body = [row for row in rows[1 if header else 0 :] if row]
    shown = body[:MAX_ROWS] if english and len(body) > MAX_ROWS + 1 else body
    said = [_said_of_row(header, row) for row in shown]
    if len(shown) < len(body):
        said.append(f"And {len(body) - len(shown)} more rows.")
    return said


def _said_of_row(header: list[str], row: list[str]) -> str:
    cells = [name_emoji(cell) or cell for cell in row]
    if not header or len(cells) == 1:
        return ", ".join(filter(None, cells))
    titles = header[1:] if len(header) > 2 else [""]
    rest = [f"{title} {cell}".strip() for title, cell in zip_longest(titles, cells[1:], fillvalue="") if cell]
    return f"{cells[0]}: {', '.join(rest)}" if cells[0] else ", ".join(rest)


_INLINE_TAGS = "a|abbr|b|code|del|em|i|ins|kbd|mark|q|s|samp|small|span|strong|sub|sup|u|var"
_OTHER_TAGS = (
    "article|aside|audio|blockquote|br|button|center|dd|details|div|dl|dt|figcaption|figure|font|footer|form|h[1-6]|head|"
    "header|hr|html|body|iframe|img|input|label|li|main|nav|ol|option|p|picture|pre|section|select|source|speak|summary|"
    "svg|table|tbody|td|tfoot|th|thead|tr|ul|video"
)
_MARKUP = re.compile(
    r"(?P<keep>`{1,2}[^`]{1,500}`{1,2})"
    r"|\[\^[^\[\]\s]{1,50}\]"
    r"|!?(?<!\w)\[(?P<link>[^\[\]]{0,1000})\]"
    r"(?:\([^()\s]{0,2000}(?:\([^()\s]{0,200}\)[^()\s]{0,2000})?(?:\s+\"[^\"]{0,500}\")?\)|\[[^\[\]]{0,100}\])"
    r"|<(?:mailto:)?(?P<auto>https?://[^\s<>]{1,2000}|[^\s<>@:/]{1,100}@[^\s<>@]{1,200})>"
    rf"|</?(?:{_INLINE_TAGS})(?:\s[^<>]{{0,1000}})?>"
    rf"|(?P<gap></?(?:{_OTHER_TAGS})(?:\s[^<>]{{0,1000}})?/?>)",
    re.IGNORECASE,
)
_EMPHASIS: list[Rule] = [
    (re.compile(r"\\([\\`*_{}\[\]()#+.!~|>-])"), r"\1"),
    (re.compile(r"(?<!\d)\*{2,3}(?=\S)|(?<=\S)\*{2,3}(?!\d)"), ""),
    (re.compile(r"(?<![\w*])\*(?=[^\s*.])|(?<=[^\s*])\*(?![\w*])"), ""),
    (re.compile(r"(?<!\w)_{1,3}(?=[^\W_])|(?<=[^\W_])_{1,3}(?!\w)"), ""),
    (re.compile(r"~~(?=\S)|(?<=\S)~~"), ""),
]


def inline(text: str) -> str:
    """`text` without links, images, tags and emphasis; code spans are kept."""
    # Twice, for the picture within a link.
    for _ in range(2):
        text = _MARKUP.sub(lambda m: m["keep"] or m["link"] or m["auto"] or (" " if m["gap"] else ""), text)
    return rewrite(html.unescape(text), _EMPHASIS)
