"""Applying changed settings to the running servers that read them."""

from dataclasses import fields

from voicemode.config import Settings
from voicemode.errors import VoiceModeError
from voicemode.progress import Report
from voicemode.services import services
from voicemode.services.service import Service
from voicemode.services.supervisors.supervisor import Supervisor


def concerned(before: Settings, after: Settings) -> list[Service]:
    """Return the services that read a setting that differs between `before` and `after`."""
    changed = {item.name for item in fields(Settings) if getattr(before, item.name) != getattr(after, item.name)}
    return [service for service in services().values() if changed & {*service.settings, service.port_setting}]


async def follow_settings(before: Settings, after: Settings, supervisor: Supervisor, report: Report) -> list[str]:
    """Move the running services to the settings `after` without losing a request in flight; return the steps as sentences.

    The sentences include failures: the settings are changed all the same. `report` receives the progress of downloads.
    """
    from voicemode.services.install.record import kept_elsewhere, load_record
    from voicemode.services.manager import Manager

    manager, told = Manager(after, supervisor), list[str]()
    if before.supervisor != after.supervisor:
        records = [(service, load_record(service, after)) for service in services().values()]
        return [str(error) for each in records if (error := kept_elsewhere(*each, supervisor.name))]
    for service in concerned(before, after):
        try:
            told.append(await manager.follow_settings(service, before, report))
        except VoiceModeError as error:
            told.append(str(error))
    return [sentence for sentence in told if sentence]
