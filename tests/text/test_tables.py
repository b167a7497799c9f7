import pytest

from voicemode.text.tables import shortened, table


def test_columns_are_aligned() -> None:
    assert table([("a", "bb", "c"), ("aaa", "b", "")], 80) == ["a    bb  c", "aaa  b"]


def test_what_is_too_long_is_wrapped_in_its_cell() -> None:
    assert table([("name", "a value of many words", "here")], 25) == ["name  a value of     here", "      many words"]


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_no_line_is_wider_than_asked_for(columns: int) -> None:
    rows = [("VOICEMODE_" + "X" * 30, "/a/very/long/path" * 5, "default"), ("a", "b", "c")]
    assert max(map(len, table(rows, max(columns, 28)))) <= max(columns, 28)


def test_nothing_is_nothing() -> None:
    assert table([], 80) == []


@pytest.mark.parametrize(("columns", "text"), [(9, "voicemode"), (5, "voic…"), (0, "")])
def test_shortened(columns: int, text: str) -> None:
    assert shortened("voicemode", columns) == text
