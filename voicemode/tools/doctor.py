import asyncio
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from voicemode import __version__, egress, tools
from voicemode.app import App
from voicemode.config import network
from voicemode.conversation.detectors import hears_melody
from voicemode.conversation.kept_recordings import kept_recordings
from voicemode.errors import ProviderError, VoiceModeError, unnamed
from voicemode.models.manifests import SMART_TURN
from voicemode.models.models import status
from voicemode.progress import Progress
from voicemode.providers.choice import Row
from voicemode.services import services
from voicemode.services.failure import load_failure
from voicemode.services.health import health
from voicemode.services.service import Service
from voicemode.tools import diagnostic, tool
from voicemode.tools._doctor_check import Check, failed
from voicemode.tools._doctor_rooms import about_rooms
from voicemode.tools._doctor_sound import about_sound
from voicemode.tools.providers import condition, questions, seconds

SPEECH = ("stt", "tts")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    checks: list[Check]

    @property
    def failed(self) -> bool:
        """True if something has to be done before one can talk."""
        return not all(check.ok for check in self.checks)

    def __str__(self) -> str:
        lines = []
        for area, checks in by_area(self.checks).items():
            lines.append(area)
            for check in checks:
                lines.append(f"  {'ok ' if check.ok else '!! '} {check.name}: {check.detail}")
                lines += [f"      → {check.remedy}"] if check.remedy else []
        lines.append("Something has to be done; see the arrows." if self.failed else "All is well.")
        return "\n".join(lines)


@tool
@diagnostic
async def doctor(app: App) -> Diagnosis:
    """Check microphone, speaker, speech services, engines, weights and settings; each problem comes with its remedy."""
    app.report(Progress("examining"))
    parts: Iterable[list[Check]] = await asyncio.gather(
        asyncio.to_thread(about_settings, app), about_sound(app), about_endpoints(app), about_engines(app), about_rooms(app)
    )
    return Diagnosis(list(chain.from_iterable(parts)))


def by_area(checks: list[Check]) -> dict[str, list[Check]]:
    areas: dict[str, list[Check]] = {}
    for check in checks:
        areas.setdefault(check.area, []).append(check)
    return areas


def about_settings(app: App) -> list[Check]:
    read = sorted({str(source.path) for source in app.loaded.sources.values() if source.path})
    checks = [
        Check("settings", "VoiceMode", __version__),
        Check("settings", "files", ", ".join(read) or "none; all defaults"),
    ]
    checks += [failed("settings", "wrong", error) for error in wrong_settings(app)]
    checks += [Check("settings", "notice", notice) for notice in app.loaded.notices]
    checks += [Check("settings", "network", error.message, error.hint) for error in network.problems()]
    checks.append(Check("settings", "local only", "on: nothing leaves this machine" if egress.active() else "off"))
    if kept := kept_recordings(app.settings.recordings_dir):
        told = f"{len(kept)} turns were" if len(kept) > 1 else "1 turn was"
        bound = f"of such the newest {app.settings.kept_recordings} are kept, for {app.settings.kept_recordings_days:g} days"
        remedy = f"`voicemode transcribe FILE` tries again; delete what you do not need. Folder: {app.settings.recordings_dir}"
        checks.append(Check("settings", "recordings", f"{told} never transcribed; {bound}", remedy))
    return checks


def wrong_settings(app: App) -> Iterator[VoiceModeError]:
    """Yield what answers every call but this one."""
    if app.loaded.error:
        yield app.loaded.error
    try:
        tools.select(tools.load(), app.settings)
    except VoiceModeError as error:
        yield error


async def about_endpoints(app: App) -> list[Check]:
    await app.endpoints.lookout.first()
    rows = app.providers.rows()
    found = await asyncio.gather(*(about_endpoint(row, asking) for row, asking in zip(rows, questions(app), strict=True)))
    served = {row.kind for row, check in zip(rows, found, strict=True) if check.ok}
    # One that answers is enough to talk.
    checks = [replace(check, ok=check.ok or row.kind in served) for row, check in zip(rows, found, strict=True)]
    problems = app.endpoints.plugins.problems()
    return checks + [Check("endpoints", problem.name, f"could not be loaded: {problem.reason}") for problem in problems]


async def about_endpoint(row: Row, asking: Awaitable[str]) -> Check:
    name = f"{row.kind} {row.name}"
    try:
        return Check("endpoints", name, "; ".join([await asking, *figures(row)]))
    except ProviderError as error:
        return Check("endpoints", name, "; ".join([unnamed(row.name, error.message), *figures(row)]), error.hint, ok=False)


def figures(row: Row) -> list[str]:
    """Describe an endpoint's figures since this program started; empty for one that was not asked yet."""
    told = [f"{condition(row)}; requests: {row.requests}, errors: {row.errors}"] if row.requests else []
    if row.p50_seconds is not None:
        told.append(f"begins to answer within {seconds(row.p50_seconds)}, at worst {seconds(row.p95_seconds)}")
    return told


async def about_engines(app: App) -> list[Check]:
    found = await asyncio.gather(*(about_engine(app, service) for service in services().values() if service.kind in SPEECH))
    return [*chain.from_iterable(found), await asyncio.to_thread(about_turn_model, app)]


def about_turn_model(app: App) -> Check:
    """It runs in VoiceMode itself."""
    name = "Smart Turn"
    if app.settings.turn_model == "off":
        return Check("engines", name, "off: what you say, and silence, end your turn")
    if not hears_melody(app.settings):
        return Check("engines", name, "not installed: silence ends your turn", "pip install 'voicemode[local]'")
    return about_weights(app, SMART_TURN.name)


async def about_engine(app: App, service: Service) -> list[Check]:
    state = await health(service.health_url(app.settings))
    if not service.installed and not state:
        return [Check("engines", service.title, "not installed", "For speech on this machine: pip install 'voicemode[local]'")]
    failure = None if state else await asyncio.to_thread(load_failure, service.name, app.settings)
    remedy = "" if state or app.settings.auto_start else f"voicemode service start {service.name}"
    detail = "installed but stopped" if remedy else "installed; starts when it is needed"
    if state and state.service == service.health_name:
        detail = " ".join(
            filter(None, [f"{state.status}, model {state.model}, pid {state.pid}", str(state.progress or ""), state.error])
        )
    elif state:
        detail = f"another program has its port, {service.port(app.settings)}; it is asked if it speaks the OpenAI API"
    elif failure:
        detail, remedy = f"its last run failed. {failure.cause}", failure.remedy
    checks = [Check("engines", service.title, detail, remedy, ok=not (failure or (state and state.error)))]
    needed = await asyncio.to_thread(service.weights_for, app.settings)
    return checks + [await asyncio.to_thread(about_weights, app, name) for name in needed]


def about_weights(app: App, name: str) -> Check:
    try:
        found = status(name, app.settings.models_path)
    except VoiceModeError as error:
        return failed("weights", name, error)
    size = f"{found.size_bytes / 1e6:.0f} MB"
    return Check("weights", name, f"{size} in {found.folder}" if found.present else f"{size}, fetched at the first start")
