"""Encoded audio <-> frames. PCM and WAV need no library; all other formats use PyAV, imported on demand."""

import asyncio
import importlib.util
import itertools
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any, BinaryIO, Protocol

from voicemode.audio.frames import SAMPLE_BYTES, Frame, Frames
from voicemode.audio.resample import Resampler
from voicemode.audio.wav import WavFormat, WavReader, parse_header, read_wav, wav_bytes, wav_header
from voicemode.config.installer import to_install
from voicemode.errors import UnsupportedAudioError


class Feed:
    """A thread that runs `work` and blocks in `read` whenever its input is used up.

    `feed` returns once that thread blocks again, so no frame waits for the next chunk.
    """

    def __init__(self, work: Callable[["Feed"], Iterator[Frame]]) -> None:
        self._data = bytearray()
        self._frames: list[Frame] = []
        self._error: Exception | None = None
        self._ended = self._parked = self._done = False
        self._changed = threading.Condition()
        threading.Thread(target=self._run, args=(work,), name="voicemode-feed", daemon=True).start()

    def feed(self, chunk: bytes) -> list[Frame]:
        """Pass on `chunk`, wait for the frames it completes and return them. Raises what `work` raised."""
        with self._changed:
            self._data += chunk
            return self._resume()

    def finish(self) -> list[Frame]:
        """Mark the end of the input, wait for the last frames and return them. Raises what `work` raised."""
        with self._changed:
            self._ended = True
            return self._resume()

    def close(self) -> None:
        """End the thread, whether or not the stream has ended, without waiting for it."""
        with self._changed:
            self._data.clear()
            self._ended = True
            self._changed.notify_all()

    def read(self, size: int) -> bytes:
        """Return 1 to `size` bytes, none at the end of the input. Blocks; for `work` only."""
        with self._changed:
            if not self._data and not self._ended:
                self._parked = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._data or self._ended)
            taken = bytes(self._data[:size])
            del self._data[:size]
            return taken

    def _resume(self) -> list[Frame]:
        self._parked = False
        self._changed.notify_all()
        self._changed.wait_for(lambda: self._parked or self._done)
        frames, self._frames = self._frames, []
        if self._error is not None:
            raise self._error
        return frames

    def _run(self, work: Callable[["Feed"], Iterator[Frame]]) -> None:
        try:
            for frame in work(self):
                self._frames.append(frame)
        except Exception as error:
            # Raised again in the thread that waits for the frames.
            self._error = error
        finally:
            with self._changed:
                self._done = True
                self._changed.notify_all()


__all__ = ["CONTENT_TYPES", "Encoder", "decode_file", "decode_stream", "has_codecs", "open_encoder", "read_wav", "wav_bytes"]

CONTENT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "pcm": "audio/pcm",
        "wav": "audio/wav",
        "mp3": "audio/mpeg",
        "opus": "audio/ogg",
        "flac": "audio/flac",
        "aac": "audio/aac",
    }
)
"""MIME types of the formats that can be encoded, and decoded as a stream."""

_CONTAINERS = MappingProxyType({"mp3": "mp3", "opus": "ogg", "flac": "flac", "aac": "adts"})
_CODECS = MappingProxyType({"mp3": "libmp3lame", "opus": "libopus", "flac": "flac", "aac": "aac"})
_MAGIC = ((b"RIFF", "wav"), (b"RF64", "wav"), (b"OggS", "opus"), (b"fLaC", "flac"), (b"ID3", "mp3"))
_MAGIC_BYTES = 4
_READ_BYTES = 64 * 1024
_BUFFER_BYTES = 4096
_UNTRUSTED = MappingProxyType(
    {
        # FFmpeg would open the files and URLs in a playlist disguised as audio.
        "format_whitelist": "aac,aiff,amr,ape,asf,au,caf,flac,matroska,webm,mov,mp4,mp3,mpeg,mpegts,ogg,w64,wav",
        "protocol_whitelist": "none",
    }
)


class Decoder(Protocol):
    """Stream decoder: bytes in, frames out as soon as possible. Raises UnsupportedAudioError."""

    def feed(self, chunk: bytes) -> list[Frame]: ...
    def finish(self) -> list[Frame]: ...


class Encoder(Protocol):
    """Stream encoder: frames in, bytes out as soon as the format allows. Frames must have the encoder's rate."""

    def encode(self, frame: Frame) -> bytes: ...
    def finish(self) -> bytes:
        """Return the remaining bytes and the end of the file. The encoder cannot be used afterwards."""
        ...


