"""Status of a service, derived from facts. Pure."""

from dataclasses import dataclass, replace
from typing import Literal

from voicemode.errors import NO_REMEDY, Remedy, ServiceError
from voicemode.progress import Progress
from voicemode.services.failure import ServerFailure, explain, look_into_log
from voicemode.services.health import Health
from voicemode.services.port_owner import Owner
from voicemode.services.supervisors.supervisor import Supervised
from voicemode.services.vitals import Vitals

State = Literal["running", "starting", "stopped", "failed", "absent"]

CRASHES = 3
"""Restarts without a healthy moment in between after which a service counts as looping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Observations of a service."""

    name: str
    title: str
    installed: bool
    """True if it can be started on demand or by hand."""
    on_demand: bool
    """True if it starts on demand where no supervisor keeps it running."""
    port: int
    port_setting: str
    """Name of the port's setting, such as VOICEMODE_WHISPER_PORT."""
    log: str
    supervisor: str
    supervised: Supervised | None
    """None if it is not registered."""
    health: Health | None
    owner: Owner | None
    """Process that listens on its port."""
    ours: bool
    """True if `owner` is our server."""
    vitals: Vitals | None = None
    failure: ServerFailure | None = None
    """Failure that it noted at the end of its last run, if any."""
    last_words: str = ""
    """Last line of its log."""
    elsewhere: ServiceError | None = None
    """Error for a service that another supervisor keeps running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """Status of a service at a glance."""

    name: str
    title: str
    state: State
    """`stopped`: registered, stopped on purpose; `failed`: it crashed repeatedly; `absent`: not registered."""
    health: str
    """Health of our server: `ready`, `loading` or `failed`; empty if it does not run."""
    runs: str
    """Way it is run: systemd, launchd, `on demand`, `by hand`; empty if it cannot be run."""
    enabled: bool
    """True if it starts at login."""
    port: int
    ours: bool
    """True if our server has the port."""
    port_owner: str
    """Other program that has the port; empty if the port is free or our server's."""
    pid: int = 0
    uptime_seconds: float = 0.0
    memory_bytes: int = 0
    cpu_percent: float = 0.0
    model: str = ""
    version: str = ""
    requests: int = 0
    restarts: int = 0
    """Number of restarts after it had ended by itself."""
    progress: Progress | None = None
    """Progress of loading its engine."""
    last_error: str = ""
    problem: str = ""
    """Problem, in a sentence."""
    remedy: Remedy = NO_REMEDY
    """Next step."""
    log: str = ""

    @property
    def word(self) -> str:
        """One word for the status."""
        if self.state == "running":
            return {"failed": "broken"}.get(self.health, self.health) or "running"
        return "not running" if self.state == "absent" else self.state

    @property
    def well(self) -> bool:
        """True if there is no problem."""
        return not self.problem


def judge(facts: Facts) -> ServiceStatus:
    """Derive the status from the facts."""
    health = (facts.health if facts.ours else None) or Health()
    vitals = facts.vitals or Vitals(0.0, 0, 0.0)
    supervised, state, owner = facts.supervised, _state(facts), (facts.owner if facts.ours else None) or Owner()
    trouble = _trouble(facts, state)
    return ServiceStatus(
        name=facts.name,
        title=facts.title,
        state=state,
        health=health.status,
        runs=_runs(facts),
        enabled=bool(supervised and supervised.enabled),
        port=facts.port,
        ours=facts.ours,
        port_owner="" if facts.ours or facts.owner is None else str(facts.owner),
        pid=health.pid or (supervised.pid if supervised else owner.pid),
        uptime_seconds=round(vitals.uptime_seconds, 1),
        memory_bytes=vitals.memory_bytes,
        cpu_percent=round(vitals.cpu_percent, 1),
        model=health.model,
        version=health.version,
        requests=health.requests,
        restarts=supervised.restarts if supervised else 0,
        progress=health.progress,
        last_error=health.last_error,
        problem=trouble.cause,
        remedy=trouble.remedy,
        log=facts.log,
    )


def supervises(supervised: Supervised, owner: Owner | None) -> bool:
    """True if the process that has the port is the supervised one, or its descendant."""
    return owner is not None and supervised.pid in (owner.pid, *owner.ancestors)


def _state(facts: Facts) -> State:
    if facts.ours:
        return "running"
    if facts.supervised is None:
        return "absent"
    # Started, but not answering yet, or another program has its port.
    return "starting" if facts.supervised.state == "running" else facts.supervised.state


def _runs(facts: Facts) -> str:
    if facts.ours and facts.owner:
        if facts.supervised and supervises(facts.supervised, facts.owner):
            return facts.supervisor
        return "on demand" if "--idle-minutes" in facts.owner.command else "by hand"
    if facts.supervised or not facts.installed:
        return facts.supervisor if facts.supervised else ""
    return "on demand" if facts.on_demand else "by hand"


def _trouble(facts: Facts, state: State) -> ServerFailure:
    """Return the problem and its remedy, both empty if all is well."""
    nothing = ServerFailure("")
    if facts.elsewhere:
        return ServerFailure(facts.elsewhere.message, facts.elsewhere.hint)
    if facts.ours:
        error = facts.health.error if facts.health else ""
        remedy = (facts.health and facts.health.remedy) or look_into_log(facts.name)
        return ServerFailure(error, remedy) if error else nothing
    if facts.owner:
        return _taken(facts)
    if facts.supervised and (state == "failed" or (state == "starting" and facts.supervised.restarts >= CRASHES)):
        return _looping(facts, facts.supervised)
    if state == "stopped":
        return ServerFailure("", Remedy("Start it", f"voicemode service start {facts.name}"))
    if state == "absent":
        failed = facts.failure
        return (
            replace(failed, cause=f"Its last run failed. {failed.cause}") if failed else ServerFailure("", _first_start(facts))
        )
    return nothing


def _first_start(facts: Facts) -> Remedy:
    install = f"voicemode service install {facts.name}"
    if not facts.installed:
        return Remedy("Install it", install)
    if not facts.on_demand:
        return Remedy("Start it", f"voicemode service start {facts.name}")
    if facts.supervisor == "none":
        return Remedy("It starts when it is needed")
    return Remedy("It starts when it is needed; to have it always", install)


def _taken(facts: Facts) -> ServerFailure:
    other = f"voicemode config set {facts.port_setting} {facts.port + 1}"
    if facts.health and facts.health.service == f"voicemode-{facts.name}":
        cause = f"Port {facts.port} has a {facts.title} that is not yours: {facts.owner}. It is used, and left alone."
        return ServerFailure(cause if facts.supervised else "", Remedy("For one of your own, choose another port", other))
    cause = f"Port {facts.port} is taken by {facts.owner}, which is left alone."
    return ServerFailure(cause, Remedy("End that program, or choose another port", other))


def _looping(facts: Facts, supervised: Supervised) -> ServerFailure:
    ending = explain(facts.name, facts.failure, supervised.reason, facts.last_words)
    times = f"It ended {supervised.restarts + 1} times in a row. " if supervised.restarts else ""
    return replace(ending, cause=times + ending.cause)
