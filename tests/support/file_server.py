"""A real web server for downloads: ranges, redirects, broken connections and stalls; and archives to download."""

import io
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """The files to serve, the faults to inject, and the requests received."""

    files: dict[str, bytes] = field(default_factory=dict)
    """Content by path."""
    redirects: dict[str, str] = field(default_factory=dict)
    """Target path or URL by path."""
    break_after: list[int] = field(default_factory=list)
    """Numbers of bytes after which the next responses end, one entry each."""
    stall_after: int | None = None
    """Number of bytes after which responses stall until `let_go`."""
    stops_at: int | None = None
    """Byte of a file at which responses stall until `let_go`."""
    ranges: bool = True
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """(method, path, Range header) of each request, in order."""
    stalled: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def gets(self, path: str) -> list[str]:
        """Return the Range headers of all GET requests for `path`."""
        return [span for method, where, span in self.requests if method == "GET" and where == path]

    def end_of_answer(self, begin: int) -> int | None:
        """Return the number of bytes after which the next response, from `begin` on, ends; None for a complete response."""
        if self.break_after:
            return self.break_after.pop(0)
        return self.stall_after if self.stops_at is None else max(0, self.stops_at - begin)

    @contextmanager
    def serving(self) -> "Iterator[FileServer]":
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            self.let_go.set()
            server.shutdown()
            server.server_close()
            thread.join()


def _handler(state: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        begin = 0

        def do_GET(self) -> None:
            body = self._head()
            end = state.end_of_answer(self.begin)
            self.wfile.write(body[:end])
            if end is not None and end < len(body):
                self.close_connection = True
                self._stall()

        def _stall(self) -> None:
            if state.stall_after is not None:
                self.wfile.flush()
                state.stalled.set()
                state.let_go.wait(20)

        def _head(self) -> bytes:
            span = self.headers.get("Range", "")
            state.requests.append((self.command, self.path, span))
            if target := state.redirects.get(self.path):
                self.send_response(307)
                self.send_header("Location", target)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return b""
            content = state.files.get(self.path)
            if content is None:
                self.send_error(404)
                return b""
            self.begin = begin = int(span.removeprefix("bytes=").split("-")[0]) if span and state.ranges else 0
            self.send_response(206 if begin else 200)
            if begin:
                self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - begin))
            self.end_headers()
            return content[begin:]

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            """Log nothing: `requests` has everything."""

    return Handler


def tarball(entries: dict[str, bytes]) -> bytes:
    """Return a compressed tar archive of `entries`, with their names unchecked."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in entries.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()
