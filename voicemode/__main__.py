"""`voicemode` and `python -m voicemode`."""

import os
import sys
from contextlib import suppress


def main() -> None:
    """The command line; without arguments, the MCP server on stdio."""
    from voicemode.cli import main as run

    try:
        run(prog_name="voicemode")
    except SystemExit as end:
        if "livekit.rtc" in sys.modules and (end.code is None or isinstance(end.code, int)):
            leave(end.code or 0)
        raise
    except Exception as error:
        # Nobody saw it coming. A traceback is for the log.
        from voicemode.cli.errors import unexpected

        sys.exit(unexpected(error))


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
