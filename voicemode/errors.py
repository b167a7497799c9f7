"""Every failure VoiceMode expects, as one tree. What is not in it is a bug.

VoiceModeError                 message for the agent and the person, with the remedy in `hint`
├── ConfigError                a setting is wrong; names its file and line
├── AudioDeviceError           microphone or speaker missing, busy, unplugged
├── UnsupportedAudioError      bytes that no codec here can read or write
├── ProviderError              one speech endpoint failed; only this fails over
│   └── NoProviderError        all of them did; names each with its reason
├── WeightsError               model files missing, wrong or unreachable; lists what was tried
├── ServiceError               a local engine server could not be started
└── RecordingKeptError         what was said is safe in a file; names it and the command that retries
"""

from collections.abc import Sequence
from pathlib import Path


class VoiceModeError(Exception):
    """A failure we saw coming. `hint` says what to do next; `str()` gives both."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class ArgumentError(VoiceModeError):
    """A tool was called with a value that cannot be used."""


class ConfigError(VoiceModeError):
    """A setting has a value that cannot be used."""


class AudioDeviceError(VoiceModeError):
    """A microphone or speaker is missing, busy, or went away."""


class UnsupportedAudioError(VoiceModeError):
    """Audio in a format that cannot be decoded or encoded here."""


class ProviderError(VoiceModeError):
    """One speech endpoint failed. `transient` says whether asking again could help."""

    def __init__(self, message: str, *, transient: bool, hint: str = "", retry_after_seconds: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.transient = transient
        self.retry_after_seconds = retry_after_seconds


class UnreachableError(ProviderError):
    """Nothing listens at the endpoint's address: connection refused, or no such host."""


class NoProviderError(ProviderError):
    """No endpoint could do it. `failures` are (endpoint name, its error), in the order tried."""

    def __init__(self, job: str, failures: Sequence[tuple[str, ProviderError]], *, hint: str = "") -> None:
        reasons = "; ".join(named(name, error.message) for name, error in failures) or "none is configured"
        hints = dict.fromkeys([error.hint for _, error in failures if error.hint] + [hint])
        super().__init__(
            f"No speech service could {job} ({reasons}).",
            transient=any(error.transient for _, error in failures),
            hint=" ".join(text for text in hints if text),
        )
        self.failures = list(failures)


def named(name: str, message: str) -> str:
    """`message` with the name of who failed, once."""
    return message if name in message else f"{name}: {message}"


class WeightsError(VoiceModeError):
    """Model files cannot be had, or their bytes are not the official ones."""


class ServiceError(VoiceModeError):
    """A local engine server could not be started or did not become ready."""


class RecordingKeptError(VoiceModeError):
    """A turn failed after the person had spoken; the recording is kept in `path`."""

    def __init__(self, reason: str, path: Path) -> None:
        super().__init__(reason, hint=f"What was said is kept. To try again: voicemode transcribe {path}")
        self.path = path
