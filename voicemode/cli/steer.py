"""`voicemode stop | skip | send | mute | unmute | hold | now`: steer conversations from another terminal or with a hot key."""

import json
import os
import select
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict
from typing import Literal

import click

from voicemode.cli.errors import plain_failures
from voicemode.control.client import Told, ask, visiting
from voicemode.control.doors import begins_muted, folder, keep_muted
from voicemode.control.messages import ControlReply, Verb
from voicemode.errors import Remedy, SteeringError

NOBODY = {
    Verb.STOP: "Nobody is speaking or listening now.",
    Verb.SKIP: "Nobody is speaking now.",
    Verb.SEND: "Nobody is listening now.",
    Verb.HOLD: "Nobody is speaking or listening now.",
    Verb.PRESS: "Nobody is speaking or listening now.",
    Verb.RELEASE: "Nothing is held.",
}
"""Messages for commands that had no effect on any program."""
LOOK_UP_SECONDS = 0.5
"""Seconds between checks for Ctrl-C, which does not interrupt `select` on Windows."""


@click.command()
def stop() -> None:
    """Stop speaking and listening, and end the turn."""
    order(Verb.STOP, "Stopped.")


@click.command()
def skip() -> None:
    """Skip the rest of the message, and go on with listening."""
    order(Verb.SKIP, "Skipped.")


@click.command()
def send() -> None:
    """End your turn: what you have said so far is the answer."""
    order(Verb.SEND, "Sent.")


@click.command()
@click.argument("state", type=click.Choice(["on", "off", "toggle"]), default="on")
def mute(state: Literal["on", "off", "toggle"]) -> None:
    """Mute the microphone in all conversations until `voicemode unmute`; `voicemode hold` is heard all the same.

    Conversations that begin later are muted, too.

    STATE: on (if left out), off, or toggle.
    """
    switch(state)


@click.command()
def unmute() -> None:
    """Unmute the microphone."""
    switch("off")


@click.command()
@click.option("--down", "verb", flag_value=Verb.PRESS, type=Verb, help="Only begin, and return at once; --up ends it.")
@click.option("--up", "verb", flag_value=Verb.RELEASE, type=Verb, help="End what --down began.")
def hold(verb: Verb | None) -> None:
    """Push-to-talk: record while this command runs. Then your turn is over, and exactly that recording is your answer.

    In a terminal, Enter or Ctrl-C ends it. A program that watches a key starts it when the key goes down and ends it, in
    whatever way, when the key comes up; one that can only run a command for each uses --down and --up.
    """
    match verb:
        case Verb.PRESS:
            order(verb, "Recording until: voicemode hold --up")
        case Verb.RELEASE:
            order(verb, "Sent.")
        case _:
            stay()


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def now(*, as_json: bool) -> None:
    """Show who is speaking, listening or muted, in a line for each running conversation."""
    with plain_failures():
        told = ask(Verb.LOOK, folder())
    if as_json:
        click.echo(json.dumps([shown(answer) for answer in told.answers]))
    elif told.answers or not told.silent:
        click.echo("\n".join(map(described, told.answers)) or "No conversation is running.")
    if told.silent:
        click.echo(f"{count(told.silent)} did not answer.", err=True)


def order(verb: Verb, done: str) -> None:
    """Send `verb` to all programs; print `done`, or exit with code 1 if the command had no effect."""
    with plain_failures():
        told = ask(verb, folder())
        check(told, verb)
    click.echo(done)


def switch(state: Literal["on", "off", "toggle"]) -> None:
    with plain_failures():
        on = state == "on" or (state == "toggle" and not muted(ask(Verb.LOOK, folder())))
        try:
            keep_muted(folder(), on)
        except OSError as error:
            raise SteeringError(f"That cannot be written down for conversations that begin later: {error}") from error
        told = ask(Verb.MUTE if on else Verb.UNMUTE, folder())
        if told.silent:
            raise SteeringError(f"{count(told.silent)} did not answer, and may still {'hear you' if on else 'be muted'}.")
    click.echo("Muted: nothing is heard." if on else "No longer muted.")


def muted(told: Told) -> bool:
    """True if every conversation is muted; without any, if new ones begin muted."""
    return all(answer.muted for answer in told.answers) if told.answers else begins_muted(folder())


def stay() -> None:
    """Hold until Enter, Ctrl-C, or the end of this process."""
    with plain_failures(), visiting(Verb.HOLD, folder()) as visit:
        check(visit.told, Verb.HOLD)
        at_terminal = sys.stdin is not None and sys.stdin.isatty()
        with enter() if at_terminal else nullcontext() as key, suppress(KeyboardInterrupt):
            click.echo(f"Recording until {'Enter' if at_terminal else 'this command ends'}.", err=True)
            wait(visit.connections, key)
    click.echo("Sent.")


def enter() -> socket.socket:
    """Return a socket that closes when Enter is pressed. `select` on Windows accepts nothing but sockets."""
    ours, theirs = socket.socketpair()

    def read() -> None:
        with theirs:
            # Reading `sys.stdin` would hold its lock when the interpreter exits.
            os.read(sys.stdin.fileno(), 1024)

    threading.Thread(target=read, name="enter", daemon=True).start()
    return ours


def wait(programs: Sequence[socket.socket], key: socket.socket | None) -> None:
    """Return when `key` closes. Raises SteeringError when the last of `programs` does."""
    left = set(programs)
    while left:
        ended, _, _ = select.select([*left, *([key] if key else [])], [], [], LOOK_UP_SECONDS)
        left.difference_update(ended)
        if key in ended:
            return
    raise SteeringError("The conversation has ended.")


def check(told: Told, verb: Verb) -> None:
    """Raise SteeringError if no program carried out `verb`."""
    if told.did:
        return
    if told.silent:
        raise SteeringError(f"{count(told.silent)} did not answer.", hint="If that goes on, restart the agent.")
    if not told.answers:
        raise SteeringError(
            "No conversation is running.", hint=Remedy("Begin one with an agent, or", 'voicemode converse "Hello"')
        )
    raise SteeringError(NOBODY[verb])


def count(programs: int) -> str:
    return "1 running conversation" if programs == 1 else f"{programs} running conversations"


def described(answer: ControlReply) -> str:
    """Describe the state of a program: `listening     muted  /home/me/project  (pid 4711)`."""
    marks = [mark for mark in ("muted", "held") if getattr(answer, mark)]
    return "  ".join([f"{answer.doing:12}", *marks, answer.folder, f"(pid {answer.pid})"])


def shown(answer: ControlReply) -> dict[str, object]:
    """Return the state of a program as `voicemode now --json` prints it, for status bars."""
    return {name: value for name, value in asdict(answer).items() if name != "did"}
