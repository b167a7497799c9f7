"""On PYTHONPATH, this gives a VoiceMode that a test starts a sound card made of lists."""

from voicemode.transports import TRANSPORTS

TRANSPORTS["local"] = "tests.support.memory_transport:MemoryTransport"
