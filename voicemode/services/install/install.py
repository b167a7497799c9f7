"""Installing a service: an environment, weights, a unit, and a proof that it works.

Each step is atomic, so an interrupted installation continues when it is run again. A previous installation is kept until
its successor has passed its proof, and is restored if that fails after the switch.
"""

import asyncio
import shutil
import time
from collections.abc import Sequence

from voicemode.config import Settings, env_name, find_setting, load_settings, set_value
from voicemode.errors import ServiceError
from voicemode.models.download import reason
from voicemode.models.models import ModelStatus, fetch, sources_from
from voicemode.progress import Progress, Report, size_text
from voicemode.services.install.environment import python_of
from voicemode.services.install.installation import Installed, InstallOptions
from voicemode.services.install.origin import find_origin
from voicemode.services.install.plan import Plan, Wish, see, survey, wish_for, wished_record
from voicemode.services.install.proof import prove
from voicemode.services.install.record import TRIAL, installing_lock, save_record, service_dir
from voicemode.services.install.trial import tried_out
from voicemode.services.process import alone, starting
from voicemode.services.service import Service
from voicemode.services.supervisors.supervisor import Supervisor
from voicemode.services.vitals import end_server
from voicemode.services.waiting import answering, supervised_ended, wait_ready

PATIENCE_SECONDS = 3600.0
"""Longest wait for another installation of the same service: its weights can take long to download."""


async def install(
    service: Service, settings: Settings, supervisor: Supervisor, options: InstallOptions, report: Report
) -> Installed:
    """Install `service` as `options` and `settings` say, start it, and prove that it works.

    Raises:
        ServiceError: The installation failed; has the cause and a remedy. The previous installation still runs.
        WeightsError: No source has the weights.
        ConfigError, ArgumentError: An option is not allowed.
    """
    try:
        origin = await asyncio.to_thread(find_origin)
        return await _install(wish_for(service, settings, options, origin), supervisor, report)
    except OSError as error:
        raise ServiceError(
            f"{service.title} cannot be installed: {reason(error)}.", hint=f"VoiceMode has to write in {settings.base_dir}."
        ) from error


async def _install(wish: Wish, supervisor: Supervisor, report: Report) -> Installed:
    plan = await survey(wish, supervisor)
    if wish.options.dry_run or plan.nothing_to_do:
        return outcome(plan, list(plan.lines()))
    report(Progress("installing", wish.service.title))
    busy = f"Another VoiceMode process has been installing {wish.service.title}"
    async with alone(installing_lock(wish.service, wish.settings), PATIENCE_SECONDS, busy):
        # Another process may have finished it while this one waited.
        plan = await survey(wish, supervisor)
        return await Installation(plan, supervisor, report).carry_out()


