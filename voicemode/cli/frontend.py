"""`voicemode frontend`: the web page to talk from, its server, and the links that sign a browser in."""

import asyncio
import html
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from voicemode import egress, log
from voicemode.cli.errors import plain_errors
from voicemode.cli.progress import progress_shown
from voicemode.cli.serve import serving
from voicemode.config import LoadedSettings, Settings, load_settings
from voicemode.config.files import write_atomically
from voicemode.config.installer import to_install
from voicemode.errors import ServiceError
from voicemode.services import find

if TYPE_CHECKING:
    from voicemode.web.status import Chosen

NAME = "frontend"
OPEN_SECONDS = 20.0
"""Seconds to wait for a browser to start; after that the link is printed as well."""
REDIRECT = """\
<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={}">
<title>VoiceMode</title>
"""
ONCE = "Open this once, within 10 minutes:"


@click.group(invoke_without_command=True)
@click.option("--port", type=click.IntRange(1, 65535), help="Port; 3000 unless the settings say otherwise.")
@click.option("--lan", is_flag=True, help="Show it in the local network, too, over TLS.")
@click.option("--idle-minutes", type=click.FloatRange(min=0.01), help="End after so long without anybody.")
@click.option("--log-file", type=click.Path(path_type=Path), help="Log there, kept short, and not to stderr.")
@click.option("--dev-origin", multiple=True, help="A development server of the page: http://localhost:3001.")
@click.pass_context
def frontend(
    context: click.Context,
    *,
    port: int | None,
    lan: bool,
    idle_minutes: float | None,
    log_file: Path | None,
    dev_origin: tuple[str, ...],
) -> None:
    """The web page to talk from. Without a command, its server runs here until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    with serving(NAME, log_file) as settings:
        refuse_missing()
        said = {"frontend_port": port or settings.frontend_port, "frontend_lan": lan or settings.frontend_lan}
        asyncio.run(serve_page(said, idle_minutes, frozenset(origin.rstrip("/") for origin in dev_origin)))


@frontend.command("open")
@click.option("--lan", is_flag=True, help="For a phone in the local network.")
@click.option(
    "--at", "name", default="", metavar="NAME[:PORT]", help="Behind a proxy with TLS: one of VOICEMODE_FRONTEND_HOSTS."
)
@click.option("--room", default="", help="Go to this room.")
@click.option("--print", "printed", is_flag=True, help="Print the link instead of opening a browser.")
def open_page(*, lan: bool, name: str, room: str, printed: bool) -> None:
    """Sign a browser in with a link that works once, within ten minutes.

    The link is opened here, or shown as a QR code for a phone. The server of the page is started if it does not run.
    """
    with plain_errors():
        settings = page_settings()
        link = asyncio.run(invitation(settings, lan=lan, name=name, room=room))
        notes = lan_notes(settings, link) if lan else []
    if lan or name:
        click.echo("\n".join([*code_of(link), ONCE, link, *notes]))
    elif not printed and shown(link, settings):
        click.echo("The page is open in your browser.")
    else:
        click.echo(f"{ONCE}\n{link}")


@frontend.command("sign-out")
def sign_out() -> None:
    """Sign out every browser, and invalidate all links."""
    from voicemode.web.entry import open_sessions, pairing_codes

    with plain_errors():
        settings = page_settings()
        count = open_sessions(settings).clear()
        pairing_codes(settings).clear()
    click.echo(f"Signed out: {count} {'browser' if count == 1 else 'browsers'}.")


def page_settings() -> Settings:
    """Return the settings, after configuring logging to the file only. Raises ServiceError if the server is not installed."""
    refuse_missing()
    settings = load_settings().settings
    log.configure(settings.log_level, settings.logs_dir, secrets=settings.secrets, stderr=False)
    egress.enforce(settings.local_only)
    return settings


def refuse_missing() -> None:
    """Raise ServiceError if the server of the page is not installed."""
    if not find(NAME).installed:
        raise ServiceError("The server of the web page is not installed.", hint=to_install(extra="livekit"))


async def serve_page(said: Mapping[str, Any], idle_minutes: float | None, developing: frozenset[str]) -> None:
    """Serve the page, with `said` overriding the settings, until the server is stopped."""
    from voicemode.web.live_settings import Current
    from voicemode.web.server import serve

    loaded = load_settings()
    async with choosing(loaded) as chosen:
        await serve(Current(loaded, **said), chosen, idle_minutes=idle_minutes, developing=developing)


@asynccontextmanager
async def choosing(loaded: LoadedSettings) -> "AsyncIterator[Chosen]":
    """Open the providers, and yield a function that returns the endpoint chosen now for each kind."""
    from voicemode.http_client.client import open_http
    from voicemode.providers.endpoints import Endpoints

    async with open_http() as http:
        endpoints = await Endpoints.made(loaded, http)

        async def chosen() -> dict[str, str]:
            await endpoints.lookout.first()
            return {row.kind: row.name for row in endpoints.providers.rows() if row.chosen}

        try:
            yield chosen
        finally:
            await endpoints.close()


async def invitation(settings: Settings, *, lan: bool, name: str, room: str) -> str:
    """Start the server of the page if it does not run, and return a link to the page."""
    from voicemode.services.process import ensure_running
    from voicemode.web.link import behind, here, in_lan, new_link

    settings = replace(settings, frontend_lan=lan or settings.frontend_lan)
    await ensure_running(find(NAME), settings)
    if lan:
        await widen(settings)
    base = behind(settings, name) if name else await in_lan(settings) if lan else here(settings)
    return await new_link(settings, base, room)


async def widen(settings: Settings) -> None:
    """Make the page available in the local network, if it is not yet and its server was started on demand."""
    from voicemode.services.manager import Manager
    from voicemode.services.supervisors.find import find_supervisor
    from voicemode.web.link import is_in_lan

    manager, service = Manager(settings, find_supervisor(settings)), find(NAME)
    if not await is_in_lan(settings) and (await manager.status(service)).runs == "on demand":
        with progress_shown() as report:
            await manager.restart(service, report)


def lan_notes(settings: Settings, link: str) -> list[str]:
    """Return notes for a person who connects with a phone."""
    from voicemode.transports.livekit.access import find_access
    from voicemode.web.certificate import certificate_file, fingerprint

    notes = [
        "",
        "The browser warns of the certificate, because this machine made it itself. Its SHA-256 fingerprint is",
        fingerprint(certificate_file(settings)),
        f"To have a phone trust it, open there: {link.partition('#')[0]}voicemode.crt",
    ]
    # A LiveKit server named in the settings is configured by its owner.
    if find_access(settings) and not (settings.livekit_url or settings.livekit_lan):
        notes += ["", "Sound will not reach a phone yet: voicemode config set VOICEMODE_LIVEKIT_LAN true"]
    return notes


def code_of(link: str) -> list[str]:
    """Return the link as a QR code, black on white whatever the terminal's colours; nothing if stdout is no terminal."""
    if not sys.stdout.isatty():
        return []
    import io

    import segno

    drawn = io.StringIO()
    segno.make(link, error="l", micro=False).terminal(out=drawn, compact=True, border=2)
    return [click.style(line, fg="bright_white", bg="black") for line in drawn.getvalue().splitlines()]


def shown(link: str, settings: Settings) -> bool:
    """Open `link` in a graphical browser; True once the browser has used the link.

    Every user of this machine can read the browser's command line, so that names a file which redirects to the link and which
    only this user can read. A sandboxed browser may be unable to read that file.
    """
    import webbrowser

    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    # A browser inside the terminal has no microphone.
    if type(browser) is webbrowser.GenericBrowser:
        return False
    file = settings.state_dir / "frontend-open.html"
    write_atomically(file, REDIRECT.format(html.escape(link)).encode())
    if not (browser.open(file.as_uri()) and used(link, settings)):
        return False
    file.unlink(missing_ok=True)
    return True


def used(link: str, settings: Settings) -> bool:
    """Wait until `link` has been used; True then, False after OPEN_SECONDS."""
    from voicemode.web.entry import pairing_codes

    code, codes, deadline = (
        link.partition("#pair=")[2].partition("&")[0],
        pairing_codes(settings),
        time.monotonic() + OPEN_SECONDS,
    )
    while codes.left_seconds(code):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
