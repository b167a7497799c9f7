"""Every failure VoiceMode expects, as one tree. Any other exception is a bug.

VoiceModeError                 message for the agent and the person, with its Remedy in `hint`
├── ConfigError                a setting is wrong; names its file and line
├── AudioDeviceError           microphone or speaker missing, busy, unplugged
│   └── RoomError              a LiveKit room cannot be reached, or has ended
├── UnsupportedAudioError      bytes that no codec here can read or write
├── ProviderError              one speech endpoint failed; only this causes failover
│   ├── NoConnectionError      no connection could be opened
│   │   └── UnreachableError   because nothing listens there
│   ├── TooSlowError           the connected endpoint took longer than the settings allow
│   ├── RefusedKeyError        the key is wrong or missing
│   ├── UnsuitableError        the endpoint is healthy, but cannot serve the request
│   │   └── RefusedFormatError  in this audio format; perhaps in another
│   └── NoProviderError        all endpoints failed; names each with its reason
├── LocalOnlyError             something would have left this machine, and nothing may
├── WeightsError               model files missing, wrong or unreachable; lists the sources tried
├── ServiceError               a local engine server could not be started
├── SteeringError              no running conversation can do what a person requested
├── NotSpokenError             the person has not heard the message, or not all of it
└── RecordingKeptError         the recording of a failed turn is kept; names it and the command that retries
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from textwrap import wrap
from urllib.parse import urlsplit

from voicemode.loopback import is_loopback

LONGEST_REASON = 160
"""Characters of one endpoint's reason; its log has the rest."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A remedy that a person can apply to a problem."""

    text: str = ""
    """The remedy in words; with a command, the purpose of that."""
    command: str = ""
    """A command to type as it is; empty if none helps."""

    def __bool__(self) -> bool:
        return bool(self.text or self.command)

    def __str__(self) -> str:
        return ": ".join(filter(None, [self.text.rstrip(".:") if self.command else self.text, self.command]))

    def lines(self, columns: int) -> list[str]:
        """Return the remedy as lines for a terminal: the command unbroken on its own line, so that it can be copied."""
        text = f"{self.text.rstrip('.:')}:" if self.text and self.command else self.text
        told = wrap(text, columns - 2, break_long_words=False, break_on_hyphens=False)
        lines = [*told, self.command] if self.command else told
        return [f"{'→' if number == 0 else ' '} {line}" for number, line in enumerate(lines)]


NO_REMEDY = Remedy()


def remedy_of(said: object) -> Remedy:
    """Return the remedy that another process sent as `asdict`; NO_REMEDY if there is none."""
    if not isinstance(said, dict):
        return NO_REMEDY
    return Remedy(str(said.get("text") or ""), str(said.get("command") or ""))


class VoiceModeError(Exception):
    """An expected failure. `hint` says what to do next; `str()` has message and hint."""

    def __init__(self, message: str, *, hint: Remedy | str = NO_REMEDY) -> None:
        super().__init__(message)
        self.message = message
        self.hint = Remedy(hint) if isinstance(hint, str) else hint

    def __str__(self) -> str:
        # After a message of several lines, the hint is a line of its own.
        separator = "\n" if "\n" in self.message else " "
        return f"{self.message}{separator}{self.hint}".strip()


class ArgumentError(VoiceModeError):
    """A tool was called with a value that cannot be used."""


class ConfigError(VoiceModeError):
    """A setting has a value that cannot be used."""


class AudioDeviceError(VoiceModeError):
    """A microphone or speaker is missing, busy, or went away."""


class RoomError(AudioDeviceError):
    """A LiveKit room cannot be reached or joined, or has ended: nobody in it can be heard."""


class UnsupportedAudioError(VoiceModeError):
    """Audio in a format that cannot be decoded or encoded here."""


class RemedyKind(IntEnum):
    """Kinds of steps a person can take about an endpoint that failed; the quickest comes first."""

    START = 0
    """A command on this machine starts or mends it."""
    KEY = 1
    """A setting needs a valid key."""
    CHANGE = 2
    """Another setting, or another request."""
    FIND = 3
    """Find out why nothing is there."""
    WAIT = 4
    """The endpoint may recover by itself."""


