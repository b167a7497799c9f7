"""`voicemode` and `python -m voicemode`."""


def main() -> None:
    """The command line; without arguments, the MCP server on stdio."""
    from voicemode.cli import main as run

    run(prog_name="voicemode")


if __name__ == "__main__":
    main()