class Installation:
    """The execution of one plan."""

    def __init__(self, plan: Plan, supervisor: Supervisor, report: Report) -> None:
        self._plan = plan
        self._service, self._settings = plan.wish.service, plan.wish.settings
        self._supervisor = supervisor
        self._report = report
        self._did = [plan.choice] if plan.choice else []
        self._notices: list[str] = []

    async def carry_out(self) -> Installed:
        """Execute the plan, in an order in which every interruption is harmless."""
        plan = self._plan
        if plan.nothing_to_do:
            return outcome(plan, [])
        if not plan.in_place:
            await self._bring_about()
        await self._settle()
        return outcome(plan, self._did, self._notices)

    async def _bring_about(self) -> None:
        plan = self._plan
        await self._make_environment()
        for model in plan.missing:
            await self._fetch(model)
        if plan.trial:
            await self._try_out()
        if not plan.kept:
            async with starting(self._service, self._settings):
                await self._make_way()  # the next client starts the new one
            return
        try:
            await self._switch()
        except BaseException:  # cancellation included
            await self._switch_back()
            raise

    async def _make_environment(self) -> None:
        if self._plan.recipe is None:
            return
        begun = time.monotonic()
        self._report(Progress("building", "the environment"))
        await self._plan.environments.build(self._plan.recipe, self._plan.environment, self._tell, self._fit)
        tool = "uv" if self._plan.recipe.uv else "venv and pip"
        seconds = time.monotonic() - begun
        self._did.append(f"made {self._plan.environment} of {self._plan.recipe.requirement} with {tool} in {seconds:.0f} s")

    async def _fit(self) -> None:
        if self._service.fitting:
            self._did.append(await self._service.fitting.fit(self._settings, self._plan.environment, self._report))

    def _tell(self, line: str) -> None:
        self._report(Progress("building", "the environment", line))

    async def _fetch(self, model: ModelStatus) -> None:
        folder = await fetch(model.model, self._settings.models_path, sources_from(self._settings), self._report)
        self._did.append(f"fetched {model.title}, {size_text(model.size_bytes)}, to {folder}; its SHA-256 is as published")

    async def _try_out(self) -> None:
        self._report(Progress("trying out", "the new environment"))
        python, scratch = python_of(self._plan.environment), service_dir(self._service, self._settings) / TRIAL
        try:
            proof = await tried_out(self._service, self._settings, python, scratch)
        except ServiceError:
            if self._plan.recipe:  # else an earlier run built it, and may already have switched to it
                await self._plan.environments.discard(self._plan.environment)
            raise
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        self._did.append(f"tried it out on a spare port: it {proof}")

    async def _switch(self) -> None:
        plan, name = self._plan, self._service.name
        self._report(Progress("registering", f"{self._service.title} with {self._supervisor.name}"))
        await self._supervisor.register(plan.unit)
        notice = await self._supervisor.enable(name)
        self._notices += [notice] if notice else []
        self._report(Progress("starting", self._service.title))
        async with starting(self._service, self._settings):
            await self._make_way()
            await (self._supervisor.restart(name) if self._plan.sight.runs else self._supervisor.start(name))
            await answering(self._service, self._settings, supervised_ended(self._supervisor, name))
        self._report(Progress("loading", "its engine"))
        await wait_ready(self._service, self._settings, report=self._report)
        self._did.append(f"registered it with {self._supervisor.name}: it runs, and starts by itself from now on")
        self._report(Progress("testing", self._service.title))
        self._did.append(f"proved it: it {await prove(self._service, self._settings)}")

    async def _make_way(self) -> None:
        """End an unsupervised server: an agent may have started one during the build and the downloads."""
        if squatter := (await see(self._service, self._settings, self._supervisor)).unsupervised:
            await end_server(self._service, squatter)
            self._did.append(f"ended {squatter}, which was started on demand")

    async def _switch_back(self) -> None:
        """Restore the previous installation; unregister the service if there was none."""
        record, name = self._plan.record, self._service.name
        if record is None or not record.kept:
            await self._supervisor.unregister(name)
            return
        await self._supervisor.register(record.unit)
        await (self._supervisor.restart(name) if self._plan.sight.runs else self._supervisor.stop(name))

    async def _settle(self) -> None:
        """Save the settings and the record, and remove the replaced environments."""
        plan = self._plan
        self._report(Progress("finishing"))
        for name, text in plan.wish.choices.items():
            path = set_value(name, text)
            self._did.append(f"set {env_name(find_setting(name))}={text} in {path}")
        overruled = map(load_settings().overruled, plan.wish.choices)
        self._notices += filter(None, overruled)
        save_record(self._service, self._settings, wished_record(plan.wish, plan.environment, plan.unit, self._supervisor))
        await plan.environments.keep_only(plan.environment)


def outcome(plan: Plan, did: Sequence[str], notices: Sequence[str] = ()) -> Installed:
    """Return the result of the installation, for the person."""
    wish = plan.wish
    return Installed(
        service=wish.service.name,
        changed=not plan.nothing_to_do,
        dry_run=wish.options.dry_run,
        url=wish.service.url(wish.settings),
        model=plan.models[0].model if plan.models else "",
        environment=str(plan.environment),
        supervisor=plan.supervisor,
        did=did,
        notices=notices if plan.kept else [*notices, wish.service.starts],
    )
