"""Running the system's service manager, with a timeout for every call, and errors with its output and a remedy."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voicemode.errors import ServiceError
from voicemode.services.command import CommandError, run, shown

LIMIT_SECONDS = 30.0
"""Timeout of a call. A service has 12 s to end; nothing else takes long."""


class RefusedError(ServiceError):
    """The service manager answered with a refusal."""


@dataclass(frozen=True, slots=True)
class Control:
    """A control program such as systemctl."""

    program: tuple[str, ...]
    environment: Mapping[str, str]
    remedy: str
    """Remedy for a failed call."""
    limit_seconds: float = LIMIT_SECONDS

    async def ask(self, *arguments: str) -> list[str]:
        """Run the program; return its output without blank lines. Raises RefusedError; ServiceError if it cannot be run."""
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
        """Run the program; return the reason for a failure, empty if it succeeded."""
        try:
            await self.ask(*arguments)
        except ServiceError as error:
            return error.message
        return ""
