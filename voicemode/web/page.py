"""The page as it was exported: read once, kept in memory, so that no path a browser sends ever reaches the disk."""

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
"""What else lies in the folder is not served. Not from the system's table, which differs from one to the other."""
PACKED = (".css", ".html", ".js", ".json", ".mjs", ".svg", ".txt", ".wasm", ".webmanifest")
NAMED_BY_CONTENT = "/_next/static/"
"""Files below it never change: whoever has one need not ask again."""
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
    """Content with gzip; empty where that saves nothing."""
    tag: str
    caching: str
    policy: str
    """Its Content-Security-Policy; empty for what is no document."""


def find_page() -> Path | None:
    """Where the exported page lies: in the package, or in the clone it runs from; None if it was not built."""
    package = Path(voicemode.__file__).parent
    places = (package / "page", package.parent / "frontend" / "out")
    return next((place for place in places if (place / "index.html").is_file()), None)


class Page:
    """Answers GET for every file of the page."""

    def __init__(self, folder: Path | None, connect: Sequence[str] = ()) -> None:
        """Reads all of `folder`, which blocks; None is a page that was not built. `connect` as for `policy`."""
        self._assets = read(folder, connect) if folder else {"/index.html": asset("/index.html", NOT_BUILT, ())}
        self._status = 200 if folder else 503

    async def show(self, request: Request) -> Response:
        """The file that the path means. Raises HTTPException 404."""
        path = request.url.path
        found = next((self._assets[name] for name in names_of(path) if name in self._assets), None)
        if found:
            return answer(request, found, self._status)
        missing = self._assets.get("/404.html")
        if missing and "text/html" in request.headers.get("accept", ""):
            return answer(request, missing, 404)
        raise HTTPException(404)


def names_of(path: str) -> tuple[str, ...]:
    """The files that a path may mean, likeliest first."""
    bare = path.rstrip("/")
    return (path, f"{bare}.html", f"{bare}/index.html")


def read(folder: Path, connect: Sequence[str]) -> dict[str, Asset]:
    """Every file of the page by its path in URLs. Links are not followed out of the folder."""
    root = folder.resolve()
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path.resolve().is_relative_to(root))
    named = {f"/{path.relative_to(root).as_posix()}": path for path in files if path.suffix.lower() in KINDS}
    return {name: asset(name, path.read_bytes(), connect) for name, path in named.items()}


def asset(name: str, body: bytes, connect: Sequence[str]) -> Asset:
    """Return the response for the file `name` with this content."""
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
