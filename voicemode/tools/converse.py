from dataclasses import dataclass
from typing import Literal

from voicemode.app import App
from voicemode.tools import tool


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    """What the person said."""
    ended: str
    """Why the turn ended: "silence", "too long", "no speech", or "not asked"."""
    note: str
    """Something to know or to do; usually empty."""
    provider: dict[str, str]
    """Which endpoint spoke (tts) and which transcribed (stt)."""
    seconds: dict[str, float]
    """Timings: first_sound (call to sound), spoken, heard (audio lengths), transcribe (end of turn to text)."""

    def __str__(self) -> str:
        if self.ended == "not asked":
            return f"Spoken. {self.note}".strip()
        return f"{self.text} {f'[{self.note}]' if self.note else ''}".strip()


@tool
async def converse(
    app: App,
    message: str = "",
    wait_for_response: bool = True,
    listen_duration_max: float | None = None,
    voice: str = "",
    speed: float | None = None,
    instructions: str = "",
    language: str = "",
    transport: Literal["auto", "local"] = "auto",
) -> Reply:
    """Speak to the person and listen for the spoken answer. Returns what they said.

    Keep messages short and natural: this is a conversation. Ask one question at a time.

    Args:
        message: What to say; markdown is turned into speech. Empty: only listen.
        wait_for_response: Listen for an answer after speaking.
        listen_duration_max: Longest answer, in seconds.
        voice: Voice to speak with, e.g. af_sky.
        speed: 0.25 to 4.0; 1.0 is normal.
        instructions: Tone of voice, for models that follow it.
        language: Language of message and answer, as an ISO 639-1 code.
        transport: Where the person is.
    """
    manners = app.manners(language=language, max_seconds=listen_duration_max)
    how = app.voice(voice, speed, instructions, language)
    conversation = app.conversation(transport)
    if not wait_for_response:
        said = await conversation.say(message, how, manners, app.report)
        seconds = {"first_sound": round(said.first_sound_seconds, 3), "spoken": round(said.seconds, 3)}
        return Reply("", "not asked", "", {"tts": app.providers.spoke}, seconds)
    said, heard = await conversation.converse(message, how, manners, app.report)
    return Reply(
        text=heard.text,
        ended=heard.ended,
        note=heard.note,
        provider={"tts": app.providers.spoke if message else "", "stt": heard.provider},
        seconds={
            "first_sound": round(said.first_sound_seconds, 3),
            "spoken": round(said.seconds, 3),
            "heard": round(heard.audio_seconds, 3),
            "transcribe": round(heard.transcribe_seconds, 3),
        },
    )
