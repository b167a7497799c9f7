import asyncio
import io
import itertools
import math
import statistics
import struct
import sys
import threading
from array import array
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from voicemode.audio.codec import CONTENT_TYPES, decode_file, decode_stream, open_encoder, read_wav, wav_bytes
from voicemode.audio.frames import Frame, Frames, join, pcm_of, samples_of
from voicemode.audio.wav import wav_header
from voicemode.errors import UnsupportedAudioError

pytestmark = pytest.mark.anyio
RATE = 24_000
ENCODED = ["mp3", "opus", "flac", "aac"]


def tone(seconds: float, rate: int = RATE) -> Frame:
    wave = (round(8000 * math.sin(2 * math.pi * 440 * index / rate)) for index in range(round(rate * seconds)))
    return Frame(pcm_of(array("h", wave)), rate)


def encode(audio_format: str, frame: Frame, step_seconds: float = 0.1) -> list[bytes]:
    """What an encoder gives for each step, and at the end."""
    encoder, step = open_encoder(audio_format, frame.rate), round(frame.rate * step_seconds) * 2
    pieces = [frame.pcm[start : start + step] for start in range(0, len(frame.pcm), step)]
    return [encoder.encode(Frame(piece, frame.rate)) for piece in pieces] + [encoder.finish()]


async def arriving(data: bytes, size: int = 500) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def decoded(data: bytes, audio_format: str, size: int = 500) -> Frame:
    frames = [frame async for frame in decode_stream(arriving(data, size), audio_format)]
    assert len({frame.rate for frame in frames}) <= 1
    return join(frames, frames[0].rate if frames else RATE)


def pitch_of(frame: Frame) -> float:
    samples = samples_of(frame.pcm)
    rises = [index for index, (before, after) in enumerate(itertools.pairwise(samples)) if before < 0 <= after]
    return frame.rate / statistics.median(after - before for before, after in itertools.pairwise(rises))


@pytest.mark.parametrize("audio_format", list(CONTENT_TYPES))
@pytest.mark.parametrize("size", [1, 777, 1_000_000])
async def test_what_was_encoded_can_be_decoded_however_it_is_cut(audio_format: str, size: int) -> None:
    data = b"".join(encode(audio_format, tone(0.5)))
    heard = await decoded(data, audio_format, size)
    assert heard.seconds == pytest.approx(0.5, abs=0.1)
    assert pitch_of(heard) == pytest.approx(440, rel=0.05)


@pytest.mark.parametrize("audio_format", ["pcm", "wav", "flac"])
async def test_lossless_formats_lose_nothing(audio_format: str) -> None:
    frame = tone(0.5)
    assert await decoded(b"".join(encode(audio_format, frame)), audio_format) == frame


@pytest.mark.parametrize("audio_format", list(CONTENT_TYPES))
@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 44_100])
def test_every_rate_can_be_encoded(audio_format: str, rate: int) -> None:
    data = b"".join(encode(audio_format, tone(0.3, rate)))
    if audio_format != "pcm":
        heard = join(decode_file(io.BytesIO(data), 16_000), 16_000)
        assert heard.seconds == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize("audio_format", list(CONTENT_TYPES))
def test_encoded_bytes_come_out_while_frames_go_in(audio_format: str) -> None:
    *parts, _last = encode(audio_format, tone(3))
    assert parts[0]
    assert sum(map(bool, parts)) > 10


@pytest.mark.parametrize("audio_format", ["pcm", "wav", *ENCODED])
async def test_the_first_frames_come_long_before_the_last_bytes(audio_format: str) -> None:
    data, more = b"".join(encode(audio_format, tone(6))), asyncio.Event()
    # FFmpeg believes in a FLAC frame only when it has seen ten.
    enough = len(data) // (2 if audio_format == "flac" else 10)

    async def stalling() -> AsyncIterator[bytes]:
        async for chunk in arriving(data[:enough]):
            yield chunk
        await more.wait()
        yield data[enough:]

    seconds = 0.0
    async with asyncio.timeout(10):
        async for frame in decode_stream(stalling(), audio_format):
            seconds += frame.seconds
            if seconds > 0.2:
                more.set()
    assert seconds == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("leave", ["close", "cancel"])
async def test_an_abandoned_stream_leaves_no_thread(leave: str) -> None:
    data = b"".join(encode("mp3", tone(2)))

    async def hanging() -> AsyncIterator[bytes]:
        yield data[: len(data) // 2]
        await asyncio.Event().wait()

    frames = decode_stream(hanging(), "mp3")
    await anext(frames)
    workers = [thread for thread in threading.enumerate() if thread.name == "voicemode-feed"]
    assert workers
    if leave == "cancel":
        task = asyncio.create_task(exhaust(frames))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        await frames.aclose()  # type: ignore[attr-defined]
    for thread in workers:
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()


async def exhaust(frames: Frames) -> None:
    async for _ in frames:
        pass


async def test_pcm_of_odd_chunks_is_put_together_again() -> None:
    frame = tone(0.1)
    assert await decoded(frame.pcm, "pcm", 333) == frame


async def test_half_a_sample_at_the_end_is_no_sound() -> None:
    assert (await decoded(b"\x01\x00\x02", "pcm")).pcm == b"\x01\x00"


@pytest.mark.parametrize("sent", ["wav", "opus", "flac"])
async def test_a_server_that_sends_another_format_than_asked_for_is_understood(sent: str) -> None:
    heard = await decoded(b"".join(encode(sent, tone(0.5))), "pcm" if sent == "wav" else "aac")
    assert heard.seconds == pytest.approx(0.5, abs=0.1)


def riff(samples: bytes, layout: tuple[int, int, int], size: int | None = None, extra: bytes = b"") -> bytes:
    """A WAV of (format code, channels, bits)."""
    code, channels, bits = layout
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", code, channels, RATE, RATE * block, block, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + extra
    length = len(samples) if size is None else size
    return b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + body + b"data" + struct.pack("<I", length) + samples


WAVS: dict[str, Callable[[int], bytes]] = {
    "8 bit": lambda s: bytes([(s >> 8) + 128]),
    "16 bit": lambda s: struct.pack("<h", s),
    "24 bit": lambda s: struct.pack("<i", s << 8)[:3],
    "32 bit": lambda s: struct.pack("<i", s << 16),
    "float": lambda s: struct.pack("<f", s / 32768),
    "double": lambda s: struct.pack("<d", s / 32768),
}
LAYOUTS = {"8 bit": (1, 8), "16 bit": (1, 16), "24 bit": (1, 24), "32 bit": (1, 32), "float": (3, 32), "double": (3, 64)}


@pytest.mark.parametrize("kind", list(WAVS))
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("size", [1, 1000])
async def test_wav_of_any_kind_becomes_mono_16_bit(kind: str, channels: int, size: int) -> None:
    frame, (code, bits) = tone(0.05), LAYOUTS[kind]
    samples = b"".join(WAVS[kind](sample) * channels for sample in samples_of(frame.pcm))
    heard = await decoded(riff(samples, (code, channels, bits)), "wav", size)
    worst = max(abs(a - b) for a, b in zip(samples_of(heard.pcm), samples_of(frame.pcm), strict=True))
    assert worst <= (256 if bits == 8 else 2)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0xFFFFFFFF - 44])
