"""Plan of an installation, made without changing anything."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from voicemode.config import Settings, env_name, find_setting, user_file
from voicemode.config.change import checked_value
from voicemode.errors import ArgumentError, Remedy, ServiceError
from voicemode.models.choice import chosen
from voicemode.models.models import ModelStatus, status
from voicemode.progress import size_text
from voicemode.services.command import shown
from voicemode.services.health import Health, health_of
from voicemode.services.install.environment import Environments, Recipe, find_uv, python_of
from voicemode.services.install.installation import InstallOptions
from voicemode.services.install.origin import Origin
from voicemode.services.install.record import FILE, Record, load_record, refuse_other, service_dir
from voicemode.services.install.trial import free_port
from voicemode.services.port_owner import Owner, is_ours, owner
from voicemode.services.service import Service
from voicemode.services.status import supervises
from voicemode.services.supervisors.supervisor import Supervised, Supervisor, Unit
from voicemode.services.supervisors.unit import unit_for


@dataclass(frozen=True, slots=True)
class Wish:
    """A service to be installed, with its options."""

    service: Service
    settings: Settings
    """Settings after the installation."""
    choices: Mapping[str, str]
    """Settings to be written, by field."""
    options: InstallOptions
    origin: Origin


def wish_for(service: Service, settings: Settings, options: InstallOptions, origin: Origin) -> Wish:
    """Return the wish that `options` express. Raises ArgumentError, ConfigError."""
    if options.model and not service.model_setting:
        raise ArgumentError(f"{service.title} has no models to choose from.")
    asked = {service.model_setting: options.model, service.port_setting: str(options.port or "")}
    values = {name: checked_value(name, text) for name, text in asked.items() if text}
    choices = {name: asked[name] for name, value in values.items() if value != getattr(settings, name)}
    return Wish(service, replace(settings, **values), choices, options, origin)


@dataclass(frozen=True, slots=True)
class Survey:
    """Current state of the service, which may already run."""

    owner: Owner | None
    """Process that has its port."""
    health: Health | None
    """Health that this process reports."""
    supervised: Supervised | None

    @property
    def runs(self) -> bool:
        """True if its supervisor keeps it running."""
        return self.supervised is not None and self.supervised.state in ("running", "starting")

    @property
    def crashes(self) -> bool:
        """True if the service crashes repeatedly."""
        seen = self.supervised
        return self.health is None and seen is not None and (seen.state == "failed" or seen.restarts > 0)

    @property
    def unsupervised(self) -> Owner | None:
        """Our server on the port if it was started on demand; None otherwise."""
        return None if self.supervised and supervises(self.supervised, self.owner) else self.owner

    @property
    def fails(self) -> bool:
        """True if the server reports that it has failed."""
        return self.health is not None and self.health.status == "failed"

    @property
    def kept(self) -> bool:
        """True if the service is enabled, and the process on its port is supervised."""
        return self.supervised is not None and self.supervised.enabled and supervises(self.supervised, self.owner)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps from the present state to the wish."""

    wish: Wish
    sight: Survey
    environments: Environments
    environment: Path
    """Folder the service will run from."""
    recipe: Recipe | None
    """Recipe of the environment; None if the environment exists."""
    fitting: str
    """Parts of the environment besides packages, as a sentence; empty for none."""
    models: tuple[ModelStatus, ...]
    """All models that the service needs."""
    choice: str
    """Choice of the model and its reason, as a sentence; empty where there is nothing to choose."""
    unit: Unit
    files: tuple[Path, ...]
    """Files that the supervisor writes."""
    record: Record | None
    """Record of the previous installation."""
    settled: bool
    """True if the service runs as wished, or starts so on demand."""
    supervisor: str
    """Name of the supervisor that is to keep it running: a SupervisorName."""

    @property
    def in_place(self) -> bool:
        """True if the service is settled, and its environment and models are complete."""
        return self.settled and not (self.recipe or self.missing)

    @property
    def nothing_to_do(self) -> bool:
        return self.in_place and not self.wish.choices

    @property
    def missing(self) -> tuple[ModelStatus, ...]:
        """Models that have to be downloaded."""
        return tuple(model for model in self.models if not model.present)

    @property
    def kept(self) -> bool:
        """True if a supervisor is to keep the service running."""
        return self.supervisor != "none"

    @property
    def upgrade(self) -> bool:
        """True if this replaces an installation in another environment."""
        return self.record is not None and self.record.environment != self.environment

    @property
    def trial(self) -> bool:
        """True if the service is tried out on a spare port: it is an upgrade, or does not start with the installation."""
        return self.upgrade or not self.kept

    def lines(self) -> Iterator[str]:
        """Yield every command, download and file, in order."""
        if self.nothing_to_do:
            return
        if self.recipe:
            yield from (f"run {shown(command)}" for command in self.recipe.commands(self.environment))
        if self.fitting:
            yield self.fitting
        if self.choice:
            yield self.choice
        for model in self.missing:
            yield f"download {model.title}, {size_text(model.size_bytes)} ({model.licence}), to {model.folder}"
        if self.trial:
            yield "try the new environment out on a spare port"
        if self.sight.unsupervised:
            yield f"end {self.sight.unsupervised}, which was started on demand"
        yield from (f"write {path}" for path in self.files)
        if self.kept:
            yield (
                f"register it with {self.supervisor}, enable and start it, and prove that it works: {shown(self.unit.command)}"
            )
        for name, text in self.wish.choices.items():
            yield f"write {env_name(find_setting(name))}={text} to {user_file()}"
        yield f"write {service_dir(self.wish.service, self.wish.settings) / FILE}"
        yield from (f"remove {folder}" for folder in self.environments.others(self.environment))


