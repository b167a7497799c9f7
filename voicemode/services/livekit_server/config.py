"""Configuration of LiveKit's server, rendered from the settings, and its API key."""

import json
import secrets
from dataclasses import replace
from pathlib import Path

from voicemode.config import Settings
from voicemode.config.files import private_folder, write_atomically
from voicemode.errors import Remedy, ServiceError
from voicemode.transports.livekit.access import find_access, keys_file

CONFIG = "voicemode-livekit.yaml"
SECRET_BYTES = 32
OTHERS = 0o077
LEVELS = {"debug": "info", "info": "warn", "warning": "warn", "error": "error"}
"""LiveKit's log level for each of ours. At `info` LiveKit logs every participant and every request."""

HEAD = """\
# Written by VoiceMode at each start of LiveKit: change settings, not this file.
port: {port}
bind_addresses: [127.0.0.1]
key_file: {keys}
logging: {{level: {level}}}
rtc:
  udp_port: {udp_port}
  use_external_ip: false
  enable_loopback_candidate: true
  # STUN servers for browsers: none but this machine. Without this line LiveKit names Google's and Twilio's.
  stun_servers: ["127.0.0.1:{port}"]
"""
HERE = """\
  # For programs of this machine. Its port for sound over TCP would listen on every address, so there is none.
  node_ip: 127.0.0.1
  ips: {{includes: [127.0.0.1/32]}}
  tcp_port: 0
"""
LAN = """\
  # For other devices, too: sound comes to any address of this machine. A lite server asks no stranger for its own address.
  use_ice_lite: true
  tcp_port: {tcp_port}
"""


def config_text(settings: Settings, port: int) -> str:
    """Return the configuration, in YAML. Pure."""
    text = HEAD + (LAN if settings.livekit_lan and not settings.local_only else HERE)
    return text.format(
        port=port,
        tcp_port=port + 1,
        udp_port=port + 2,
        keys=json.dumps(str(keys_file(settings))),
        level=LEVELS[settings.log_level],
    )


def write_config(settings: Settings, port: int) -> Path:
    """Write the configuration; return its path. Raises OSError."""
    path = settings.state_dir / CONFIG
    private_folder(path.parent)
    write_atomically(path, config_text(settings, port).encode())
    return path


def alone(settings: Settings) -> Settings:
    """Return `settings` for the server installed here, without the address and key of a server elsewhere."""
    return replace(settings, livekit_url="", livekit_api_key="", livekit_api_secret="")


def ensure_keys(settings: Settings) -> None:
    """Generate this installation's API key unless its key file holds a valid one. Raises ServiceError."""
    path = keys_file(settings)
    try:
        if find_access(alone(settings)) is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, f"API{secrets.token_hex(6)}: {secrets.token_urlsafe(SECRET_BYTES)}\n".encode())
        if path.stat().st_mode & OTHERS:  # under systemd the file is read-only, and already has its mode
            path.chmod(0o600)
    except OSError as error:
        raise ServiceError(
            f"The key of the LiveKit server cannot be kept in {path}: {error.strerror or error}.",
            hint=Remedy(command="voicemode service install livekit"),
        ) from error