class ProviderError(VoiceModeError):
    """One speech endpoint failed. `transient` is true if a retry could help."""

    def __init__(
        self, message: str, *, transient: bool, hint: Remedy | str = NO_REMEDY, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.transient = transient
        self.retry_after_seconds = retry_after_seconds

    @property
    def remedy_kind(self) -> RemedyKind:
        """Kind of remedy; `hint` is the remedy itself."""
        if isinstance(self.__cause__, (ServiceError, WeightsError)):
            return RemedyKind.START
        return RemedyKind.WAIT if self.transient else RemedyKind.CHANGE


class NoConnectionError(ProviderError):
    """The endpoint did not accept a connection: other requests to it would fail now as well."""

    @property
    def remedy_kind(self) -> RemedyKind:
        return RemedyKind.FIND


class UnreachableError(NoConnectionError):
    """Nothing listens at the endpoint's address: connection refused, or no such host."""


class TooSlowError(ProviderError):
    """The endpoint accepted the connection, but took longer than the settings allow."""

    def __init__(self, message: str, *, hint: Remedy | str) -> None:
        super().__init__(message, transient=True, hint=hint)


class RefusedKeyError(ProviderError):
    """The endpoint did not accept the key, or needs one: a retry cannot help until a setting has changed."""

    def __init__(self, message: str, *, hint: Remedy | str) -> None:
        super().__init__(message, transient=False, hint=hint)

    @property
    def remedy_kind(self) -> RemedyKind:
        return RemedyKind.KEY


class UnsuitableError(ProviderError):
    """The endpoint is healthy, but cannot serve the request: too long, no such voice or language."""

    def __init__(self, message: str, *, hint: Remedy | str = NO_REMEDY) -> None:
        super().__init__(message, transient=False, hint=hint)


class RefusedFormatError(UnsuitableError):
    """The endpoint does not support the requested audio format; perhaps it does another."""


class NoProviderError(ProviderError):
    """No endpoint could do the job. `failures` are (endpoint name, error), in the order tried."""

    def __init__(self, job: str, failures: Sequence[tuple[str, ProviderError]], *, hint: Remedy | str = NO_REMEDY) -> None:
        reasons = ".\n" + explained(failures) if failures else ": none is configured."
        super().__init__(
            f"No speech service could {job}{reasons}",
            transient=any(error.transient for _, error in failures),
            hint=hint or (NO_REMEDY if failures else Remedy("What there is, and what is missing", "voicemode doctor")),
        )
        self.failures = list(failures)


def explained(failures: Sequence[tuple[str, ProviderError]]) -> str:
    """List each endpoint once, with its reason and its remedy, a line each: the quickest remedy first.

    Endpoints with the same remedy share it.
    """
    groups: dict[Remedy, list[str]] = {}
    for name, error in ranked(failures):
        groups.setdefault(error.hint, []).append(f"- {shortened(named(name, error.message).rstrip('. '))}")
    return "\n".join("\n".join(reasons + [f"  → {hint}"] * bool(hint)) for hint, reasons in groups.items())


def ranked(failures: Sequence[tuple[str, ProviderError]]) -> list[tuple[str, ProviderError]]:
    """Return each endpoint once, with its last error: by remedy, local before remote, else in the order tried."""
    return sorted(dict(failures).items(), key=lambda failure: (failure[1].remedy_kind, not on_this_machine(failure[0])))


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON].rstrip()}…"


def on_this_machine(name: str) -> bool:
    """True if an endpoint called `name` is at a loopback address."""
    return "://" in name and is_loopback(urlsplit(name).hostname or "")


def named(name: str, message: str) -> str:
    """Return `message` with the endpoint's name in it, once."""
    return message if name in message else f"{name}: {message}"


def unnamed(name: str, message: str) -> str:
    """Return `message` without the endpoint's name in front, for display beside the name."""
    return message.removeprefix(name).removeprefix(":").strip()


class LocalOnlyError(VoiceModeError, PermissionError):
    """Something would have left this machine, and nothing may.

    An OSError as well, so that every library treats it as a failed connection, and cleans up.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"{reason}, and VOICEMODE_LOCAL_ONLY is on.",
            hint=Remedy("If speech may leave this machine", "voicemode config set VOICEMODE_LOCAL_ONLY false"),
        )


class WeightsError(VoiceModeError):
    """Model files are unavailable, or their bytes are not the official ones."""


class ServiceError(VoiceModeError):
    """A local engine server could not be started or did not become ready."""


class SteeringError(VoiceModeError):
    """A person tried to control a conversation from outside, and none is running that can do what they requested."""


class NotSpokenError(VoiceModeError):
    """The person has not heard the message, or not all of it: no endpoint could speak, or the speaker failed."""

    def __init__(self, reason: VoiceModeError, *, started_at: float | None, seconds: float) -> None:
        """`seconds` of the message were heard, from `started_at` on, which is None if nothing was."""
        super().__init__(reason.message, hint=reason.hint)
        self.started_at = started_at
        self.seconds = seconds


class RecordingKeptError(VoiceModeError):
    """A turn failed after the person had spoken; the recording is kept in `path`."""

    def __init__(self, reason: str, path: Path) -> None:
        again = shlex.join(["voicemode", "transcribe", str(path)])
        super().__init__(reason, hint=Remedy("What was said is kept. To try again", again))
        self.path = path
