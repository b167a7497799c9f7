"""Transcription requests: the multipart form of OpenAI's API, checked field by field."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal, get_args

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from voicemode.engines.whisper.languages import language_code
from voicemode.engines.whisper.models import english_only, model_for
from voicemode.engines.whisper.transcript import Options
from voicemode.http_server.errors import ApiError

Format = Literal["json", "text", "verbose_json", "srt", "vtt"]
FORMATS: tuple[Format, ...] = get_args(Format)
TRUE, FALSE = ("true", "1"), ("false", "0", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionRequest:
    """One valid request. Its owner closes `file`."""

    model: str
    """Short name of a known model, installed or not."""
    file: BinaryIO
    format: Format
    granularities: frozenset[str]
    """Granularities of verbose_json: `segment`, `word`."""
    stream: bool
    progress: bool
    """Stream with progress that ends with the response in `format`, whichever that is."""
    options: Options


async def read_ask(request: Request, default: str, *, translate: bool) -> TranscriptionRequest:
    """Read and check the form; `default` is the model if the form chooses none. Raises ApiError, naming the field."""
    form = await request.form(max_files=1, max_fields=64)
    try:
        return checked(form, default, translate=translate)
    except ApiError:
        await form.close()
        raise


def checked(form: FormData, default: str, *, translate: bool) -> TranscriptionRequest:
    model = model_for(text(form, "model"), default)
    if translate and english_only(model):
        raise ApiError(400, f"The model {model} knows English only: nothing can be translated. Ask another.", param="model")
    answer = one_of(FORMATS, text(form, "response_format", "json"))
    granularities = asked_granularities(form, answer)
    progress = text(form, "progress").lower() in TRUE
    return TranscriptionRequest(
        model=model,
        file=upload(form),
        format=answer,
        granularities=granularities,
        stream=asked_stream(form, answer) or progress,
        progress=progress,
        options=Options(
            language=asked_language(form, model),
            prompt=text(form, "prompt"),
            translate=translate,
            temperature=asked_temperature(form),
            timed=answer in ("srt", "vtt", "verbose_json"),
        ),
    )


def text(form: FormData, name: str, default: str = "") -> str:
    """Return a text field; `default` if it is missing or empty. Raises ApiError."""
    value = form.get(name) or default
    if not isinstance(value, str):
        raise ApiError(400, f"The field {name!r} must be text, not a file.", param=name)
    return value


def upload(form: FormData) -> BinaryIO:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise ApiError(400, "The recording is missing: send it as the file field 'file'.", param="file")
    return file.file


def one_of(formats: Sequence[Format], asked: str) -> Format:
    for known in formats:
        if known == asked:
            return known
    raise ApiError(400, f"The response_format {asked!r} is not known; there is {', '.join(formats)}.", param="response_format")


def asked_granularities(form: FormData, answer: Format) -> frozenset[str]:
    param = "timestamp_granularities"
    asked = {str(value) for name in (param, f"{param}[]") for value in form.getlist(name)}
    if asked - {"word", "segment"}:
        raise ApiError(400, f"{param} can be 'word' and 'segment', not {', '.join(sorted(asked))}.", param=param)
    if asked and answer != "verbose_json":
        raise ApiError(400, f"{param} needs response_format 'verbose_json'.", param=param)
    return frozenset(asked) or frozenset({"segment"})


def asked_stream(form: FormData, answer: Format) -> bool:
    asked = text(form, "stream").lower()
    if asked not in TRUE + FALSE:
        raise ApiError(400, f"stream can be true or false, not {asked!r}.", param="stream")
    if asked in TRUE and answer not in ("json", "text"):
        raise ApiError(400, f"A stream has no {answer}: leave out response_format.", param="stream")
    return asked in TRUE


def asked_language(form: FormData, model: str) -> str:
    asked = text(form, "language")
    if not asked:
        return ""
    code = language_code(asked)
    if not code:
        raise ApiError(400, f"The language {asked!r} is not known; use an ISO 639-1 code such as 'en'.", param="language")
    if code != "en" and english_only(model):
        raise ApiError(400, f"The model {model} knows English only, not {asked!r}. Ask another.", param="language")
    return code


def asked_temperature(form: FormData) -> float:
    asked = text(form, "temperature", "0")
    try:
        temperature = float(asked)
    except ValueError:
        temperature = -1
    if not 0 <= temperature <= 1:
        raise ApiError(400, f"temperature is a number from 0 to 1, not {asked!r}.", param="temperature")
    return temperature
