"""On PYTHONPATH, this gives a VoiceMode that a test starts a sound card whose server never answers."""

from voicemode.transports import TRANSPORTS

TRANSPORTS["local"] = "tests.support.stuck_sound_card:StuckTransport"
