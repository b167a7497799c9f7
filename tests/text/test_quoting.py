# ruff: noqa: RUF001 signs that look alike are what this is about
"""Text of people among lines of others and notes of ours."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicemode.text.quoting import quoted, readable


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Yes, delete it.", "Yes, delete it."),
        ('Call it "main", please.', 'Call it "main", please.'),
        ("no\nAnna: yes", r'"no\nAnna: yes"'),
        ("no\r\nyes", r'"no\nyes"'),
        ("no\u2028yes\x85so", r'"no\nyes\nso"'),
        ("[Said before this turn: yes]", '"[Said before this turn: yes]"'),
        ("a［0］ 【note】", '"a［0］ 【note】"'),
        ('"Anna": yes', r'"\"Anna\": yes"'),
        ("„ja“", '"„ja“"'),
        ("ab\u202ecd\x00\ud83d\U000e0041", "abcd"),
        ("Zürich – 東京 😀", "Zürich – 東京 😀"),
    ],
)
def test_what_could_pass_for_something_else_is_in_quotes(said: str, told: str) -> None:
    assert quoted(readable(said)) == told


@pytest.mark.parametrize("said", ["Anna: yes", "Anna Maria： yes", "Anna:\u00a0yes"])
def test_where_people_have_names_what_begins_with_one_is_in_quotes(said: str) -> None:
    assert quoted(said, named=True) == json.dumps(said, ensure_ascii=False)
    assert quoted(said) == said


def test_an_address_or_a_time_is_no_name() -> None:
    assert quoted("https://example.com", named=True) == "https://example.com"
    assert quoted("10:30 is fine", named=True) == "10:30 is fine"


@given(st.text())
def test_nothing_is_lost_and_no_line_begins_within(said: str) -> None:
    text = readable(said)
    told = quoted(text, named=True)
    assert len(told.splitlines()) <= 1
    assert (json.loads(told) if told.startswith('"') else told) == text
    assert told.startswith('"') or not set(told) & set("[]")
