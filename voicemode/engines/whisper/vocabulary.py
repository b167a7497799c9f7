"""Whisper's tokens: the sequences that start a transcription, encoding and decoding of text."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PROMPT_TOKENS = 223
"""Tokens of a prompt that fit beside a full transcript; only the end of a longer prompt is kept."""


class Vocabulary:
    """The tokenizer of one set of weights."""

    def __init__(self, file: Path) -> None:
        """`file` is the tokenizer.json beside the weights."""
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(file))
        self._end = self._special("endoftext")

    def start(self, language: str, *, translate: bool) -> list[int]:
        """Return the tokens that every transcript begins with. English-only weights take an empty `language`."""
        task = "translate" if translate else "transcribe"
        chosen = [self._language(language), self._special(task)] if language else []
        return [self._special("startoftranscript"), *chosen]

    def prompt(self, start: Sequence[int], hint: str) -> list[int]:
        """Return the decoder's prompt: `hint` is text that could have preceded the speech, with words to expect."""
        text = hint.strip()
        before = [self._special("startofprev"), *self._encode(" " + text)[-PROMPT_TOKENS:]] if text else []
        return [*before, *start, self._special("notimestamps")]

    def text_only(self, tokens: Sequence[int]) -> list[int]:
        """Return `tokens` without the special ones."""
        return [token for token in tokens if token < self._end]

    def decode(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(tokens))

    def pieces(self, tokens: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
        """Yield text and tokens of the smallest groups of `tokens` that form whole characters."""
        group: list[int] = []
        for token in tokens:
            group.append(token)
            text = self.decode(group)
            if "\N{REPLACEMENT CHARACTER}" not in text:
                yield text, group
                group = []
        if group:
            yield self.decode(group), group

    def _language(self, code: str) -> int:
        # Only large-v3 has a token for Cantonese; the other models treat it as Chinese.
        known = self._tokenizer.token_to_id(f"<|{code}|>") is not None
        return self._special("zh" if code == "yue" and not known else code)

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _special(self, name: str) -> int:
        token = self._tokenizer.token_to_id(f"<|{name}|>")
        if token is None:
            raise ValueError(f"This tokenizer has no <|{name}|>.")
        return int(token)
