"""Security headers of our responses. Pure."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import Message

from voicemode.loopback import is_loopback

INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc\s*=)[^>]*>(.*?)</script\s*>", re.IGNORECASE | re.DOTALL)
INLINE_STYLE = re.compile(rb"<style\b|\sstyle\s*=", re.IGNORECASE)

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": (
        "microphone=(self), autoplay=(self), speaker-selection=(self), screen-wake-lock=(self), fullscreen=(self), "
        "camera=(), display-capture=(), geolocation=(), payment=(), usb=(), midi=(), browsing-topics=()"
    ),
}
# No Strict-Transport-Security: with it, browsers let nobody accept a certificate of our own making.

CLOUD = (".livekit.cloud", ".livekit.run")
"""Domains of LiveKit Cloud: the client looks up the nearest server, which has its own name."""


def secured(message: Message, policy: str) -> Message:
    """Return `message` with the security headers if it starts a response; headers it already has are kept."""
    if message["type"] in ("http.response.start", "websocket.http.response.start"):
        headers = MutableHeaders(scope=message)
        for name, value in {**HEADERS, "content-security-policy": policy, "cache-control": "no-store"}.items():
            headers.setdefault(name, value)
    return message


def policy(connect: Iterable[str] = (), scripts: Iterable[str] = (), *, inline_styles: bool = False) -> str:
    """Return a Content-Security-Policy that allows our own origin, connections to `connect`, and inline `scripts` by hash."""
    style = " 'unsafe-inline'" if inline_styles else ""
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", *scripts]),
        "style-src": f"'self'{style}",
        "connect-src": " ".join(["'self'", *connect]),
        "font-src": "'self'",
        "img-src": "'self' data:",
        "media-src": "'self' blob:",
        "manifest-src": "'self'",
        "worker-src": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def script_hashes(html: bytes) -> list[str]:
    """Return the hashes by which a policy allows exactly the inline scripts of a page."""
    digests = (hashlib.sha256(script).digest() for script in dict.fromkeys(INLINE_SCRIPT.findall(html)))
    return [f"'sha256-{b64encode(digest).decode()}'" for digest in digests]


def has_inline_styles(html: bytes) -> bool:
    return INLINE_STYLE.search(html) is not None


def room_sources(livekit_url: str) -> list[str]:
    """Return the sources besides us that a page needs for rooms at `livekit_url`; empty if we relay its signalling."""
    address = urlsplit(livekit_url)
    host = address.hostname or ""
    if not host or is_loopback(host):
        return []
    domain = next((f"*{domain}" for domain in CLOUD if host.endswith(domain)), "")
    return [f"{scheme}://{place}" for place in filter(None, (address.netloc, domain)) for scheme in ("https", "wss")]
