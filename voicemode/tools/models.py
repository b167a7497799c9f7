import asyncio
from dataclasses import dataclass
from textwrap import wrap
from typing import Literal

from voicemode.app import App
from voicemode.config import Settings, load_settings, set_value
from voicemode.conversation.detectors import hears_melody
from voicemode.errors import ArgumentError, Remedy, WeightsError
from voicemode.models.choice import Choice, chosen, speed, whisper_choice
from voicemode.models.hardware import Hardware, look
from voicemode.models.manifests import MODELS, SMART_TURN, WHISPER, Model
from voicemode.models.models import fetch, find, remove, sources_from, status
from voicemode.progress import size_text
from voicemode.services import services
from voicemode.services.health import health
from voicemode.services.service import Service
from voicemode.text.tables import table
from voicemode.tools import tool

COLUMNS = 100
HEADINGS = ("", "model", "size", "speed", "languages", "installed")


@dataclass(frozen=True, slots=True)
class ModelRow:
    name: str
    size_bytes: int
    speed: str
    """Response time on this machine: fastest, fast, medium or slow."""
    languages: str
    installed: bool
    partial_bytes: int
    """Bytes of an incomplete download."""
    chosen: bool

    @property
    def cells(self) -> tuple[str, ...]:
        here = f"{size_text(self.partial_bytes)} so far" if self.partial_bytes else "no"
        mark = "*" if self.chosen else ""
        return (mark, self.name, size_text(self.size_bytes), self.speed, self.languages, "yes" if self.installed else here)


@dataclass(frozen=True, slots=True)
class Models:
    models: list[ModelRow]
    """Empty after any action but `list`."""
    message: str

    def __str__(self) -> str:
        return self.render(COLUMNS)

    def render(self, columns: int) -> str:
        """Render as text, `columns` wide."""
        rows = [HEADINGS, *(entry.cells for entry in self.models)] if self.models else []
        return "\n".join([*table(rows, columns), *wrap(self.message, columns, break_long_words=False, break_on_hyphens=False)])


@tool
async def models(app: App, action: Literal["list", "download", "remove", "choose"] = "list", name: str = "") -> Models:
    """List, download or remove the local speech models, or choose the one that transcribes.

    Args:
        action: `list` shows size, speed on this machine, languages, and which models are installed and in use.
        name: Name of the model, for all actions but `list`; `choose` also takes auto.
    """
    if action == "list":
        return await asyncio.to_thread(survey, app.settings)
    if not name:
        raise ArgumentError(f"Which model should I {action}?", hint=Remedy("All of them", "voicemode models"))
    if action == "choose":
        return Models([], await choose(app, name))
    return Models([], await (download if action == "download" else delete)(app, find(name)))


def survey(settings: Settings) -> Models:
    hardware = look()
    choice = whisper_choice(settings, hardware)
    entries = [entry(model, settings, hardware, choice) for model in MODELS.values()]
    advice = "Another: voicemode models choose NAME"
    return Models(entries, f"* in use. Whisper {choice.model}: {choice.reason}.{misfit(find(choice.model), settings)} {advice}")


def entry(model: Model, settings: Settings, hardware: Hardware, choice: Choice) -> ModelRow:
    here = status(model.name, settings.models_path)
    return ModelRow(
        name=model.short_name,
        size_bytes=model.size_bytes,
        speed=speed(model, hardware),
        languages=model.languages,
        installed=here.present,
        partial_bytes=here.incoming_bytes,
        chosen=model.short_name == choice.model or (not model.name.startswith(WHISPER) and wanted(model, settings)),
    )


def wanted(model: Model, settings: Settings) -> bool:
    """True if a model other than Whisper's is used: always, except for the turn model, which has further requirements."""
    return model is not SMART_TURN or hears_melody(settings)


async def download(app: App, model: Model) -> str:
    folder = await fetch(model, app.settings.models_path, sources_from(app.settings), app.report)
    here = await asyncio.to_thread(status, model.name, app.settings.models_path)
    origin = f", from {', '.join(here.sources)}" if here.sources else ""
    return (
        f"{model.short_name} is installed: {size_text(model.size_bytes)} in {folder}{origin}. Its files are the published ones."
    )


async def delete(app: App, model: Model) -> str:
    if user := await in_use(app.settings, model):
        raise WeightsError(
            f"{model.short_name} is in use: {user.title} has it loaded.",
            hint=Remedy("End that first", f"voicemode service stop {user.name}"),
        )
    freed = await asyncio.to_thread(remove, model, app.settings.models_path)
    done = (
        f"{model.short_name} is removed; that frees {size_text(freed)}."
        if freed
        else f"Nothing of {model.short_name} was here."
    )
    return done + await asyncio.to_thread(consequence, model, app.settings)


def consequence(model: Model, settings: Settings) -> str:
    """Describe the consequence of removing `model`; empty if there is none."""
    if model is SMART_TURN and hears_melody(settings):
        return " VoiceMode fetches it again when it starts next; to do without: voicemode config set turn_model off"
    for service in services().values():
        if model.name in service.weights_for(settings):
            other = ", unless you choose another: voicemode models choose NAME" if service.model_setting else "."
            return f" {service.title} needs it, and fetches it when it starts next{other}"
    return ""


async def in_use(settings: Settings, model: Model) -> Service | None:
    """Return the service whose running server has `model` loaded."""
    for service in services().values():
        state = await health(service.health_url(settings))
        if state and state.service == service.health_name and model.name in service.weights_with(state.model):
            return service
    return None


async def choose(app: App, name: str) -> str:
    model = None if name == "auto" else find(name)
    if model and not model.name.startswith(WHISPER):
        raise ArgumentError(f"{name} is no model for hearing, and there is no other for speaking.")
    wanted = model.short_name if model else name
    path = await asyncio.to_thread(set_value, "whisper_model", wanted)
    told = " ".join([f"VOICEMODE_WHISPER_MODEL is {wanted} in {path}.", *await followed(app)])
    if overruled := app.loaded.overruled("whisper_model"):
        told += f" {overruled}"
    if model is None:
        choice = await asyncio.to_thread(chosen, Settings(language=app.settings.language))
        return f"{told} Here that is {choice.model}: {choice.reason}."
    told += misfit(model, app.settings)
    here = await asyncio.to_thread(status, model.name, app.settings.models_path)
    later = f" Its {size_text(model.size_bytes)} are fetched then; to do that now: voicemode models download {wanted}"
    return told if here.present else told + later


async def followed(app: App) -> list[str]:
    """Apply the changed settings to the running servers, and describe what was done."""
    from voicemode.services.follow_settings import follow_settings
    from voicemode.services.supervisors.find import find_supervisor

    after = (await asyncio.to_thread(load_settings)).settings
    told = await follow_settings(app.settings, after, find_supervisor(after), app.report)
    return told or ["It counts when Whisper starts next."]


def misfit(model: Model, settings: Settings) -> str:
    """Return a warning if `model` does not support the spoken language."""
    wrong = model.english_only and settings.language not in {"", "en"}
    return f" But it knows English only, and VOICEMODE_LANGUAGE is {settings.language}." if wrong else ""
