"""Failures between us and an endpoint, as ProviderErrors that say what to do."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TypeVar

from voicemode.errors import (
    ConfigError,
    LocalOnlyError,
    NoConnectionError,
    ProviderError,
    Remedy,
    TooSlowError,
    UnreachableError,
    UnsupportedAudioError,
)
from voicemode.speech.openai.address import Endpoint, quote

E = TypeVar("E", bound=BaseException)

_REACH_HINT = Remedy("Check that it runs and that its URL is right", "voicemode providers --check")


class Step(Enum):
    """A step of a request: the message if it times out, and the setting for its timeout."""

    CONNECT = "did not accept a connection", ""
    BEGIN = "did not begin to answer", "VOICEMODE_FIRST_BYTE_TIMEOUT"
    GO_ON = "stopped answering", "VOICEMODE_IDLE_TIMEOUT"
    FINISH = "did not finish its answer", "VOICEMODE_ANSWER_TIMEOUT"


def too_slow(endpoint: Endpoint, step: Step, seconds: float) -> ProviderError:
    """Return the error for a `step` that took longer than `seconds`."""
    failed, setting = step.value
    message = f"{endpoint} {failed} within {seconds:g} s."
    if step is Step.CONNECT:
        return NoConnectionError(message, transient=True, hint=_REACH_HINT)
    return TooSlowError(message, hint=f"If it only is slow, raise {setting}.")


def too_long(endpoint: Endpoint) -> ProviderError:
    return ProviderError(f"{endpoint} does not come to an end.", transient=False)


def nonsense(endpoint: Endpoint, wanted: str, body: bytes) -> ProviderError:
    """Return the error for a `body` that is not the `wanted` kind."""
    return ProviderError(
        f"{endpoint} answered with something other than {wanted}: {quote(endpoint, body)}",
        transient=False,
        hint="Check that its base URL is that of an OpenAI-compatible speech API.",
    )


@contextmanager
def translated(endpoint: Endpoint) -> Iterator[None]:
    """Turn any failure of the connection or of the audio into a ProviderError."""
    import httpx2

    try:
        yield
    except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL) as error:
        raise _wire_error(endpoint, error) from error
    except UnsupportedAudioError as error:
        raise ProviderError(f"{endpoint}: {error.message}", transient=False, hint=error.hint) from error
    except (ConfigError, LocalOnlyError) as error:
        raise _not_asked(endpoint, error) from error


def _wire_error(endpoint: Endpoint, error: Exception) -> ProviderError:
    import httpx2

    match error:
        case httpx2.ConnectError():
            return _connect_error(endpoint, error)
        case httpx2.TimeoutException():
            return ProviderError(f"{endpoint} does not take what it is sent.", transient=True, hint=_REACH_HINT)
        case httpx2.NetworkError() | httpx2.RemoteProtocolError() | httpx2.DecodingError():
            return ProviderError(f"{endpoint} broke off its answer.", transient=True)
        case httpx2.ProxyError():
            return ProviderError(f"The proxy on the way to {endpoint} failed.", transient=True, hint="Check HTTPS_PROXY.")
        case _:
            # The library's text may quote headers, and with them the key.
            return ProviderError(f"{endpoint} could not be asked ({type(error).__name__}).", transient=False)


def _connect_error(endpoint: Endpoint, error: Exception) -> ProviderError:
    if forbidden := within(error, LocalOnlyError):
        return _not_asked(endpoint, forbidden)
    if distrusted := within(error, ssl.SSLCertVerificationError):
        return ProviderError(
            f"The certificate of {endpoint} is not trusted ({distrusted.verify_message}).",
            transient=False,
            hint="If it is yours, start VoiceMode with SSL_CERT_FILE set to a file that has its CA.",
        )
    if unlike_tls := within(error, ssl.SSLError):
        return ProviderError(
            f"{endpoint} does not speak TLS as it should ({unlike_tls.reason or 'it broke off'}).",
            transient=False,
            hint="If it speaks plain HTTP, its base URL begins with http://.",
        )
    unknown = ": nobody knows its name" if within(error, socket.gaierror) else ""
    return UnreachableError(f"{endpoint} is not reachable{unknown}.", transient=True, hint=_REACH_HINT)


def _not_asked(endpoint: Endpoint, error: ConfigError | LocalOnlyError) -> ProviderError:
    return ProviderError(f"{endpoint} was not asked: {error.message}", transient=False, hint=error.hint)


def within(error: BaseException | None, kind: type[E]) -> E | None:
    """Find an error of `kind` in `error` and its causes."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error
