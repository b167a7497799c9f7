"""The public API for plugins that add another kind of speech provider.

`PROVIDER = Plugin(name="parrot", kind="stt", build=Parrot)` in a package's entry point `voicemode.providers`, or in a file
of `~/.voicemode/providers/`, makes `VOICEMODE_STT_BASE_URLS=parrot://127.0.0.1:7000` work. See docs/providers.md.
"""

from voicemode.audio.frames import Frame, Frames
from voicemode.config import Settings
from voicemode.errors import ProviderError
from voicemode.progress import Progress, Report
from voicemode.speech.base import Offer, SpeechToText, Synthesizer, TextToSpeech, Transcriber, Transcript, Voice
from voicemode.speech.plugin import Plugin

__all__ = [
    "Frame",
    "Frames",
    "Offer",
    "Plugin",
    "Progress",
    "ProviderError",
    "Report",
    "Settings",
    "SpeechToText",
    "Synthesizer",
    "TextToSpeech",
    "Transcriber",
    "Transcript",
    "Voice",
]