async def test_a_wav_that_does_not_know_its_length_is_read_to_the_end(size: int) -> None:
    frame = tone(0.1)
    assert await decoded(riff(frame.pcm, (1, 1, 16), size), "wav") == frame


async def test_what_is_around_the_samples_of_a_wav_is_not_played() -> None:
    frame, title = tone(0.1), b"LIST" + struct.pack("<I", 5) + b"title\0"
    assert await decoded(riff(frame.pcm, (1, 1, 16), extra=title) + title, "wav", 50) == frame


def test_a_wav_survives_the_disk(tmp_path: Path) -> None:
    frame, path = tone(0.2, 16_000), tmp_path / "a.wav"
    path.write_bytes(wav_bytes(frame))
    assert read_wav(path) == frame


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_a_file_is_decoded_to_the_rate_asked_for(rate: int) -> None:
    frames = list(decode_file(io.BytesIO(wav_bytes(tone(0.5, rate))), 16_000))
    assert {frame.rate for frame in frames} == {16_000}
    assert join(frames, 16_000).seconds == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<!doctype html><html><body>Bad gateway</body></html>" * 20, "not audio"),
        (bytes(range(256)) * 20, "not audio|No audio|no audio"),
        (b"#EXTM3U\n#EXTINF:10,\n/etc/passwd\n", "not audio"),
        (wav_header(RATE)[:20], "not audio|header"),
    ],
    ids=["empty", "html", "noise", "playlist", "half a header"],
)
def test_a_file_that_is_no_audio_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(UnsupportedAudioError, match=reason):
        list(decode_file(io.BytesIO(data), 16_000))


@pytest.mark.parametrize("audio_format", ["wav", *ENCODED])
@pytest.mark.parametrize("data", [b"", b"<html>Bad gateway</html>" * 50], ids=["empty", "html"])
async def test_a_stream_that_is_no_audio_is_refused(data: bytes, audio_format: str) -> None:
    with pytest.raises(UnsupportedAudioError):
        await decoded(data, audio_format)


def test_a_film_without_sound_is_refused() -> None:
    av = pytest.importorskip("av")
    film = io.BytesIO()
    with av.open(film, "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")) + stream.encode(None))
    film.seek(0)
    with pytest.raises(UnsupportedAudioError, match="no audio track"):
        list(decode_file(film, 16_000))


async def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(UnsupportedAudioError, match=r"'mp4' is not known.*pcm, wav, mp3"):
        open_encoder("mp4", RATE)


async def test_without_the_codec_library_wav_still_works_and_the_rest_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mp3 = b"".join(encode("mp3", tone(0.2)))
    monkeypatch.setitem(sys.modules, "av", None)
    assert join(decode_file(io.BytesIO(wav_bytes(tone(0.5, 44_100))), 16_000), 16_000).seconds == pytest.approx(0.5, abs=0.01)
    with pytest.raises(UnsupportedAudioError, match=r"Install it: .*\[codecs\]'"):
        await decoded(mp3, "mp3")


def test_a_long_file_is_decoded_in_little_memory() -> None:
    psutil = pytest.importorskip("psutil")
    encoder, minute = open_encoder("mp3", 16_000), Frame(tone(5, 16_000).pcm * 12, 16_000)
    data = b"".join(encoder.encode(minute) for _ in range(5)) + encoder.finish()
    before, most, seconds = psutil.Process().memory_info().rss, 0, 0.0
    for frame in decode_file(io.BytesIO(data), 16_000):
        seconds += frame.seconds
        if seconds % 10 < frame.seconds:
            most = max(most, psutil.Process().memory_info().rss - before)
    assert seconds == pytest.approx(300, abs=1)
    # Decoded at once, it would be 10 MB.
    assert most < 5_000_000


def test_tags_in_an_old_encoding_are_no_obstacle() -> None:
    tag = b"TIT2" + struct.pack(">I", 6) + b"\0\0" + b"\x03caf\xe9!"
    mp3 = b"ID3\x03\0\0" + bytes([0, 0, 0, len(tag)]) + tag + b"".join(encode("mp3", tone(0.5)))
    assert join(decode_file(io.BytesIO(mp3), RATE), RATE).seconds == pytest.approx(0.5, abs=0.1)
