import asyncio
import shlex
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from textwrap import wrap

from voicemode import __version__, egress, tools
from voicemode.app import App
from voicemode.config import env_name, find_setting, network
from voicemode.config.installer import to_install
from voicemode.conversation.detectors import hears_melody
from voicemode.conversation.kept_recordings import kept_recordings
from voicemode.errors import NO_REMEDY, ProviderError, Remedy, VoiceModeError, unnamed
from voicemode.models.manifests import SMART_TURN
from voicemode.models.models import find, sources_from, status
from voicemode.progress import Progress, size_text
from voicemode.providers.choice import Row
from voicemode.services import services
from voicemode.services.failure import load_failure, look_into_log
from voicemode.services.health import Health, health
from voicemode.services.install.environment import ALLOWED
from voicemode.services.port_owner import owner
from voicemode.services.service import Service
from voicemode.tools import diagnostic, tool
from voicemode.tools._doctor_check import Check, Mark, failed, remedy_here
from voicemode.tools._doctor_rooms import about_rooms
from voicemode.tools._doctor_sound import about_sound
from voicemode.tools.providers import condition, questions, seconds

SPEECH = ("stt", "tts")
COLUMNS = 100
MARKS: dict[Mark, str] = {"ok": "ok", "attention": "! ", "broken": "!!"}
INDENT = "     "
SETTINGS = Remedy("What is set, and where", "voicemode config list")


@dataclass(frozen=True, slots=True)
class Diagnosis:
    checks: list[Check]

    @property
    def failed(self) -> bool:
        """True if something must be fixed before talking works."""
        return any(check.mark == "broken" for check in self.checks)

    def __str__(self) -> str:
        return self.render(COLUMNS)

    def render(self, columns: int) -> str:
        """Render as text, `columns` wide."""
        lines = []
        for area, checks in by_area(self.checks).items():
            lines += [area, *(line for check in checks for line in told(check, columns))]
        return "\n".join([*lines, self._verdict()])

    def _verdict(self) -> str:
        odd = sum(check.mark == "attention" for check in self.checks)
        if self.failed:
            return "Something has to be done before you can talk: see what is marked !!."
        if odd:
            return f"You can talk. {odd} {'thing wants' if odd == 1 else 'things want'} attention: see what is marked !."
        return "All is well."


def told(check: Check, columns: int) -> list[str]:
    """Return the lines of a check: the finding, then the remedy."""
    head = f"  {MARKS[check.mark]} {check.name}: {check.detail}"
    found = wrap(head, columns, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False)
    return found + [INDENT + line for line in check.remedy.lines(columns - len(INDENT))]


@tool
@diagnostic
async def doctor(app: App) -> Diagnosis:
    """Check microphone, speaker, speech services, engines, weights and settings; each problem comes with a remedy."""
    app.report(Progress("examining"))
    settings, sound, endpoints, rooms = await asyncio.gather(
        asyncio.to_thread(about_settings, app), about_sound(app), about_endpoints(app), about_rooms(app)
    )
    answering = {check.name for check in endpoints if check.mark == "ok"}
    return Diagnosis([*settings, *sound, *endpoints, *await about_engines(app, answering), *rooms])


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
    checks += [Check("settings", "notice", notice, SETTINGS, "attention") for notice in app.loaded.notices]
    checks += [Check("settings", "network", error.message, error.hint, "attention") for error in network.problems()]
    checks.append(Check("settings", "local only", "on: nothing leaves this machine" if egress.active() else "off"))
    if kept := kept_recordings(app.settings.recordings_dir):
        turns = f"{len(kept)} turns were" if len(kept) > 1 else "1 turn was"
        bound = f"of such the newest {app.settings.kept_recordings} are kept, for {app.settings.kept_recordings_days:g} days"
        again = Remedy("Delete what you do not need; to try again", shlex.join(["voicemode", "transcribe", str(kept[-1])]))
        checks.append(Check("settings", "recordings", f"{turns} never transcribed; {bound}", again, "attention"))
    return checks


def wrong_settings(app: App) -> Iterator[VoiceModeError]:
    """Yield the errors that every tool but this one raises."""
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
    served = {row.kind for row, check in zip(rows, found, strict=True) if check.mark == "ok"}
    # One working endpoint is enough to talk.
    checks = [lessened(check) if row.kind in served else check for row, check in zip(rows, found, strict=True)]
    problems = app.endpoints.plugins.problems()
    mend = Remedy("Mend it, or take it away; how it is now", "voicemode providers")
    return checks + [Check("endpoints", one.name, f"could not be loaded: {one.reason}", mend, "attention") for one in problems]


