"""How a service is, judged from facts, and how a person reads it."""

import re
from dataclasses import replace

import pytest

from voicemode.errors import Remedy
from voicemode.progress import Progress
from voicemode.services.failure import ServerFailure, understand
from voicemode.services.health import Health
from voicemode.services.port_owner import Owner
from voicemode.services.status import Facts, ServiceStatus, judge
from voicemode.services.status_text import glance
from voicemode.services.supervisors.supervisor import Supervised
from voicemode.services.vitals import Vitals

ABSENT = Facts(
    name="kokoro",
    title="Kokoro text-to-speech",
    installed=True,
    on_demand=True,
    port=8880,
    port_setting="VOICEMODE_KOKORO_PORT",
    log="/logs/kokoro.log",
    supervisor="systemd",
    supervised=None,
    health=None,
    owner=None,
    ours=False,
)
RUNNING = Supervised(state="running", enabled=True, pid=70)
READY = replace(
    ABSENT,
    supervised=RUNNING,
    health=Health("voicemode-kokoro", "ready", "kokoro", "1.2.0", 70, requests=1284),
    owner=Owner(70, "python3", "me", mine=True, command=("python3", "serve")),
    ours=True,
    vitals=Vitals(273_600.0, 412_000_000, 0.34),
)
NGINX = Owner(812, "nginx", "www-data")


def test_one_that_runs_as_it_should_has_no_remedy() -> None:
    status = judge(READY)
    assert (status.word, status.runs, status.enabled, status.well) == ("ready", "systemd", True, True)
    assert (status.pid, status.requests, status.model, status.version) == (70, 1284, "kokoro", "1.2.0")
    assert (status.memory_bytes, status.cpu_percent, status.port_owner) == (412_000_000, 0.3, "")
    assert str(status.remedy) == ""


@pytest.mark.parametrize(
    ("owner", "supervised", "runs"),
    [
        (Owner(71, mine=True, ancestors=(70, 1)), RUNNING, "systemd"),
        (Owner(70, mine=True, command=("python", "--idle-minutes", "15")), None, "on demand"),
        (Owner(70, mine=True, command=("python", "serve", "kokoro")), None, "by hand"),
        (Owner(70, mine=True), Supervised(state="stopped", enabled=False), "by hand"),
    ],
    ids=["a child of the supervised", "started by an agent", "started in a terminal", "while the service is stopped"],
)
def test_who_keeps_it_running_is_told(owner: Owner, supervised: Supervised | None, runs: str) -> None:
    assert judge(replace(READY, owner=owner, supervised=supervised)).runs == runs


def test_one_that_is_not_installed_says_how_that_is_done() -> None:
    status = judge(ABSENT)
    assert (status.state, status.word, status.runs, status.well) == ("absent", "not running", "on demand", True)
    assert str(status.remedy) == "It starts when it is needed; to have it always: voicemode service install kokoro"
    missing = judge(replace(ABSENT, installed=False))
    assert (missing.runs, missing.remedy) == ("", Remedy("Install it", "voicemode service install kokoro"))


def test_where_nothing_supervises_it_says_what_starts_it() -> None:
    alone = replace(ABSENT, supervisor="none")
    status = judge(alone)
    assert (status.runs, status.well, status.remedy) == ("on demand", True, Remedy("It starts when it is needed"))
    assert "○ kokoro   not running" in glance([status])
    assert "starts on demand" in glance([status])
    by_hand = judge(replace(alone, on_demand=False))
    assert (by_hand.runs, by_hand.remedy) == ("by hand", Remedy("Start it", "voicemode service start kokoro"))
    assert judge(replace(alone, installed=False)).remedy == Remedy("Install it", "voicemode service install kokoro")


def test_one_that_was_stopped_says_how_to_start_it() -> None:
    status = judge(replace(ABSENT, supervised=Supervised(state="stopped", enabled=True)))
    assert (status.state, status.well, str(status.remedy)) == ("stopped", True, "Start it: voicemode service start kokoro")


def test_one_whose_engine_cannot_be_loaded_says_why() -> None:
    status = judge(replace(READY, health=Health("voicemode-kokoro", "failed", pid=70, error="No weights. Get some.")))
    assert (status.word, status.problem, str(status.remedy)) == (
        "broken",
        "No weights. Get some.",
        "Look into its log: voicemode service logs kokoro",
    )


