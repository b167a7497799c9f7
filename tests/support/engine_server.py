"""A stand-in for `voicemode serve`: a real process with a real /health but no engine: the transcript is always the same.

Usage: engine_server.py FOLDER PORT [MOOD [OPTION ...]]. Notes each start, with its details, in FOLDER. Moods:
ready, loading (until FOLDER/loaded exists), failed, old (of an earlier version), crash (at once), mute (never listens).
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Health(BaseHTTPRequestHandler):
    folder: Path
    mood: str

    def do_GET(self) -> None:
        loading = self.mood == "loading" and not (self.folder / "loaded").exists()
        status = "loading" if loading else "failed" if self.mood == "failed" else "ready"
        version = "0" if self.mood == "old" else "99"
        said = {"service": "voicemode-parrot", "status": status, "model": "base", "version": version, "pid": os.getpid()}
        self.answer(
            503 if status == "failed" else 200, {**said, "error": "No weights. Get some." if status == "failed" else ""}
        )
        if self.path == "/quit":
            threading.Thread(target=self.server.shutdown).start()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, {"text": "Hello."})

    def answer(self, status: int, said: dict[str, object]) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(folder: str, port: str, mood: str = "ready", *options: str) -> None:
    state = {
        "options": options,
        "cwd": str(Path.cwd()),
        "session": os.getsid(0),
        "environ": dict(os.environ),
        "stdin": sys.stdin.read(),
    }
    (Path(folder) / f"started-{os.getpid()}").write_text(json.dumps(state))
    print(f"starting as {mood}", flush=True)
    if mood == "crash":
        sys.exit("no luck today")
    if mood == "mute":
        threading.Event().wait(60)
    Health.folder, Health.mood = Path(folder), mood
    HTTPServer(("127.0.0.1", int(port)), Health).serve_forever(0.02)


if __name__ == "__main__":
    main(*sys.argv[1:])
