"""Asking the system's service manager: a bound on every wait, failures with what was said and what to do."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voicemode.errors import ServiceError
from voicemode.services.command import CommandError, run, shown

LIMIT_SECONDS = 30.0
"""A service has 12 s to end; nothing else takes long."""


class RefusedError(ServiceError):
    """The service manager answered, and said no."""


@dataclass(frozen=True, slots=True)
class Control:
    """A program such as systemctl."""

    program: tuple[str, ...]
    environment: Mapping[str, str]
    remedy: str
    """Remedy when it fails."""
    limit_seconds: float = LIMIT_SECONDS

    async def ask(self, *arguments: str) -> list[str]:
        """The lines it says, without blank ones. Raises RefusedError; ServiceError if it cannot be asked."""
        command, said = (*self.program, *arguments), list[str]()

        try:
            async with asyncio.timeout(self.limit_seconds):
                await run(command, environ=self.environment, cwd=Path("/"), tell=said.append)
        except CommandError as error:
            raise RefusedError(error.message, hint=self.remedy) from error
        except TimeoutError as error:
            raise ServiceError(f"`{shown(command)}` takes longer than {self.limit_seconds:g} s.", hint=self.remedy) from error
        except OSError as error:
            raise ServiceError(f"`{shown(command)}` cannot be started: {error}.", hint=self.remedy) from error
        return said

    async def refuses(self, *arguments: str) -> str:
        """Why it does not do it; empty if it did."""
        try:
            await self.ask(*arguments)
        except ServiceError as error:
            return error.message
        return ""
