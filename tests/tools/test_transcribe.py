"""What `transcribe` makes of an answer."""

import json

import pytest

from voicemode.config import Settings
from voicemode.tools.transcribe import as_written

NAMES = (("nginx", "engine x"), ("kubectl", "cube control"))


def test_words_of_the_user_are_written_as_they_write_them() -> None:
    assert as_written("Use engine X as a proxy.", NAMES, "text") == "Use nginx as a proxy."
    assert as_written("1\n00:00 --> 00:01\nApply it with cube\ncontrol.", NAMES, "srt").endswith("Apply it with kubectl.")


def test_in_json_they_are_so_in_the_text_and_its_segments() -> None:
    heard = {"text": "Engine X.", "segments": [{"id": 0, "text": " Engine X."}], "words": [{"word": "Engine"}]}
    assert json.loads(as_written(json.dumps(heard), NAMES, "verbose_json")) == {
        "text": "nginx.",
        "segments": [{"id": 0, "text": " nginx."}],
        "words": [{"word": "Engine"}],
    }
    assert json.loads(as_written('{"text": "Engine X."}', NAMES, "verbose_json")) == {"text": "nginx."}


@pytest.mark.parametrize(
    ("given", "prompt"),
    [
        ("git commit, nginx, getUserById", "git commit, nginx, getUserById."),
        ("nginx, kubectl, ", "nginx, kubectl."),
        ("A talk about nginx.", "A talk about nginx."),
        ("Who uses nginx?", "Who uses nginx?"),
        (" ", ""),
    ],
)
def test_a_prompt_is_a_sentence_so_that_what_follows_begins_one(given: str, prompt: str) -> None:
    assert Settings(stt_prompt=given).prompt == prompt