async def decode_stream(chunks: AsyncIterator[bytes], audio_format: str, pcm_rate: int = 24_000) -> Frames:
    """Yield frames as the bytes arrive, at the audio's own rate.

    Args:
        chunks: The encoded bytes, split anywhere.
        audio_format: A key of CONTENT_TYPES. Audio that is recognizably in another format is decoded as that one, because
            not every server honours the requested format.
        pcm_rate: Samples per second of raw PCM, which has no header.

    Raises UnsupportedAudioError.
    """
    decoder: Decoder | None = None
    try:
        async for chunk in _with_whole_magic(chunks):
            decoder = decoder or _open_decoder(_sniff(chunk) or audio_format, pcm_rate)
            for frame in await _step(decoder, chunk):
                yield frame
        if decoder is None:
            raise UnsupportedAudioError("The audio is empty.")
        for frame in await _step(decoder, None):
            yield frame
    finally:
        if isinstance(decoder, Feed):
            decoder.close()


async def _with_whole_magic(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield `chunks`, with the first one long enough to recognize the format."""
    head: bytes | None = b""
    async for chunk in chunks:
        if head is None:
            yield chunk
        elif len(head + chunk) >= _MAGIC_BYTES:
            yield head + chunk
            head = None
        else:
            head += chunk
    if head:
        yield head


async def _step(decoder: Decoder, chunk: bytes | None) -> list[Frame]:
    work = decoder.finish if chunk is None else lambda: decoder.feed(chunk)
    return await asyncio.to_thread(work) if isinstance(decoder, Feed) else work()


def _sniff(head: bytes) -> str | None:
    return next((name for magic, name in _MAGIC if head.startswith(magic)), None)


def _open_decoder(audio_format: str, pcm_rate: int) -> Decoder:
    _check(audio_format)
    if audio_format == "pcm":
        return _PcmReader(pcm_rate)
    if audio_format == "wav":
        return WavReader()
    container = _CONTAINERS[audio_format]
    return Feed(lambda source: _decode(source, None, container))


def _check(audio_format: str) -> None:
    if audio_format not in CONTENT_TYPES:
        raise UnsupportedAudioError(
            f"Audio format {audio_format!r} is not known.", hint=f"Known are {', '.join(CONTENT_TYPES)}."
        )


class _PcmReader:
    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._half = b""

    def feed(self, chunk: bytes) -> list[Frame]:
        chunk = self._half + chunk
        # Half a sample waits for its other half: if it were dropped or padded, all later audio would be noise.
        whole = len(chunk) - len(chunk) % SAMPLE_BYTES
        self._half = chunk[whole:]
        return [Frame(chunk[:whole], self._rate)] if whole else []

    def finish(self) -> list[Frame]:
        return []


def decode_file(file: BinaryIO, rate: int) -> Iterator[Frame]:
    """Yield frames at `rate` from any container and codec, in bounded memory. Blocks: servers run it in a thread.

    Args:
        file: A seekable file, open for reading at the start of the audio.
        rate: Samples per second of the frames.

    Raises UnsupportedAudioError, at the latest after the last frame.
    """
    head = file.read(_READ_BYTES)
    file.seek(-len(head), os.SEEK_CUR)
    if not head:
        raise UnsupportedAudioError("The audio file is empty.")
    if _sniff(head) == "wav" and (_is_plain_wav(head, rate) or not has_codecs()):
        return _decode_wav(file, rate)
    return _decode(file, rate, None)


def length_of(file: BinaryIO) -> float:
    """Return the duration in seconds that `file` states; 0 if it states none. Blocks."""
    import av

    with suppress(av.FFmpegError), av.open(file, "r") as container:
        return float(container.duration or 0) / av.time_base
    return 0.0


def _is_plain_wav(head: bytes, rate: int) -> bool:
    with suppress(UnsupportedAudioError):
        return (parse_header(head) or [None])[0] == WavFormat(rate, channels=1, width=SAMPLE_BYTES, is_float=False)
    return False


def _decode_wav(file: BinaryIO, rate: int) -> Iterator[Frame]:
    reader, resampler = WavReader(), Resampler(rate)
    while block := file.read(_READ_BYTES):
        for frame in reader.feed(block):
            yield resampler.convert(frame)
    reader.finish()
    if tail := resampler.finish().pcm:
        yield Frame(tail, rate)


def has_codecs() -> bool:
    """Return True if formats other than PCM and WAV are supported here."""
    return importlib.util.find_spec("av") is not None


def _lenient(av: Any) -> dict[str, str]:
    """Return options that tolerate tags in an old encoding. PyAV 19, for Python 3.12 and later, needs and accepts none."""
    return {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}


def _decode(source: Any, rate: int | None, container: str | None) -> Iterator[Frame]:
    """Yield frames of `source`, at `rate` or their own. A known `container` saves probing, which takes many bytes."""
    av = _import_av()
    # A live stream must not be read ahead only to probe what the decoder reports anyway.
    options = dict(_UNTRUSTED) | ({"probesize": "2048", "analyzeduration": "0"} if container else {})
    some = False
    with (
        _translated(av),
        av.open(source, "r", format=container, container_options=options, buffer_size=_BUFFER_BYTES, **_lenient(av)) as opened,
    ):
        if not opened.streams.audio:
            raise UnsupportedAudioError("The file has no audio track.")
        resampler = av.AudioResampler("s16", "mono", rate)
        for packet in itertools.chain(opened.demux(opened.streams.audio[0]), (None,)):
            for frame in _decode_packet(av, packet, resampler):
                some = True
                yield frame
        if not some:
            raise UnsupportedAudioError("No audio could be decoded.")


def _decode_packet(av: Any, packet: Any | None, resampler: Any) -> Iterator[Frame]:
    """Yield the frames of `packet`; for None, the rest of the resampler's buffer."""
    try:
        decoded = [None] if packet is None else packet.decode()
    except av.error.InvalidDataError:
        # A damaged packet is a gap; the caller rejects a file without any intact packet.
        return
    for part in decoded:
        for out in resampler.resample(part):
            yield Frame(bytes(out.planes[0])[: out.samples * SAMPLE_BYTES], out.sample_rate)


def _import_av() -> Any:
    try:
        import av
    except ImportError:
        raise UnsupportedAudioError(
            "This audio format needs a codec library that is not installed.", hint=to_install(extra="codecs")
        ) from None
    av.logging.set_level(av.logging.PANIC)
    return av


@contextmanager
def _translated(av: Any) -> Iterator[None]:
    """Translate FFmpeg's errors into ours."""
    try:
        yield
    except av.error.FFmpegError as error:
        raise UnsupportedAudioError(
            f"This is not audio that can be decoded ({error.strerror}).",
            hint="Formats known are WAV, MP3, Ogg, FLAC, AAC, MP4, WebM.",
        ) from error


def open_encoder(audio_format: str, rate: int) -> Encoder:
    """Open an encoder for frames at `rate`; `audio_format` is a key of CONTENT_TYPES. Raises UnsupportedAudioError."""
    _check(audio_format)
    if audio_format in ("pcm", "wav"):
        return _PcmWriter(wav_header(rate) if audio_format == "wav" else b"")
    return _AvEncoder(audio_format, rate)


class _PcmWriter:
    def __init__(self, header: bytes) -> None:
        self._header = header

    def encode(self, frame: Frame) -> bytes:
        header, self._header = self._header, b""
        return header + frame.pcm

    def finish(self) -> bytes:
        return self._header


class _AvEncoder:
    """Mono encoder with a bit rate that is ample for speech."""

    def __init__(self, audio_format: str, rate: int) -> None:
        self._av = _import_av()
        self._rate = rate
        self._written = bytearray()
        # By default an Ogg page gathers a second; this is 20 ms, in microseconds.
        options = {"flush_packets": "1"} | ({"page_duration": "20000"} if audio_format == "opus" else {})
        self._container = self._av.open(self, "w", format=_CONTAINERS[audio_format], options=options)
        codec = self._av.Codec(_CODECS[audio_format], "w")
        self._stream = self._container.add_stream(_CODECS[audio_format], rate=_supported_rate(codec, rate), layout="mono")
        if audio_format != "flac":
            self._stream.bit_rate = 64_000
        self._position = 0

    def write(self, data: bytes) -> int:
        """Take encoded bytes from PyAV, which calls this."""
        self._written += data
        return len(data)

    def encode(self, frame: Frame) -> bytes:
        samples = len(frame.pcm) // SAMPLE_BYTES
        if samples:
            part = self._av.AudioFrame(format="s16", layout="mono", samples=samples)
            part.planes[0].update(frame.pcm)
            part.sample_rate, part.pts = self._rate, self._position
            self._position += samples
            self._mux(part)
        return self._take()

    def finish(self) -> bytes:
        self._mux(None)
        self._container.close()
        return self._take()

    def _mux(self, part: Any | None) -> None:
        for packet in self._stream.encode(part):
            self._container.mux(packet)

    def _take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


def _supported_rate(codec: Any, rate: int) -> int:
    """Return `rate` or the next higher one that the codec supports; its highest if there is none."""
    rates: list[int] = sorted(codec.audio_rates or [rate])
    return next((known for known in rates if known >= rate), rates[-1])
