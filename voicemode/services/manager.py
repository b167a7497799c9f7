"""Operations on services: status, start, stop, restart, enable, disable, log, following changed settings, uninstall."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from voicemode.config import Settings, env_name, find_setting
from voicemode.errors import Remedy, ServiceError
from voicemode.models.models import fetch, sources_from
from voicemode.progress import Progress, Report, size_text
from voicemode.services.failure import load_failure
from voicemode.services.health import health_of
from voicemode.services.install.environment import python_of
from voicemode.services.install.record import Record, installing_lock, kept_elsewhere, load_record, refuse_other, save_record
from voicemode.services.logs import last_words, log_path, tail
from voicemode.services.port_owner import Owner, is_ours, owner
from voicemode.services.process import alone, ensure_running, interpreter, starting
from voicemode.services.service import Service
from voicemode.services.status import Facts, ServiceStatus, judge, supervises
from voicemode.services.supervisors.supervisor import Supervisor
from voicemode.services.supervisors.unit import unit_for
from voicemode.services.uninstall.inventory import Item, of_service, remove, total_bytes, units
from voicemode.services.vitals import end_server, vitals
from voicemode.services.waiting import answering, supervised_ended

INSTALLING_SECONDS = 60.0
"""Longest wait for an installation in progress; after that the uninstallation is refused."""

Verb = Callable[[Service, Report], Awaitable[str]]
"""Performs an operation on a service; returns a summary of one or two sentences. Raises ServiceError."""


class Manager:
    """Manages the services of the current user according to their settings."""

    def __init__(self, settings: Settings, supervisor: Supervisor) -> None:
        self._settings = settings
        self._supervisor = supervisor

    async def status(self, service: Service) -> ServiceStatus:
        """Return the status of `service`. Raises ServiceError if the supervisor cannot be queried."""
        return judge(await self._facts(service))

    async def start(self, service: Service, report: Report) -> str:
        """Start the service unless it runs, and wait until it answers; return a summary.

        A service without a supervisor is started as an agent would start it. Raises ServiceError.
        """
        await self._refuse_other(service)
        facts = await self._facts(service)
        if facts.ours and (facts.supervised is None or supervises(facts.supervised, facts.owner)):
            return f"{service.title} runs already."
        report(Progress("starting", service.title))
        if facts.supervised is None:
            await ensure_running(service, self._settings)
            return f"{service.title} is started. {_lasts(service, self._settings)}"
        _refuse_taken(judge(facts))
        async with starting(service, self._settings):
            await self.end_unsupervised(service)
            await self._supervisor.start(service.name)
            await answering(service, self._settings, supervised_ended(self._supervisor, service.name))
        return f"{service.title} is started."

    async def stop(self, service: Service, report: Report) -> str:
        """Stop the service after its requests in flight; return a summary. Raises ServiceError."""
        await self._refuse_other(service)
        facts = await self._facts(service)
        if not facts.ours and (facts.supervised is None or facts.supervised.state in ("stopped", "failed")):
            return f"{service.title} does not run."
        report(Progress("stopping", service.title))
        if facts.supervised:
            await self._supervisor.stop(service.name)
        await self.end_unsupervised(service)
        return f"{service.title} is stopped."

    async def restart(self, service: Service, report: Report) -> str:
        """Stop the service after its requests in flight, and start it again; return a summary. Raises ServiceError."""
        await self._refuse_other(service)
        facts = await self._facts(service)
        if facts.supervised is None or (facts.ours and not supervises(facts.supervised, facts.owner)):
            await self.end_unsupervised(service)
            return await self.start(service, report)
        _refuse_taken(judge(facts))
        report(Progress("restarting", service.title))
        async with starting(service, self._settings):
            await self._supervisor.restart(service.name)
            await answering(service, self._settings, supervised_ended(self._supervisor, service.name))
        return f"{service.title} is restarted."

    async def enable(self, service: Service, report: Report) -> str:
        """Start the service at login from now on; return a summary, with any notice for the person. Raises ServiceError."""
        await self._registered(service)
        report(Progress("enabling", service.title))
        notice = await self._supervisor.enable(service.name)
        return f"{service.title} starts by itself from now on. {notice}".strip()

    async def disable(self, service: Service, report: Report) -> str:
        """Stop starting the service at login; return a summary. Raises ServiceError."""
        await self._registered(service)
        report(Progress("disabling", service.title))
        await self._supervisor.disable(service.name)
        return f"{service.title} no longer starts by itself. It is left running if it does."

    async def log(self, service: Service, lines: int) -> list[str]:
        """Return the last `lines` lines of the service's log."""
        return await asyncio.to_thread(tail, log_path(service.name, self._settings), lines)

    async def uninstall(self, service: Service, report: Report, *, models: bool) -> list[str]:
        """Remove the service's unit, environment and log, and its weights if `models`; return the steps as sentences.

        Raises ServiceError.
        """
        lock = installing_lock(service, self._settings)
        report(Progress("removing", service.title))
        async with alone(lock, INSTALLING_SECONDS, f"Another VoiceMode process has been installing {service.title}"):
            items = await asyncio.to_thread(of_service, service, self._settings, self._supervisor, models=models)
            await self.unregister(service)
            locks = [item for item in items if item.kind == "state"]
            gone = [item for item in items if item not in locks]
            kept = await asyncio.to_thread(remove, gone, self._settings)
        # Only now: we held one of these locks.
        kept += await asyncio.to_thread(remove, locks, self._settings)
        return [_told(service, gone, models=models), *kept]

    async def unregister(self, service: Service) -> None:
        """End the service, however it was started, and unregister it; one with another base directory is left alone.

        Raises ServiceError.
        """
        await self._refuse_other(service)
        ours = await asyncio.to_thread(units, service, self._settings, self._supervisor)
        if ours or await self._supervisor.look(service.name) is None:
            await self._supervisor.unregister(service.name)
        if found := await self.dependent(service):
            await end_server(service, found)

    async def dependent(self, service: Service) -> Owner | None:
        """Return our server if it uses this base directory, and so has to end before the directory is removed."""
        found = await self._running(service)
        return found if found and found.works_in(self._settings.base_dir) else None

    async def follow_settings(self, service: Service, before: Settings, report: Report) -> str:
        """Move the service to the current settings without losing a request; return a summary, empty if nothing was done.

        Args:
            service: The service.
            before: The settings it was started with.
            report: Receives the download progress of weights that the settings name, if they have to be fetched.

        Raises:
            VoiceModeError: The change failed; the service goes on as before.
        """
        record = await asyncio.to_thread(load_record, service, self._settings)
        refuse_other(service, record, self._supervisor.name)
        if record and await self._supervisor.look(service.name):
            return await self._renew(service, record, report)
        if not await Manager(before, self._supervisor).end_unsupervised(service):
            return ""
        if service.on_demand:
            return f"{service.title} has ended; it starts with the new settings when it is needed."
        await ensure_running(service, self._settings)
        return f"{service.title} was restarted and works with it."

    async def _renew(self, service: Service, record: Record, report: Report) -> str:
        weights = await asyncio.to_thread(service.weights_for, self._settings)
        unit = unit_for(service, self._settings, python_of(record.environment), weights)
        if unit == record.unit:
            return ""
        _refuse_taken(await self.status(service))
        # We download them, since our environment has the proxy settings; the server works on with the old weights.
        for name in weights:
            await fetch(name, self._settings.models_path, sources_from(self._settings), report)
        await self._supervisor.register(unit)
        await asyncio.to_thread(save_record, service, self._settings, replace(record, unit=unit))
        state = await self._supervisor.look(service.name)
        if state is None or state.state in ("stopped", "failed"):
            return f"{service.title} works with it when it is started: voicemode service start {service.name}"
        await self.restart(service, report)
        return f"{service.title} was restarted and works with it."

    async def _refuse_other(self, service: Service) -> None:
        """Raise ServiceError if another supervisor keeps the service running."""
        record = await asyncio.to_thread(load_record, service, self._settings)
        refuse_other(service, record, self._supervisor.name)

    async def _registered(self, service: Service) -> None:
        await self._refuse_other(service)
        if self._supervisor.name == "none":
            raise ServiceError(f"Neither systemd nor launchd is here to start {service.title} at login.", hint=service.starts)
        if await self._supervisor.look(service.name) is None:
            raise ServiceError(
                f"{service.title} is not installed as a service.",
                hint=Remedy(command=f"voicemode service install {service.name}"),
            )

    async def end_unsupervised(self, service: Service) -> bool:
        """End a server of ours that an agent or a person has started; True if there was one. Raises ServiceError."""
        found = await self._running(service)
        if found:
            await end_server(service, found)
        return found is not None

    async def _running(self, service: Service) -> Owner | None:
        """Return our server on the port of `service`, however it was started; None if there is none."""
        said = await health_of(service, self._settings)
        found = await asyncio.to_thread(owner, service.port(self._settings)) if said else None
        return found if is_ours(service, found, said) else None

    async def _facts(self, service: Service) -> Facts:
        settings, port = self._settings, service.port(self._settings)
        supervised, said, found = await asyncio.gather(
            self._supervisor.look(service.name), health_of(service, settings), asyncio.to_thread(owner, port)
        )
        ours = is_ours(service, found, said)
        log = log_path(service.name, settings)
        return Facts(
            name=service.name,
            title=service.title,
            installed=bool(await asyncio.to_thread(interpreter, service, settings)),
            on_demand=service.on_demand,
            port=port,
            port_setting=env_name(find_setting(service.port_setting)),
            log=str(log),
            supervisor=self._supervisor.name,
            elsewhere=kept_elsewhere(service, await asyncio.to_thread(load_record, service, settings), self._supervisor.name),
            supervised=supervised,
            health=said,
            owner=found,
            ours=ours,
            vitals=await asyncio.to_thread(vitals, found.pid) if ours and found else None,
            failure=await asyncio.to_thread(load_failure, service.name, settings),
            last_words=await asyncio.to_thread(last_words, log),
        )


def _lasts(service: Service, settings: Settings) -> str:
    if service.on_demand:
        return f"It ends after {settings.idle_minutes:g} idle minutes."
    return f"To end it: voicemode service stop {service.name}"


def _refuse_taken(status: ServiceStatus) -> None:
    """Raise ServiceError if another program has the port."""
    if status.port_owner:
        raise ServiceError(status.problem, hint=status.remedy)


def _told(service: Service, gone: Sequence[Item], *, models: bool) -> str:
    if not gone:
        return f"There was nothing of {service.title} to remove."
    what = ", ".join(dict.fromkeys(item.kind for item in gone))
    weights = " Its weights are kept." if service.weights and not models else ""
    return f"{service.title} is uninstalled: {what}, {size_text(total_bytes(gone))}.{weights}"
