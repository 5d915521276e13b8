"""A link to Asterisk that lives and brings nothing, or rubbish: the controller notices, and connects anew."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import warm_up
from asterisk_relay import Change, Relay, frames, paragraphs, with_rubbish, without_events
from conftest import LONE_OFFSET, short_folder
from line import Line

from ivr.home.heartbeat import boot_time, last_beat
from ivr.softphone.telephone import Telephones

NOTICED_S = 6.0
"""3 s are promised; the rest is for a busy machine."""

FAULTS = """
from ivr.controller import controller

link, ami = controller.Link, controller.Ami
controller.Link = lambda base, *names: link("http://127.0.0.1:{ari}", *names)
controller.Ami = lambda host, port, *names: ami(host, {ami}, *names)
"""
"""Injected into the controller: its links to Asterisk go through the test's relays."""


class Links(NamedTuple):
    """A line and the relays between its controller and its Asterisk."""

    line: Line
    ari: Relay
    ami: Relay


@pytest.fixture(scope="module")
async def links() -> AsyncIterator[Links]:
    offset = LONE_OFFSET
    with (
        short_folder("hatif-lone-") as folder,
        Relay(8088 + offset, frames) as ari,
        Relay(5038 + offset, paragraphs) as ami,
    ):
        line = Line(Path(folder), offset)
        (line.home / warm_up.FAULTS).write_text(FAULTS.format(ari=ari.port, ami=ami.port))
        try:
            await line.up()
            yield Links(line, ari, ami)
        finally:
            await line.down()


def serves(line: Line) -> bool:
    """Return whether the controller tells the guard that it serves calls."""
    beat = last_beat(line.home / "run" / "ivr.serves")
    return beat is not None and boot_time() - beat < 1.5


def check(line: Line, name: str) -> bool:
    """Return whether a check of `hatif status` is green."""
    checks = json.loads(line.process("status", "--json").stdout)["checks"]
    ok: bool = next(row["ok"] for row in checks if row["name"] == name)
    return ok


async def test_a_controller_that_hears_of_nothing_any_more_connects_anew_and_finds_who_is_gone(
    links: Links, telephones: Telephones
) -> None:
    line, ari, _ = links
    gone, stays = [await line.waiting(telephones, f"+3314000050{n}") for n in (1, 2)]
    controller, made = line.pid("ivr"), ari.connections
    with ari.changing(without_events, later=False):
        await gone.hangup()
        await line.until(lambda: ari.connections > made, NOTICED_S, "the controller has connected anew")
        assert (await line.story("+33140000501"))["call"]["outcome"] == "abandoned"
        await line.until(lambda: line.status().get("calls") == {"waiting": 1}, 3, "one caller waits")
        new = await line.dial(telephones, "+33140000503")
        await new.hears(line.audio("fr", "language_option"))
    assert line.pid("ivr") == controller
    assert "its events do not come" in line.logged()
    for call in (new, stays):
        await call.hangup()


@contextmanager
def changed(relay: Relay, change: Change | None) -> Iterator[None]:
    """Change all messages inside the block, or pass none."""
    with relay.silent() if change is None else relay.changing(change, later=True):
        yield


@pytest.mark.parametrize("change", [without_events, None, with_rubbish], ids=["no events", "nothing", "rubbish"])
async def test_a_controller_does_not_say_that_it_serves_calls_until_events_come(
    links: Links, change: Change | None
) -> None:
    line, ari, _ = links
    await line.until(lambda: serves(line) and line.status().get("serves") is True, 8, "calls are served")
    with changed(ari, change):
        await line.until(lambda: not serves(line), NOTICED_S, "the controller does not claim to serve calls")
        assert not check(line, "controller")
        assert not serves(line)  # new connections bring no events either
    # An attempt to connect that was lost is given up after 5 s.
    await line.until(lambda: serves(line) and line.status().get("serves") is True, 12, "calls are served")


@pytest.mark.parametrize("change", [without_events, None], ids=["no events", "nothing"])
async def test_a_link_to_the_manager_without_events_is_noticed_and_made_anew(
    links: Links, change: Change | None
) -> None:
    line, _, ami = links
    made = ami.connections
    with changed(ami, change):
        await line.until(lambda: line.status().get("ami") is False, NOTICED_S, "the manager's link counts as lost")
        assert not check(line, "controller")
    await line.until(lambda: line.status().get("ami") is True, 8, "the manager's link is back")
    assert ami.connections > made