async def survey(wish: Wish, supervisor: Supervisor) -> Plan:
    """Look at the present state and return the plan. Raises ServiceError if another program has the port."""
    return await asyncio.to_thread(plan, wish, await see(wish.service, wish.settings, supervisor), supervisor)


async def see(service: Service, settings: Settings, supervisor: Supervisor) -> Survey:
    """Return the current state of the service. Raises ServiceError if another program has the port."""
    found, state = await asyncio.gather(asyncio.to_thread(owner, service.port(settings)), health_of(service, settings))
    if found and not is_ours(service, found, state):
        raise taken(service, settings, found)
    return Survey(found, state, await supervisor.look(service.name))


def plan(wish: Wish, sight: Survey, supervisor: Supervisor) -> Plan:
    """Return the plan from `sight` and the state of the disk to `wish`. Blocks. Raises ServiceError."""
    service, settings = wish.service, wish.settings
    environments = Environments(service_dir(service, settings) / "environments")
    fingerprint = wish.origin.fingerprint(service.extra)
    there, record = environments.find(fingerprint), load_record(service, settings)
    refuse_other(service, record, supervisor.name)
    if sight.crashes and record and record.environment == there:
        there = None  # it may be damaged
    environment = there or environments.new(fingerprint)
    choice = chosen(settings) if service.model_setting else None
    weights = service.weights_with(choice.model) if choice else service.weights
    unit = unit_for(service, settings, python_of(environment), weights)
    as_wished = record == wished_record(wish, environment, unit, supervisor) and not sight.fails
    return Plan(
        wish=wish,
        sight=sight,
        environments=environments,
        environment=environment,
        recipe=None if there else recipe(wish),
        fitting=service.fitting.planned(settings) if service.fitting and not there else "",
        models=tuple(status(name, settings.models_path) for name in weights),
        choice=f"use {choice.model}: {choice.reason}" if choice else "",
        unit=unit,
        files=tuple(supervisor.files(unit)),
        record=record,
        settled=as_wished and (sight.kept or supervisor.name == "none"),
        supervisor=supervisor.name,
    )


def wished_record(wish: Wish, environment: Path, unit: Unit, supervisor: Supervisor) -> Record:
    """Return the record to be written once the plan is carried out."""
    return Record(version=wish.origin.version, environment=environment, supervisor=supervisor.name, unit=unit)


def recipe(wish: Wish) -> Recipe:
    """Return the recipe of the environment. Raises ServiceError."""
    return Recipe(
        requirement=wish.origin.requirement(wish.service.extra),
        fingerprint=wish.origin.fingerprint(wish.service.extra),
        uv=find_uv(wish.options.installer),
        offline=wish.settings.offline or wish.settings.local_only,
        rebuilt=wish.origin.folder,
    )


def taken(service: Service, settings: Settings, stranger: Owner) -> ServiceError:
    """Return the error for a port that another program has."""
    port = service.port(settings)
    return ServiceError(
        f"Port {port} is taken by {stranger}, which is not VoiceMode's {service.title}.",
        hint=Remedy(
            "End that program, or choose another port", f"voicemode service install {service.name} --port {free_port(port)}"
        ),
    )
