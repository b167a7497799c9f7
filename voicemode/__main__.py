"""`voicemode` and `python -m voicemode`."""

import os
import sys
from contextlib import suppress
from io import TextIOWrapper


def main() -> None:
    """The command line; without arguments, the MCP server on stdio."""
    for stream in (sys.stdout, sys.stderr):
        # A name or a text may have letters that the terminal's encoding has not.
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
    """End this process without ending Python.

    LiveKit's library calls into Python from threads of its own. One that does so while Python ends aborts the process,
    about once in seventy times, with a stack trace and status 134.
    """
    for stream in (sys.stdout, sys.stderr):
        # Nobody may read it any more.
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
