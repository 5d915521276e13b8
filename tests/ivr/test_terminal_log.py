"""`hatif up` on a terminal: each event of the supervisor is a sentence for people, in colour where that is possible."""

import ast
import io

import pytest
from rich.console import Console

from cli.processes import terminal_log
from cli.processes.terminal_log import format_event, render
from ivr.home.settings import CHECKOUT


def recorded() -> set[str]:
    """Return the events that the supervisor can log."""
    tree = ast.parse((CHECKOUT / "ivr" / "process" / "supervisor.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_log"]
    names = {call.args[1].value for call in calls if isinstance(call.args[1], ast.Constant)}
    return {str(name) for name in names} | {"process had to be killed", "process cannot be ended"}


def test_each_event_of_the_supervisor_has_a_sentence() -> None:
    assert recorded() == set(terminal_log._SENTENCES)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (
            {"event": "process ready", "process": "ivr", "pid": 12, "took_s": 1.234},
            "The controller is ready after 1.2 s (pid 12).",
        ),
        (
            {
                "event": "process restarted",
                "process": "ivr",
                "pid": 13,
                "gap_ms": 190.0,
                "reason": "was killed by SIGKILL",
            },
            "The controller was killed by SIGKILL, and was started again 0.2 s later (pid 13).",
        ),
        (
            {"event": "process is slow to start", "process": "ivr", "pid": 14, "after_s": 20.0, "load": 18.2},
            "The controller is not ready after 20 s, but works on its start; it gets more time. The machine's load is"
            " 18.2.",
        ),
        (
            {"event": "process hangs; it is killed", "process": "desk", "pid": 15, "silent_s": 10.2},
            "The desk has shown no sign of life for 10 s, and is killed (pid 15).",
        ),
        ({"event": "stopping", "signal": "SIGTERM"}, "Stopping (SIGTERM)."),
        ({"event": "stopping", "signal": "SIGINT"}, "Stopping. Another Ctrl-C kills all processes at once."),
        ({"event": "of another \x1b[31mmodule", "level": "info", "port": 8070}, "of another ?[31mmodule port=8070"),
    ],
)
def test_an_event_is_a_sentence(event: dict[str, object], sentence: str) -> None:
    assert format_event(event) == sentence


def test_warnings_have_a_colour_on_a_terminal_only() -> None:
    event = {"event": "killing the remaining processes", "level": "warning", "node": "rabat-1", "timestamp": "…"}
    coloured = render(None, "", event, Console(force_terminal=True, color_system="standard", file=io.StringIO()))
    plain = render(None, "", event, Console(file=io.StringIO(), width=20))
    assert "\x1b[33m" in coloured
    assert plain[8:] == "  Killing the processes that are still running." and plain[2] == plain[5] == ":"
    assert "rabat-1" not in plain


def test_an_error_keeps_its_traceback() -> None:
    event = {"event": "failed", "level": "error", "exception": "Traceback (most recent call last): …"}
    assert render(None, "", event, Console(file=io.StringIO())).endswith(
        "  failed\nTraceback (most recent call last): …"
    )
