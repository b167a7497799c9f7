"""A stand-in for `voicemode serve`: a real process with a real /health, and no engine.

Usage: engine_server.py FOLDER PORT [MOOD]. Notes in FOLDER who was started, and with what. Moods:
ready, loading (until FOLDER/loaded exists), failed, crash (at once), mute (never listens).
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
        said = {"service": "voicemode-parrot", "status": status, "model": "base", "version": "0", "pid": os.getpid()}
        body = json.dumps({**said, "error": "No weights. Get some." if status == "failed" else ""}).encode()
        self.send_response(503 if status == "failed" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if self.path == "/quit":
            threading.Thread(target=self.server.shutdown).start()


def main(folder: str, port: str, mood: str = "ready") -> None:
    state = {"cwd": str(Path.cwd()), "session": os.getsid(0), "environ": dict(os.environ), "stdin": sys.stdin.read()}
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
