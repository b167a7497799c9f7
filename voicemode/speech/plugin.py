"""A kind of speech provider that VoiceMode does not know by itself. Public: packages and people write these.

    PROVIDER = Plugin(name="parrot", kind="stt", build=lambda settings, url: Parrot(url))

makes `VOICEMODE_STT_BASE_URLS=parrot://127.0.0.1:7000` work. A package names it in its entry points under the group
`voicemode.providers`; a file in the folder providers/ of the base directory just has it. docs/providers.md tells more.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from voicemode.config import Settings
from voicemode.speech.base import Kind, SpeechToText, TextToSpeech

Build = Callable[[Settings, str], SpeechToText | TextToSpeech]
Discover = Callable[[Settings], Awaitable[Sequence[str]]]


async def nowhere(_settings: Settings) -> Sequence[str]:
    """Where a provider is that has to be named to be found."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    name: str
    """The scheme of its URLs: letters, digits and hyphens, in lower case."""
    kind: Kind
    build: Build
    """Makes what answers at a URL. The settings it gets hold one key at most, its own: `settings.key_for(url)`.

    What it makes has `transcribe`, or `synthesize`. The rest of `Transcriber` and `Speaker` is used where it is there.
    """
    discover: Discover = nowhere
    """URLs at which it answers on this machine right now; none is an answer. It has 0.3 s and no key."""
