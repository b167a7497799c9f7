"""Speech and text of people, quoted so that it cannot pass for another person's line or a note of VoiceMode. Pure."""

import json
import re
import unicodedata

UNSEEN = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\U000e0000-\U000e007f]")
"""Control characters, bidirectional controls, surrogates, byte order marks and tag characters."""
LINE_BREAK = re.compile(r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
COLON = ":\u2236\ua789\u02f8"
"""The colon and its lookalikes."""
MARKED = re.compile(
    r'\s*["“”„‟]|.*[\n\[\]\u2045\u2046\u2772\u2773\u27e6\u27e7\u27ec\u27ed\u298b-\u2990\u3010\u3011\u3014-\u301b]', re.DOTALL
)
"""A leading quotation mark, a line break, or square brackets and their lookalikes."""
NAMED = re.compile(rf"[^{COLON}]{{1,80}}[{COLON}](\s|$)")
"""A leading name."""


def readable(text: str) -> str:
    """Return `text` without invisible characters, with uniform line breaks."""
    return UNSEEN.sub("", LINE_BREAK.sub("\n", text)).strip()


def quoted(text: str, *, named: bool = False) -> str:
    """Return `readable` text as it is, or as a JSON string if it is `MARKED`, or with `named` if it begins with a name."""
    looks = unicodedata.normalize("NFKC", text)
    return in_quotes(text) if MARKED.match(looks) or (named and NAMED.match(looks)) else text


def in_quotes(text: str) -> str:
    """Return `text` as a JSON string."""
    return json.dumps(text, ensure_ascii=False)
