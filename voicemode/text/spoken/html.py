"""HTML and SSML tags: markup is not said, a placeholder like `<branch>` is."""

import re

_WITHIN_SENTENCES = """
a abbr b bdi bdo cite code data del dfn em font i ins kbd label mark math q rp rt ruby s samp small span strong sub sup svg
time tt u var wbr amazon:effect emphasis lang phoneme prosody say-as speak voice w
"""
_AROUND_SENTENCES = """
address article aside audio blockquote body br break button canvas caption center col colgroup dd details dialog div dl dt
fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html iframe img input legend li link main menu meta nav
noscript object ol optgroup option p picture pre progress script section select source style summary table tbody td template
textarea tfoot th thead title tr track ul video
"""
_INLINE, _BLOCK = frozenset(_WITHIN_SENTENCES.split()), frozenset(_AROUND_SENTENCES.split())
_TAG = re.compile(r"<(/?)([A-Za-z][\w:.-]*)((?:\s[^<>]{0,1000})?)/?>")
_HIDDEN = re.compile(r"<(script|style|head)\b[^<>]{0,1000}>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->|<[!?][^<>]{0,1000}>", re.DOTALL)


def without_tags(html: str, gap: str = " ") -> str:
    """Return `html` without tags and comments, with `gap` in place of tags that end a line or paragraph."""
    # Without a `-->`, the search for the end of each `<!--` would run to the end of the text.
    closed, end, rest = html.rpartition("-->")
    text = _COMMENT.sub("", closed + end) + rest.replace("<!--", "")
    if "</" in text:
        text = _HIDDEN.sub(gap, text)
    return _TAG.sub(lambda tag: _said_of_tag(tag, gap), text)


def _said_of_tag(tag: re.Match[str], gap: str) -> str:
    name = tag[2].lower()
    if name in _INLINE:
        return ""
    if name in _BLOCK:
        return gap
    return " " if tag[1] else f" {tag[2]}{tag[3]} ".replace("-", " ").replace("_", " ")
