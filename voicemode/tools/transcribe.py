import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voicemode.app import App
from voicemode.errors import ArgumentError
from voicemode.progress import Progress
from voicemode.text.spoken import Pairs, written
from voicemode.tools import tool


@dataclass(frozen=True, slots=True)
class Transcription:
    text: str
    provider: str
    """Which endpoint transcribed."""
    note: str = ""
    """Wishes that were not met: another language, another model."""

    def __str__(self) -> str:
        return self.text


@tool
async def transcribe(
    app: App, file: str, language: str = "", response_format: Literal["text", "srt", "vtt", "verbose_json"] = "text"
) -> Transcription:
    """Transcribe an audio file; also the way to retry a turn whose recording was kept.

    Args:
        file: Path of the audio file, of any common format.
        language: Language spoken, as an ISO 639-1 code; detected if empty.
        response_format: Plain text, subtitles, or JSON with times.
    """
    path = existing(file)
    await app.ready(speaking=False, listening=True)
    app.report(Progress("transcribing"))
    turn = app.providers.turn()
    text = await turn.transcribe_file(path, language=language or app.settings.language, response_format=response_format)
    text = as_written(text, app.settings.pronunciations, response_format)
    return Transcription(text, turn.account.transcribed, " ".join(turn.account.notes))


def as_written(answer: str, pronounce: Pairs, response_format: str) -> str:
    """`answer` with the user's words as they are written. The single words of JSON stay as they were heard."""
    if response_format != "verbose_json":
        return written(answer, pronounce)
    transcript = json.loads(answer)
    for part in (transcript, *transcript.get("segments", ())):
        part["text"] = written(part["text"], pronounce)
    return json.dumps(transcript, ensure_ascii=False)


def existing(file: str) -> Path:
    path = Path(file).expanduser()
    if not path.is_file():
        raise ArgumentError(f"There is no file {path}.")
    return path
