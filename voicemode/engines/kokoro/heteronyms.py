"""Pronunciation of heteronyms (words spelled alike and pronounced differently) by their place in the sentence. Pure.

The dictionary lists the pronunciations by part of speech, but has no tagger to choose between them.
"""

from collections.abc import Mapping, Sequence

_VERB_AFTER_WORDS = """
to will would can could shall should may might must do does did don't doesn't didn't can't cannot won't wouldn't shouldn't
couldn't please let's i we you they who not never always also just then and or first automatically
"""
_NOUN_AFTER_WORDS = """
a an the this that these those my your his her its our their no any some each every of in for with by one two three new old
first last main single same another such more most less per
"""
_HAVING_WORDS = """
have has had having 've i've we've you've they've be is are was were been being it's 's get gets got
"""
_VERB_AFTER, _NOUN_AFTER, _HAVING = (
    frozenset(words.split()) for words in (_VERB_AFTER_WORDS, _NOUN_AFTER_WORDS, _HAVING_WORDS)
)
_PERSON = frozenset(["i", "we", "he", "she", "it"])
_OBJECTS = _NOUN_AFTER - {"of", "in", "for", "by", "per", "more", "most", "less"} | frozenset(
    ["it", "them", "him", "us", "me", "all", "both"]
)
_PLACES = frozenset(["in", "at", "on", "under", "inside", "within", "here", "there", "with"])
_ENDS = frozenset(".!?;:,—")


def part_of_speech(words: Sequence[str], index: int) -> str:
    """Return VERB, NOUN, VBN (has read), VBD (I read it) or empty for `words[index]`; tokens are in lower case."""
    before = words[index - 1] if index else "."
    after = words[index + 1] if index + 1 < len(words) else "."
    if before in _HAVING:
        return "VBN"
    if before in _PERSON:
        return "VBD"
    if before in _VERB_AFTER or (before in _ENDS and after in _OBJECTS):
        return "VERB"
    if before in _NOUN_AFTER:
        return "NOUN"
    return "VERB" if before.endswith("s") and (after in _PLACES or after in _OBJECTS) else ""


def choose_sound(sounds: Mapping[str, str | None], words: Sequence[str], index: int) -> str | None:
    """Choose the pronunciation of `words[index]` from `sounds`, keyed by part of speech; None keeps the current one."""
    tag = part_of_speech(words, index)
    match tag:
        case "VBN":
            return sounds.get("VBN") or sounds["DEFAULT"]
        case "VBD":
            return sounds.get("VBD") or sounds.get("VERB") or sounds["DEFAULT"]
        case "NOUN" if sounds.get("NOUN") == sounds.get("VERB"):
            return sounds["DEFAULT"]  # an adjective: "a close match" is more frequent than "the close"
        case "":
            return sounds["DEFAULT"] if "NOUN" in sounds else None
    return sounds.get(tag) or sounds["DEFAULT"]
