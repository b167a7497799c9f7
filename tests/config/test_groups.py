"""The groups of settings, and the page that is rendered from them."""

from collections import Counter
from dataclasses import fields

from tests.support.paths import REPOSITORY
from voicemode.config import Settings
from voicemode.config.groups import GROUPS, reference


def test_every_setting_is_in_exactly_one_group() -> None:
    assert Counter(name for names in GROUPS.values() for name in names) == Counter(item.name for item in fields(Settings))


def test_the_page_of_settings_says_what_the_settings_say() -> None:
    page = (REPOSITORY / "docs/settings.md").read_text(encoding="utf-8")
    assert page == reference(), "render it anew: voicemode config reference > docs/settings.md"
