import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voicemode.app import App
from voicemode.audio.codec import decode_file, has_codecs
from voicemode.errors import ArgumentError, UnsupportedAudioError
from voicemode.progress import Progress
from voicemode.speech.base import FileProgress
from voicemode.text.spoken import Pairs, written
from voicemode.tools import tool

Format = Literal["text", "srt", "vtt", "verbose_json"]
RATE = 16_000
SILENT = "No speech was heard."


@dataclass(frozen=True, slots=True)
class Transcription:
    text: str
    provider: str
    """The endpoint that transcribed."""
    note: str = ""
    """Requests that were not met: another language, another model."""

    def __str__(self) -> str:
        return self.text or SILENT


@tool
async def transcribe(app: App, file: str, language: str = "", response_format: Format = "text") -> Transcription:
    """Transcribe an audio file; also the way to retry a turn whose recording was kept.

    Args:
        file: Path of the audio file, of any common format.
        language: Language spoken, as an ISO 639-1 code; detected if empty.
        response_format: Plain text, subtitles, or JSON with times.
    """
    return await transcribed(app, file, language, response_format)


async def transcribed(
    app: App, file: str, language: str, response_format: Format, progress: FileProgress | None = None
) -> Transcription:
    """Transcribe `file`, reporting progress."""
    path = await asyncio.to_thread(checked, file)
    await app.ready(speaking=False, listening=True)
    app.report(Progress("transcribing"))
    turn = app.providers.turn()
    language = language or app.settings.language
    answer = await turn.transcribe_file(path, language=language, response_format=response_format, progress=progress)
    text = as_written(answer, app.settings.pronunciations, response_format)
    return Transcription(text, turn.account.transcribed, " ".join(turn.account.notes))


def checked(file: str) -> Path:
    """Return the path of `file`. Blocks. Raises ArgumentError if it is no readable file or, given codecs, no audio."""
    path = Path(file).expanduser()
    if path.is_dir():
        raise ArgumentError(f"{path} is a directory.", hint="Name the audio files in it.")
    if not path.is_file():
        raise ArgumentError(f"There is no file {path}.")
    try:
        with path.open("rb") as content:
            if has_codecs():
                next(decode_file(content, RATE), None)
    except UnsupportedAudioError as error:
        raise ArgumentError(
            f"{path} is not an audio file that can be read.", hint="Give a recording: wav, mp3, m4a."
        ) from error
    except OSError as error:
        raise ArgumentError(f"{path} cannot be read: {error.strerror}.") from error
    return path


def as_written(answer: str, pronounce: Pairs, response_format: Format) -> str:
    """Return `answer` with the user's pronunciations as written words. The single words of JSON stay as transcribed."""
    if response_format != "verbose_json":
        return written(answer, pronounce)
    transcript = json.loads(answer)
    for part in (transcript, *transcript.get("segments", ())):
        part["text"] = written(part["text"], pronounce)
    return json.dumps(transcript, ensure_ascii=False)
