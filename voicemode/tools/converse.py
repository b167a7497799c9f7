import time
from dataclasses import dataclass, replace
from typing import Literal

from voicemode.app import App
from voicemode.conversation import Heard, Spoken
from voicemode.errors import ArgumentError
from voicemode.tools import tool

NOT_ASKED = Heard("", "not asked")
NOTHING_SAID = "Nothing was said: the message holds nothing that can be spoken."


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
        if self.ended == NOT_ASKED.ended:
            return self.note or "Spoken."
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
    if not (message.strip() or wait_for_response):
        raise ArgumentError(
            "There is nothing to say and nothing to wait for.", hint="Give a message, or wait_for_response=true."
        )
    manners = app.manners(language=language, max_seconds=listen_duration_max)
    how = app.voice(voice, speed, instructions, language)
    called_at = time.monotonic()
    conversation = app.conversation(transport)
    await app.ready(speaking=bool(message.strip()), listening=wait_for_response)
    if wait_for_response:
        said, heard = await conversation.converse(message, how, manners, app.report)
    else:
        said, heard = await conversation.say(message, how, manners, app.report), NOT_ASKED
    if message.strip() and said.started_at is None:
        heard = replace(heard, note=f"{NOTHING_SAID} {heard.note}".strip())
    return reply(app, called_at, said, heard)


def reply(app: App, called_at: float, said: Spoken, heard: Heard) -> Reply:
    """What an agent is told of a turn."""
    provider, seconds = dict[str, str](), dict[str, float]()
    if said.started_at is not None:
        provider["tts"] = app.providers.spoke
        seconds |= {"first_sound": said.started_at - called_at, "spoken": said.seconds}
    if heard.provider:
        provider["stt"] = heard.provider
        seconds |= {"heard": heard.audio_seconds, "transcribe": heard.transcribe_seconds}
    return Reply(heard.text, heard.ended, heard.note, provider, {name: round(value, 3) for name, value in seconds.items()})
