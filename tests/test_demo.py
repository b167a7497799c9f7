"""What scripts/demo finds out before it talks; the conversation itself is that of tests/conversation/test_spoken.py."""

import pytest

from scripts.conversation import has_sound_card, usual_environment
from tests.support.rig import VirtualSound
from voicemode.config import Settings, load_settings


def test_it_talks_to_engines_on_the_usual_ports() -> None:
    settings, usual = load_settings(usual_environment()).settings, Settings()
    assert (settings.whisper_port, settings.kokoro_port) == (usual.whisper_port, usual.kokoro_port)


@pytest.mark.sound
def test_it_finds_the_sound_card(virtual_sound: VirtualSound) -> None:
    assert has_sound_card()
