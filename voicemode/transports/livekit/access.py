"""Access to the LiveKit server of our rooms, and the tokens for it, all of which are made here."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voicemode.config import Settings
from voicemode.config.urls import Address
from voicemode.errors import ConfigError, Remedy, RoomError

TOKEN_SECONDS = 600.0
"""Lifetime of a token for joining; the server renews the tokens of those in a room."""
MARK = "voicemode"
"""Metadata of our rooms and attribute of our agents: other programs can have theirs on the same server."""
NOT_INSTALLED = "There is no LiveKit server whose rooms could be joined."
INSTALL = Remedy(
    "To use one elsewhere, set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET; to have one on this machine",
    "voicemode service install livekit",
)


@dataclass(frozen=True, slots=True)
class Access:
    """A LiveKit server and the key that signs tokens for its rooms."""

    url: str
    """URL of the server: ws, wss, http or https."""
    key: str
    """Name of the key."""
    secret: str = field(repr=False)

    @property
    def http_url(self) -> str:
        """Base URL of the server's HTTP API."""
        return f"http{self.url.removeprefix('ws').removeprefix('http')}".rstrip("/")

    @property
    def is_here(self) -> bool:
        """True if the server is on this machine."""
        return Address.parse(self.url).is_here


def keys_file(settings: Settings) -> Path:
    """Return the file with the key of the server installed here: one line `KEY: SECRET`, mode 0600."""
    return settings.services_dir / "livekit" / "keys.yaml"


def find_access(settings: Settings) -> Access | None:
    """Return the server of the settings, else the one installed here; None if there is neither. Reads a file."""
    url = settings.livekit_url or f"ws://127.0.0.1:{settings.livekit_port}"
    key, secret = settings.livekit_api_key, settings.livekit_api_secret
    if not (key and secret) and Address.parse(url).is_here:
        key, secret = _installed_key(keys_file(settings))
    return Access(url, key, secret) if key and secret else None


def access_to(settings: Settings) -> Access:
    """Return the access. Raises ConfigError with a remedy if there is none."""
    if access := find_access(settings):
        return access
    if settings.livekit_url:
        hint = Remedy("Set both, the key by its name; the secret is asked for", "voicemode config set LIVEKIT_API_SECRET")
        raise ConfigError("LIVEKIT_URL is set, but LIVEKIT_API_KEY or LIVEKIT_API_SECRET is not.", hint=hint)
    raise ConfigError(NOT_INSTALLED, hint=INSTALL)


def unreachable(access: Access) -> RoomError:
    """Return the error for a server that does not answer."""
    here = Remedy("Start it", "voicemode service start livekit")
    start = here if access.is_here else Remedy("Is LIVEKIT_URL right, and the network up?")
    return RoomError(f"The LiveKit server at {access.url} does not answer.", hint=start)


def refused_key(access: Access) -> RoomError:
    """Return the error for a server that refuses our key."""
    hint = "Its key belongs in LIVEKIT_API_KEY and LIVEKIT_API_SECRET; the clocks of both machines must agree."
    return RoomError(f"The LiveKit server at {access.url} refuses the key {access.key}.", hint=hint)


def person_token(access: Access, room: str, identity: str, name: str, seconds: float = TOKEN_SECONDS) -> str:
    """Return a token that lets a person join this room, be heard, write and hear the others; nothing else."""
    return _token(access, _joining(room), seconds, sub=identity, name=name)


def agent_token(access: Access, room: str, name: str, identity: str = "") -> str:
    """Return a token that lets us join this room as an agent called `name` and show our state there."""
    grants = _joining(room) | {"canUpdateOwnMetadata": True}
    about = {"name": name, "kind": "agent", "attributes": {MARK: "agent"}}
    return _token(access, grants, TOKEN_SECONDS, sub=identity or new_identity(), **about)


def new_identity() -> str:
    """Return a unique identity for an agent."""
    return f"agent-{secrets.token_hex(4)}"


def server_token(access: Access, seconds: float, **grants: object) -> str:
    """Return a token for a request to the server itself: `roomList`, `roomCreate`, or `roomAdmin` of a `room`."""
    return _token(access, grants, seconds)


def _joining(room: str) -> dict[str, object]:
    return {
        "roomJoin": True,
        "room": room,
        "canPublish": True,
        "canPublishSources": ["microphone"],
        "canPublishData": True,
        "canSubscribe": True,
    }


def _token(access: Access, grants: Mapping[str, object], seconds: float, **who: object) -> str:
    import jwt

    now = int(time.time())
    claims = {"iss": access.key, "nbf": now, "exp": now + round(seconds), "video": grants, **who}
    return jwt.encode(claims, access.secret, algorithm="HS256")


def _installed_key(file: Path) -> tuple[str, str]:
    """Return the first key and secret in the key file of LiveKit's server; empty strings if there is none."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return "", ""
    pairs = [line.partition(":") for line in lines if ":" in line and not line.startswith("#")]
    return next(((key.strip(), secret.strip()) for key, _, secret in pairs), ("", ""))
