"""The exported page, read once and kept in memory, so that no path from a browser ever reaches the disk."""

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

import voicemode
from voicemode.web.policy import has_inline_styles, policy, script_hashes

KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
"""Content types of the files to serve; other files are not served. The system's own table differs between systems."""
PACKED = (".css", ".html", ".js", ".json", ".mjs", ".svg", ".txt", ".wasm", ".webmanifest")
NAMED_BY_CONTENT = "/_next/static/"
"""Prefix of the files that never change: browsers can cache them for ever."""
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"

NOT_BUILT = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>VoiceMode</title>
<h1>The page is not built</h1>
<p>The server runs, but this copy of VoiceMode has no page in it. In a clone, build it with Node.js:</p>
<pre>cd frontend &amp;&amp; npm ci &amp;&amp; npm run build</pre>
<p>Then start the server again. Packages of VoiceMode bring the page with them.</p>
</html>
"""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the page."""

    kind: str
    body: bytes
    packed: bytes
    """Content compressed with gzip; empty if that saves nothing."""
    tag: str
    caching: str
    policy: str
    """Content-Security-Policy of a document; empty for other files."""


def find_page() -> Path | None:
    """Return the folder of the exported page, in the package or in its clone; None if the page was not built."""
    package = Path(voicemode.__file__).parent
    places = (package / "page", package.parent / "frontend" / "out")
    return next((place for place in places if (place / "index.html").is_file()), None)


class Page:
    """Serves every file of the page."""

    def __init__(self, folder: Path | None, connect: Sequence[str] = ()) -> None:
        """Read all of `folder`, which blocks; None if the page was not built. `connect` is as for `policy`."""
        self._assets = read(folder, connect) if folder else {"/index.html": asset("/index.html", NOT_BUILT, ())}
        self._status = 200 if folder else 503

    async def show(self, request: Request) -> Response:
        """Return the file for the path. Raises HTTPException 404."""
        path = request.url.path
        found = next((self._assets[name] for name in names_of(path) if name in self._assets), None)
        if found:
            return answer(request, found, self._status)
        missing = self._assets.get("/404.html")
        if missing and "text/html" in request.headers.get("accept", ""):
            return answer(request, missing, 404)
        raise HTTPException(404)


def names_of(path: str) -> tuple[str, ...]:
    """Return the files that a path can stand for, the likeliest first."""
    bare = path.rstrip("/")
    return (path, f"{bare}.html", f"{bare}/index.html")


def read(folder: Path, connect: Sequence[str]) -> dict[str, Asset]:
    """Return every file of the page by its URL path. Links out of the folder are not followed."""
    root = folder.resolve()
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path.resolve().is_relative_to(root))
    named = {f"/{path.relative_to(root).as_posix()}": path for path in files if path.suffix.lower() in KINDS}
    return {name: asset(name, path.read_bytes(), connect) for name, path in named.items()}


def asset(name: str, body: bytes, connect: Sequence[str]) -> Asset:
    """Return the asset for the file `name` with the content `body`."""
    suffix = PurePosixPath(name).suffix.lower()
    packed = gzip.compress(body, mtime=0) if suffix in PACKED else b""
    own = partial(policy, connect, script_hashes(body), inline_styles=has_inline_styles(body))
    return Asset(
        kind=KINDS[suffix],
        body=body,
        packed=packed if len(packed) < len(body) else b"",
        tag=f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        caching=FOR_EVER if name.startswith(NAMED_BY_CONTENT) else ASK_AGAIN,
        policy=own() if suffix == ".html" else "",
    )


def answer(request: Request, found: Asset, status: int = 200) -> Response:
    headers = {"etag": found.tag, "cache-control": found.caching, "vary": "accept-encoding"}
    if found.policy:
        headers["content-security-policy"] = found.policy
    if status == 200 and found.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    body = found.body
    if found.packed and "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["content-encoding"] = found.packed, "gzip"
    return Response(body, status, headers, found.kind)
