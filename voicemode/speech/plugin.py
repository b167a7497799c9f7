"""A kind of speech provider that VoiceMode itself does not have. Public: packages and people write these.

    PROVIDER = Plugin(name="parrot", kind="stt", build=lambda settings, url: Parrot(url))

makes `VOICEMODE_STT_BASE_URLS=parrot://127.0.0.1:7000` work. A package registers it as an entry point in the group
`voicemode.providers`; a file in the folder providers/ of the base directory just defines it. See docs/providers.md.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from voicemode.config import Settings
from voicemode.speech.base import Kind, SpeechToText, TextToSpeech

Build = Callable[[Settings, str], SpeechToText | TextToSpeech]
Discover = Callable[[Settings], Awaitable[Sequence[str]]]


async def nowhere(_settings: Settings) -> Sequence[str]:
    """Find nothing: the servers of this provider have to be configured."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    name: str
    """Scheme of the provider's URLs: letters, digits and hyphens, in lower case."""
    kind: Kind
    build: Build
    """Makes the object for a URL. The settings it receives hold one key at most, its own: `settings.key_for(url)`.

    The object has `transcribe` or `synthesize`. Other members of `Transcriber` and `Synthesizer` are used if present.
    """
    discover: Discover = nowhere
    """Returns the URLs of the provider's servers that run on this machine, if any. It has 0.3 s and no key."""
