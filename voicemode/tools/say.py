from voicemode.app import App
from voicemode.tools import tool
from voicemode.tools.converse import Reply, converse


@tool
async def say(
    app: App, message: str, voice: str = "", speed: float | None = None, instructions: str = "", language: str = ""
) -> Reply:
    """Speak to the person without listening.

    Args:
        message: What to say; markdown is turned into speech.
        voice: Voice to speak with, e.g. af_sky.
        speed: 0.25 to 4.0; 1.0 is normal.
        instructions: Tone of voice, for models that follow it.
        language: Language of the message, as an ISO 639-1 code.
    """
    return await converse(
        app, message, wait_for_response=False, voice=voice, speed=speed, instructions=instructions, language=language
    )
