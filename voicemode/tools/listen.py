from voicemode.app import App
from voicemode.audio.turns.endpointer import Pace
from voicemode.tools import tool
from voicemode.tools.converse import Reply, converse


@tool
async def listen(app: App, listen_duration_max: float | None = None, pace: Pace | None = None, language: str = "") -> Reply:
    """Listen to the person without speaking first. Returns the transcript.

    Args:
        listen_duration_max: Longest turn, in seconds.
        pace: How soon a pause ends the turn; patient gives time to think.
        language: Language spoken, as an ISO 639-1 code; detected if empty.
    """
    return await converse(app, listen_duration_max=listen_duration_max, pace=pace, language=language)
