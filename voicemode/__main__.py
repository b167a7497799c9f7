"""Entry point of `voicemode` and `python -m voicemode`."""

import os
import sys
from contextlib import suppress
from io import TextIOWrapper


def main() -> None:
    """Run the command line; without arguments, the MCP server on stdio."""
    for stream in (sys.stdout, sys.stderr):
        # A name or a text can hold characters that the terminal's encoding lacks.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        run()
    except SystemExit as end:
        if "livekit.rtc" in sys.modules and (end.code is None or isinstance(end.code, int)):
            leave(end.code or 0)
        raise


def run() -> None:
    from voicemode.cli import main as commands

    try:
        commands(prog_name="voicemode")
    except Exception as error:
        from voicemode.cli.errors import report_unforeseen

        sys.exit(report_unforeseen(error))


def leave(status: int) -> None:
    """Exit without shutting down the interpreter.

    LiveKit's library calls into Python from its own threads. Such a call during interpreter shutdown aborts the process,
    about one time in seventy, with a stack trace and status 134.
    """
    for stream in (sys.stdout, sys.stderr):
        # The reader of the stream may be gone.
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