@pytest.mark.parametrize("state", ["failed", "starting"])
def test_one_that_ends_again_and_again_is_explained_by_what_it_wrote_down(state: str) -> None:
    seen = Supervised(state="failed" if state == "failed" else "starting", enabled=True, restarts=4, reason="exit code 1")
    failure = understand("kokoro", ModuleNotFoundError("No module named 'numpy'"))
    status = judge(replace(ABSENT, supervised=seen, failure=failure, last_words="numpy"))
    assert status.state == state
    assert status.problem.startswith("It ended 5 times in a row. Its environment is incomplete (ModuleNotFoundError")
    assert status.remedy == Remedy("Install it again", "voicemode service install kokoro")


def test_one_that_failed_when_it_was_needed_says_why_until_it_is_started_again() -> None:
    status = judge(
        replace(
            ABSENT,
            failure=ServerFailure("The disk is full.", Remedy("Free some space, then", "voicemode service start kokoro")),
        )
    )
    assert status.problem == "Its last run failed. The disk is full."
    assert status.remedy == Remedy("Free some space, then", "voicemode service start kokoro")


def test_one_that_ended_once_and_comes_again_is_only_starting() -> None:
    seen = Supervised(state="starting", enabled=True, restarts=1, reason="signal 9")
    assert judge(replace(ABSENT, supervised=seen)).well


def test_a_stranger_on_the_port_is_named_and_left_alone() -> None:
    status = judge(replace(ABSENT, owner=NGINX, health=Health(), supervised=Supervised(state="failed", enabled=True)))
    assert (status.ours, status.port_owner) == (False, "nginx (pid 812, user www-data)")
    assert status.problem == "Port 8880 is taken by nginx (pid 812, user www-data), which is left alone."
    assert str(status.remedy) == "End that program, or choose another port: voicemode config set VOICEMODE_KOKORO_PORT 8881"


def test_a_kokoro_of_somebody_else_is_used_unless_a_service_wants_its_port() -> None:
    theirs = replace(ABSENT, owner=Owner(), health=Health("voicemode-kokoro", "ready"))
    assert judge(theirs).well
    assert "is not yours" in judge(replace(theirs, supervised=RUNNING)).problem


def test_a_glance_at_one_that_runs() -> None:
    assert glance([judge(READY)], width=80).splitlines() == [
        "● kokoro   ready                                       systemd, starts by itself",
        "  Kokoro text-to-speech 1.2.0 · model kokoro",
        "  port 8880, ours · pid 70 · up 3 d 4 h · 412 MB · 0 % CPU · 1,284 requests",
        "  log /logs/kokoro.log",
    ]


def test_a_glance_at_one_whose_port_is_taken() -> None:
    taken = replace(ABSENT, owner=NGINX, supervised=Supervised(state="failed", enabled=False, restarts=1))
    assert glance([judge(taken)], width=80).splitlines() == [
        "● kokoro   failed                              systemd, does not start by itself",
        "  Kokoro text-to-speech · port 8880, taken · restarted 1 time",
        "  Port 8880 is taken by nginx (pid 812, user www-data), which is left alone.",
        "  → End that program, or choose another port:",
        "    voicemode config set VOICEMODE_KOKORO_PORT 8881",
        "  log /logs/kokoro.log",
    ]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal_but_commands_and_paths(width: int) -> None:
    statuses = [judge(facts) for facts in (READY, ABSENT, replace(ABSENT, owner=NGINX))]
    for line in glance(statuses, width=width).splitlines():
        assert len(line) <= max(width, 66) or re.search("voicemode |/logs", line), line


def test_colours_are_put_around_words_and_never_change_the_layout() -> None:
    painted = glance([judge(READY)], paint=lambda text, tone: f"<{tone}>{text}</>")
    assert "<good>ready</>" in painted
    assert re.sub(r"<\w*>|</>", "", painted) == glance([judge(READY)])


FETCHING = Progress("downloading", "kokoro", done=49.2e6, total=120e6)


def test_loading_is_told_with_what_it_does() -> None:
    loading = Health("voicemode-kokoro", "loading", "kokoro", "1", 70, progress=FETCHING)
    shown = glance([judge(replace(READY, health=loading))])
    assert "◐ kokoro   loading" in shown
    assert "downloading kokoro: 41 % of 120 MB" in shown


def test_the_last_error_of_a_request_is_shown() -> None:
    status: ServiceStatus = replace(judge(READY), last_error="No such voice.")
    assert "  last error: No such voice." in glance([status])
