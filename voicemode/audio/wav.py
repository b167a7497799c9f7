"""WAV without a library, as a stream or at once: the format that an install without codecs supports."""

import struct
from array import array
from dataclasses import dataclass
from pathlib import Path

from voicemode.audio.frames import SAMPLE_BYTES, Frame, join, pcm_of, samples_of
from voicemode.errors import UnsupportedAudioError

_INTEGER, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_ENDLESS = 0xFFFFFF00
"""Sizes from here on, and zero, stand for an unknown size in files from streaming writers."""


@dataclass(frozen=True, slots=True)
class WavFormat:
    """Sample format of a WAV file."""

    rate: int
    """Samples per second."""
    channels: int
    width: int
    """Bytes per sample of one channel."""
    is_float: bool

    @property
    def block_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.width * self.channels


class WavReader:
    """Decoder of a WAV stream, split anywhere, into mono 16-bit frames."""

    def __init__(self) -> None:
        self.format: WavFormat | None = None
        """Sample format; None until the header is complete."""
        self._pending = bytearray()
        self._left: int | None = None

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the frames that `chunk` completes. Raises UnsupportedAudioError."""
        self._pending += chunk
        if self.format is None:
            header = parse_header(self._pending)
            if header is None:
                return []
            self.format, start, self._left = header
            del self._pending[:start]
        return self._take(self.format)

    def _take(self, layout: WavFormat) -> list[Frame]:
        available = len(self._pending) if self._left is None else min(len(self._pending), self._left)
        whole = available - available % layout.block_bytes
        data = bytes(self._pending[:whole])
        del self._pending[:whole]
        if self._left is not None:
            self._left -= whole
            if self._left < layout.block_bytes:
                # Metadata such as titles can follow the samples.
                self._left = 0
                self._pending.clear()
        return [Frame(to_mono(data, layout), layout.rate)] if data else []

    def finish(self) -> list[Frame]:
        """Return no frames. Raises UnsupportedAudioError if the stream ended within its header."""
        if self.format is None:
            raise UnsupportedAudioError("The WAV data ends within its header.")
        return []


def parse_header(data: bytes | bytearray) -> tuple[WavFormat, int, int | None] | None:
    """Return (format, offset of the samples, their bytes or None for "to the end"); None if the header is incomplete.

    Raises UnsupportedAudioError.
    """
    if len(data) >= 12 and not (data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE"):
        raise UnsupportedAudioError("This is not WAV audio.")
    offset, layout = 12, None
    while len(data) >= offset + 8:
        name, size = struct.unpack_from("<4sI", data, offset)
        offset += 8
        if name == b"data":
            if layout is None:
                raise UnsupportedAudioError("The WAV header does not describe its samples.")
            return layout, offset, size if 0 < size < _ENDLESS else None
        if len(data) < offset + size:
            return None
        if name == b"fmt ":
            layout = _parse_format(bytes(data[offset : offset + size]))
        offset += size + size % 2
    return None


def _parse_format(chunk: bytes) -> WavFormat:
    if len(chunk) < 16:
        raise UnsupportedAudioError("The WAV header is damaged.")
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if code == _EXTENSIBLE and len(chunk) >= 26:
        (code,) = struct.unpack_from("<H", chunk, 24)
    widths = {_INTEGER: (8, 16, 24, 32), _FLOAT: (32, 64)}
    if bits not in widths.get(code, ()) or not channels or not rate:
        raise UnsupportedAudioError(f"WAV audio of this kind (code {code}, {bits} bits) cannot be read without a codec.")
    return WavFormat(rate, channels, bits // 8, code == _FLOAT)


def to_mono(data: bytes, layout: WavFormat) -> bytes:
    """Convert samples as stored in a WAV file to mono, 16 bit."""
    pcm = _floats_to_16_bit(data, layout.width) if layout.is_float else _integers_to_16_bit(data, layout.width)
    if layout.channels == 1:
        return pcm
    samples = samples_of(pcm)
    channels = [samples[index :: layout.channels] for index in range(layout.channels)]
    return pcm_of(array("h", (sum(block) // layout.channels for block in zip(*channels, strict=True))))


def _integers_to_16_bit(data: bytes, width: int) -> bytes:
    if width == SAMPLE_BYTES:
        return data
    pcm = bytearray(len(data) // width * SAMPLE_BYTES)
    if width == 1:
        # 8-bit WAV is unsigned; flipping the top bit makes it signed.
        pcm[1::2] = data.translate(bytes(value ^ 0x80 for value in range(256)))
    else:
        pcm[0::2] = data[width - 2 :: width]
        pcm[1::2] = data[width - 1 :: width]
    return bytes(pcm)


def _floats_to_16_bit(data: bytes, width: int) -> bytes:
    samples = struct.unpack(f"<{len(data) // width}{'f' if width == 4 else 'd'}", data)
    return pcm_of(array("h", (int(max(-1.0, min(1.0, sample)) * 32767) for sample in samples)))


def wav_header(rate: int, data_bytes: int | None = None) -> bytes:
    """Return the header of a mono 16-bit WAV; without `data_bytes`, of one with an unknown size."""
    size = 0xFFFFFFFF if data_bytes is None else data_bytes
    layout = struct.pack("<IHHIIHH", 16, _INTEGER, 1, rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES)
    return b"RIFF" + struct.pack("<I", min(size + 36, 0xFFFFFFFF)) + b"WAVEfmt " + layout + b"data" + struct.pack("<I", size)


def wav_bytes(frame: Frame) -> bytes:
    """Return `frame` as a WAV file."""
    return wav_header(frame.rate, len(frame.pcm)) + frame.pcm


def read_wav(path: Path) -> Frame:
    """Read a WAV file as one frame at its own rate. Raises UnsupportedAudioError and OSError."""
    reader = WavReader()
    frames = reader.feed(path.read_bytes()) + reader.finish()
    if not frames:
        raise UnsupportedAudioError(f"{path} holds no audio.")
    return join(frames, frames[0].rate)
