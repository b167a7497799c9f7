"""Frames of another length."""

from voicemode.audio.frames import Chunks, Frames


async def rechunk(frames: Frames, seconds: float) -> Frames:
    """Yield frames of exactly `seconds`; a short tail is dropped."""
    chunks = Chunks(seconds)
    async for frame in frames:
        for chunk in chunks.cut(frame):
            yield chunk
