"""Upload of recordings to an endpoint: encoding and reading run in threads."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from voicemode.audio.codec import CONTENT_TYPES, open_encoder, wav_bytes
from voicemode.audio.frames import Frame
from voicemode.errors import VoiceModeError

if TYPE_CHECKING:
    import httpx2

_ENDINGS = {"opus": "ogg"}
"""File name extensions that differ from the format's name; servers go by them."""


async def recording(audio: Frame, audio_format: str) -> tuple[str, bytes, str]:
    """Return `audio` as a file of `audio_format`: name, content and content type. Raises UnsupportedAudioError."""
    content = await asyncio.to_thread(_encoded, audio, audio_format)
    return f"speech.{_ENDINGS.get(audio_format, audio_format)}", content, CONTENT_TYPES[audio_format]


def _encoded(audio: Frame, audio_format: str) -> bytes:
    if audio_format == "wav":
        # An encoder does not know the length in advance; this header holds it.
        return wav_bytes(audio)
    encoder = open_encoder(audio_format, audio.rate)
    return encoder.encode(audio) + encoder.finish()


def open_file(path: Path) -> BinaryIO:
    """Open an audio file. Blocks. Raises VoiceModeError."""
    try:
        return path.open("rb")
    except OSError as error:
        raise VoiceModeError(f"{path} cannot be read: {error.strerror}.", hint="Check the path of the audio file.") from error


def form(fields: Mapping[str, str], name: str, file: BinaryIO) -> dict[str, Any]:
    """Return a form with a file as request content. Reads in a thread, which the library itself does not."""
    import httpx2

    # A file name need not be valid Unicode.
    name = name.encode(errors="replace").decode()
    made = httpx2.Request("POST", "http://form", data=fields, files={"file": (name, file, "application/octet-stream")})
    headers = {header: value for header, value in made.headers.items() if header != "host"}
    return {"content": _ReadInThread(cast("httpx2.SyncByteStream", made.stream)), "headers": headers}


class _ReadInThread:
    """Asynchronous iterable of blocks of bytes that are slow to read. Starts over each time it is iterated."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = blocks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        blocks = iter(self._blocks)
        while (block := await asyncio.to_thread(next, blocks, None)) is not None:
            yield block
