"""Operators outside the house: their softphones use TLS and SRTP, and nothing else is let in."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from certificates import Authority
from conftest import LONE_OFFSET, short_folder
from drivers import Baresip, Pjsua
from line import Line
from offers import french
from softphone import SAYS_HZ, Softphone
from talking import CALLER_HZ, hears_music

from ivr.home import credentials
from ivr.softphone.telephone import Telephones

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
async def outside(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Line, Authority]]:
    """A line whose French operators are outside."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    certificate, key = authority.sign("line", "IP:127.0.0.1")
    with short_folder("hatif-out-") as folder:
        line = Line(Path(folder), LONE_OFFSET)
        path = line.site / "site.toml"
        listed = json.dumps(french(line, 3))
        text, count = re.subn(r"(?m)^\[operators\]\n", f"[operators]\noutside = {listed}\n", path.read_text())
        assert count
        files = f'certificate = "{certificate}"\nkey = "{key}"\nauthorities = "{authority.file}"\n'
        path.write_text(f"{text}\n[sip]\n{files}")
        try:
            await line.up()
            yield line, authority
        finally:
            await line.down()


@pytest.mark.parametrize(("kind", "number"), [(Baresip, 0), (Pjsua, 1)], ids=lambda kind: getattr(kind, "name", ""))
async def test_a_softphone_outside_talks_over_tls_and_srtp(
    outside: tuple[Line, Authority], telephones: Telephones, tmp_path: Path, kind: type[Softphone], number: int
) -> None:
    line, authority = outside
    operator = french(line, 3)[number]
    phone = kind(tmp_path / kind.name, "127.0.0.31")
    phone.authorities = authority.file
    told = line.json("operators", "phone", operator)
    assert (told["transport"], told["encryption"]) == ("TLS", "SRTP (SDES), required")
    try:
        await phone.register(operator, told["password"], f"127.0.0.1:{5061 + line.offset}")
        await line.until_state(operator, "ready")
        call = await line.asks_for_operator(telephones, "+33658000001")
        call.tone(CALLER_HZ)
        await phone.rung(1)
        await phone.answer()
        await call.hears_tone(SAYS_HZ, 8)
        await phone.hears_tone(CALLER_HZ)
        (leg,) = [item for item in line.ari("GET", "/channels") if item["name"].startswith(f"PJSIP/{operator}-")]
        for variable in ("CHANNEL(pjsip,secure)", "CHANNEL(rtp,secure,audio)"):
            assert line.ari("GET", f"/channels/{leg['id']}/variable", variable=variable)["value"] == "1", variable
        if kind.holds_encrypted:
            await phone.hold()
            await hears_music(call, call.clock, 8)
            await phone.resume()
            await call.hears_tone(SAYS_HZ, 8)
        await call.hangup()
        await line.until_state(operator, "ready")
        await phone.dial("*112")
        await line.until_state(operator, "paused")
    finally:
        await phone.close()


async def test_a_telephone_of_such_an_operator_without_tls_is_not_registered_and_cannot_call(
    outside: tuple[Line, Authority], telephones: Telephones
) -> None:
    line, _ = outside
    operator = french(line, 3)[2]
    phone = telephones.operator(operator, credentials.load(line.home, ()).operators[operator], line.sip)
    await phone.register()
    await line.until(lambda: "registered without TLS" in line.logged(), 5, "it is noticed")
    await line.until(lambda: not line.ari("GET", f"/endpoints/PJSIP/{operator}")["channel_ids"], 5, "no call")
    assert not line.control("GET", f"/operators/{operator}")["telephone"]
    assert not await line.contacts(operator)
    code = await phone.dial("*10")
    ended = await code.ended(5)
    assert ended.status in (403, 488, 603)
    await asyncio.sleep(0.5)
    assert line.operator_state(operator) == "away"