def lessened(check: Check) -> Check:
    """Return `check` with less severity, because talking works without its subject."""
    return replace(check, mark="attention") if check.mark == "broken" else check


async def about_endpoint(row: Row, asking: Awaitable[str]) -> Check:
    name = f"{row.kind} {row.name}"
    try:
        return Check("endpoints", name, "; ".join([await asking, *figures(row)]))
    except ProviderError as error:
        detail = "; ".join([unnamed(row.name, error.message), *figures(row)])
        return Check("endpoints", name, detail, remedy_here(error), "broken")


def figures(row: Row) -> list[str]:
    """Describe an endpoint's figures since this program started; empty before its first request."""
    shown = [f"{condition(row)}; requests: {row.requests}, errors: {row.errors}"] if row.requests else []
    if row.p50_seconds is not None:
        shown.append(f"begins to answer within {seconds(row.p50_seconds)}, at worst {seconds(row.p95_seconds)}")
    return shown


async def about_engines(app: App, answering: set[str]) -> list[Check]:
    """Check our engines; `answering` has the names of the checks of working endpoints."""
    known = [service for service in services().values() if service.kind in SPEECH]
    found = await asyncio.gather(*(about_engine(app, service) for service in known))
    own = {f"{service.kind} {service.url(app.settings)}" for service in known}
    # A broken engine of ours answers, too, so only another working endpoint makes it dispensable.
    others = {name.partition(" ")[0] for name in answering - own}
    checks = [[*map(lessened, each)] if one.kind in others else each for one, each in zip(known, found, strict=True)]
    return [*chain.from_iterable(checks), await asyncio.to_thread(about_turn_model, app)]


def about_turn_model(app: App) -> Check:
    """Check the turn model, which runs in VoiceMode itself."""
    name = "Smart Turn"
    if app.settings.turn_model == "off":
        return Check("engines", name, "off: what you say, and silence, end your turn")
    if not hears_melody(app.settings):
        return Check("engines", name, "not installed: silence ends your turn", to_install(extra="local"), "attention")
    return about_weights(app, SMART_TURN.name)


async def about_engine(app: App, service: Service) -> list[Check]:
    state = await health(service.health_url(app.settings))
    if not state and not service.installed:
        return [Check("engines", service.title, "not installed", to_install(extra="local"), "attention")]
    if state and state.service != service.health_name:
        return [await about_stranger(app, service)]
    if not state and (failure := await asyncio.to_thread(load_failure, service.name, app.settings)):
        return [Check("engines", service.title, f"its last run failed. {failure.cause}", failure.remedy, "broken")]
    needed = await asyncio.to_thread(service.weights_for, app.settings)
    weights = await asyncio.gather(*(asyncio.to_thread(about_weights, app, name) for name in needed))
    return [about_server(app, service, state), *weights]


def about_server(app: App, service: Service, state: Health | None) -> Check:
    """Describe our server by its health, which is None if the server does not run."""
    if state is None and not app.settings.auto_start:
        start = Remedy("Start it", f"voicemode service start {service.name}")
        return Check("engines", service.title, "installed but stopped", start, "attention")
    if state is None:
        return Check("engines", service.title, "installed; starts when it is needed")
    about = [f"{state.status}, model {state.model}, pid {state.pid}", str(state.progress or ""), state.error]
    remedy, mark = (state.remedy or look_into_log(service.name), "broken") if state.error else (NO_REMEDY, "ok")
    return Check("engines", service.title, " ".join(filter(None, about)), remedy, mark)  # type: ignore[arg-type]


async def about_stranger(app: App, service: Service) -> Check:
    port = service.port(app.settings)
    found = await asyncio.to_thread(owner, port)
    detail = f"port {port} is taken by {found or 'another program'}; it is asked if it speaks the OpenAI API"
    other = f"voicemode config set {env_name(find_setting(service.port_setting))} {port + 1}"
    return Check("engines", service.title, detail, Remedy("End that program, or choose another port", other), "attention")


def about_weights(app: App, name: str) -> Check:
    try:
        found = status(name, app.settings.models_path)
    except VoiceModeError as error:
        return failed("weights", name, error)
    size = size_text(found.size_bytes)
    if found.present:
        return Check("weights", name, f"{size} in {found.folder}")
    if not sources_from(app.settings).offline:
        return Check("weights", name, f"{size}, fetched at the first start")
    fetch = Remedy("Allow the network once", f"{ALLOWED} voicemode models download {find(name).short_name}")
    return Check("weights", name, f"{size}, not here, and the network is not allowed", fetch, "attention")
