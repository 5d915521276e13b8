"""A browser on another machine: the desk by TLS, and a call that survives a change of that machine's address."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from browser_telephone import started, when
from conftest import LONE_OFFSET, short_folder
from desk_pages import DeskPages
from forks import NOT_ROOT
from levels import longest_silence
from line import Line
from other_machine import OtherMachine, other_machine
from playwright.async_api import Browser
from talking import CALLER_HZ, call_id, kinds

from ivr.softphone.telephone import Telephones

pytest_plugins = ["browser"]

CALLER = "+33613000931"
OTHER_HZ = CALLER_HZ + 200


@pytest.fixture(scope="module")
def machine() -> Iterator[OtherMachine]:
    with other_machine() as found:
        yield found


@pytest.fixture(scope="module")
async def desk_line(machine: OtherMachine, scripts: None) -> AsyncIterator[Line]:
    """A line whose desk listens to other machines, with a certificate that it makes itself."""
    with short_folder("hatif-other-") as folder:
        line = Line(Path(folder), LONE_OFFSET)
        line.environment[NOT_ROOT] = "1"  # Hatif serves no other machines as root
        line.desk_host = machine.here
        site = line.site / "site.toml"
        text = site.read_text().replace("[desk]\nenabled = false", f'[desk]\nenabled = true\nlisten = "{machine.here}"')
        text = text.replace('sip_bind = "127.0.0.1"', 'sip_bind = "0.0.0.0"')
        network = f"{machine.here.rpartition('.')[0]}.0/24"  # the gate refuses telephones of any other
        site.write_text(text.replace('networks = ["127.0.0.0/8"]', f'networks = ["127.0.0.0/8", "{network}"]'))
        try:
            await line.up()
            yield line
        finally:
            await line.down()


@pytest.fixture(scope="module")
async def browser(machine: OtherMachine, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    async with started(tmp_path_factory.mktemp("browser"), machine=machine) as found:
        yield found


async def test_a_call_of_another_machine_survives_a_change_of_its_address(
    desk_line: Line,
    telephones: Telephones,
    machine: OtherMachine,
    desk_pages: DeskPages,
    record_property: Callable[[str, object], None],
) -> None:
    operator = desk_line.speaks("fr")
    desk = await desk_pages.open(operator, ignore_https_errors=True)
    assert desk.page.url.startswith(f"https://{machine.here}:")
    await desk.start_telephone()
    call = await desk_line.asks_for_operator(telephones, CALLER)
    call.tone(CALLER_HZ)
    await desk.takes()
    await call.hears_tone(desk.heard_hz)
    await desk.hears_tone(CALLER_HZ)
    await desk.page.evaluate("ask('mute')")
    before, since, began = call_id(desk_line, CALLER), call.clock, time.monotonic()
    await machine.moves(without_s=1)
    for call_state in ("none", "talking"):
        await when(desk.page, "state => now.call === state", call_state, 10)
    await when(desk.page, "() => now.muted")
    await desk.page.evaluate("ask('mute')")
    await call.hears_tone(desk.heard_hz)
    took = time.monotonic() - began
    call.tone(OTHER_HZ)
    await desk.hears_tone(OTHER_HZ)
    record_property("from the loss of the address to audio again, s", round(took, 2))
    silence_s = longest_silence(call.heard(since)).length_s
    record_property("longest silence for the caller, s", round(silence_s, 2))
    await call.hears(desk_line.audio("fr", "moment")[:6000], since_s=since)
    assert call_id(desk_line, CALLER) == before
    await desk.page.evaluate("ask('hangup')")  # which Asterisk hears from the new address
    await desk_line.until_state(operator, "wrapping_up")
    await call.hangup()
    happened = kinds(await desk_line.story(CALLER))
    assert happened.count("page_gone") == happened.count("page_back") == happened.count("connected") == 1
    assert desk.errors == []
