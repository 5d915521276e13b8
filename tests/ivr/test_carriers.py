"""Carriers, limits of simultaneous calls and audio rules: what administrators see, and what a site can set.

What is refused, and how, is in `test_asterisk_running` and `test_firewall` of `tests/asterisk_conf`.
"""

import asyncio
import os
import re
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.error import HTTPError

import pytest
from asterisk_sip import Telephone
from half_open_calls import HalfOpenCalls
from line import CACHE, FRENCH_NUMBER, Line
from shell import command

from asterisk_conf.pjsip import sections
from background.telephone_ticket import GATE
from cli import firewall
from cli.asterisk_parts import AsteriskParts
from cli.output import Bar
from ivr.home.settings import CHECKOUT
from ivr.site.site import SiteError

CALLER = "+33612345670"


async def test_a_refused_call_is_counted_in_the_status_and_logged(line: Line) -> None:
    before, seen = line.json("status")["refused"]["number"], len(line.logged())
    with ExitStack() as phones:
        carriers = [phones.enter_context(Telephone("127.0.0.2", 5060 + line.offset, CALLER)) for _ in range(5)]
        answers = [carrier.invite(FRENCH_NUMBER) for carrier in carriers]
        assert [answer.status for answer in answers] == [200, 200, 200, 486, 486]
        await line.until(lambda: "Calls are refused" in line.logged(seen), 3, "it is logged")
        for carrier, answer in zip(carriers[:3], answers, strict=False):
            assert carrier.hang_up(answer, FRENCH_NUMBER).status == 200
    assert line.logged(seen).count("Calls are refused") <= 2  # at most one in ten seconds
    assert CALLER not in line.logged(seen)
    assert line.json("status")["refused"]["number"] == before + 2
    assert "Refused calls" in line.run("status").stdout


async def test_ordinary_callers_of_an_address_are_answered_while_half_calls_fill_it(
    line: Line, record_property: Callable[[str, object], None]
) -> None:
    """From one address, which may have 60: 40 calls of one number and three times as many of others as it may have,
    all unconfirmed, then ten ordinary ones."""
    sip = 5060 + line.offset
    try:
        with ExitStack() as phones:
            for callers in (["+33612000000"] * 40, [f"+3361{index:07}" for index in range(1, 181)]):
                phones.enter_context(HalfOpenCalls("127.0.0.2", sip, FRENCH_NUMBER, callers)).statuses()
            # By itself Asterisk would give up the first call after 16 s.
            await line.until(lambda: 0 < len(line.left()) <= 40, 8, "the half-open calls have made room")
            ordinary, seconds = [], []
            for index in range(10):
                phone = phones.enter_context(Telephone("127.0.0.2", sip, f"+3362{index:07}"))
                phone.signalling.settimeout(10)
                began = time.monotonic()
                ordinary.append((phone, phone.invite(FRENCH_NUMBER)))
                seconds.append(time.monotonic() - began)
            assert [answer.status for _, answer in ordinary] == [200] * 10
            record_property("ten calls among half-open calls, the slowest answer in ms", round(1000 * max(seconds)))
            # None of these is ended, whatever else comes.
            callers = [f"+3363{index:07}" for index in range(100)]
            phones.enter_context(HalfOpenCalls("127.0.0.2", sip, FRENCH_NUMBER, callers)).statuses()
            await asyncio.sleep(1)  # answers are repeated after 0.25 s, so that the guard ends the oldest
            assert [phone.hang_up(answer, FRENCH_NUMBER).status for phone, answer in ordinary] == [200] * 10
    finally:
        for channel in line.ari("GET", "/channels"):
            with suppress(HTTPError):  # it has just been ended
                line.ari("DELETE", f"/channels/{channel['id']}")


def test_a_stranger_who_calls_under_the_name_of_any_endpoint_is_not_answered(line: Line) -> None:
    text = (line.home / "asterisk" / "etc" / "pjsip.conf").read_text(encoding="utf-8")
    endpoints = sorted(item.name for item in sections(text) if item.get("type") == "endpoint")
    assert len(endpoints) == len(line.settings.carrier) + len(line.operators)
    for name in endpoints:
        # In From, and in the Authorization of a second request.
        for user, password in ((name, ""), ("+33612345678", "wrong-password-of-16")):
            with Telephone("127.0.0.3", 5060 + line.offset, user, password, account=name) as stranger:
                asserted = "P-Asserted-Identity: <sip:+33698765432@carrier.example>\r\n"
                assert stranger.invite(FRENCH_NUMBER, asserted).status == 401, name
    assert line.left() == []


def composed(folder: Path, limits: str, monkeypatch: pytest.MonkeyPatch, *edits: tuple[str, str]) -> AsteriskParts:
    """Return the example site with other `[limits]`, and with `edits` of single lines."""
    for name in ("site.toml", "operators.csv"):
        (folder / name).write_text((CHECKOUT / "sites" / "consulate" / name).read_text(encoding="utf-8"))
    text, count = re.subn(r"(?ms)^\[limits\]\n.*?(?=^$)", limits, (folder / "site.toml").read_text(encoding="utf-8"))
    assert count == 1
    for old, new in edits:
        text, count = re.subn(rf"(?m)^{old}$", new, text)
        assert count == 1, old
    (folder / "site.toml").write_text(text)
    monkeypatch.setenv("HATIF_HOME", str(folder / "home"))
    monkeypatch.setenv("HATIF_SITE", str(folder))
    monkeypatch.setenv("HATIF_INSTALL", str(CACHE))
    return AsteriskParts()


def test_callers_have_the_ports_that_operators_do_not_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = composed(tmp_path, "", monkeypatch)
    limits = parts.plan.limits
    assert (limits.by_number, limits.by_source, limits.in_all) == (3, 60, 500 - 2 * len(parts.operators))


def test_a_site_can_set_each_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added = "[limits]\ncalls_by_number = 5\ncalls_by_source = 90\ncalls_in_all = 200\n"
    parts = composed(tmp_path, added, monkeypatch, ("codecs = .*", "calls_by_source = 150"))
    limits = parts.plan.limits
    assert (limits.by_number, limits.by_source, limits.in_all) == (5, 90, 200)
    assert [parts.site.calls_by_source(source) for source in ("127.0.0.2", "192.0.2.1")] == [150, 90]
    with Bar() as bar:
        assert [item.most_calls for item in parts.conf(bar).carriers] == [150]


def test_a_site_whose_operators_need_all_ports_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = composed(tmp_path, "", monkeypatch)
    rows = "".join(f"{number},Somebody,fr:5,,no\n" for number in range(2000, 2260))
    with (tmp_path / "operators.csv").open("a", encoding="utf-8") as file:
        file.write(rows)
    assert [finding.code for finding in parts.findings()] == ["E_OPERATOR_PORTS"]
    with pytest.raises(SiteError, match=r"operators.csv:1: E_OPERATOR_PORTS 303 operators leave none of the 500 pairs"):
        _ = parts.plan
    site = tmp_path / "site.toml"
    site.write_text(site.read_text().replace("# [sip]\n", "[sip]\naudio_ports = 3000\n"))
    wider = AsteriskParts()
    assert wider.findings() == [] and wider.plan.limits.in_all == 1500 - 2 * 303
    assert (wider.ports.rtp_first, wider.ports.rtp_last) == (10000, 12999)


def test_the_audio_rules_contain_every_carrier_and_the_operators(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = 'media = ["192.0.2.0/28", "198.51.100.7"]\ncodecs = ["alaw"]'
    networks = 'networks = ["10.1.0.0/16"]'
    hosts = 'hosts = ["10.1.0.1"]'
    parts = composed(
        tmp_path, "", monkeypatch, ("codecs = .*", media), ("networks = .*", networks), ("hosts = .*", hosts)
    )
    text = firewall.rules(parts)
    rules = [line.strip() for line in text[text.index("chain audio") :].splitlines() if "comment" in line]
    assert rules.pop() == f'ip saddr {GATE} meta skuid != {tmp_path.stat().st_uid} counter drop comment "not the gate"'
    assert rules == [
        'ip saddr 192.0.2.0/28 accept comment "carrier example"',
        'ip saddr 198.51.100.7/32 accept comment "carrier example"',
        'ip saddr 10.1.0.0/16 accept comment "operators"',
        'counter drop comment "audio of strangers"',
    ]
    out = tmp_path / "hatif.nft"
    assert command(("firewall", "--out", str(out)), dict(os.environ)).returncode == 0
    assert out.read_text() == firewall.rules(parts)


def test_a_carrier_of_this_machine_has_rules_against_others_programs_unless_it_has_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without them any program of the machine could call as this carrier."""
    networks = 'networks = ["10.1.0.0/16"]'
    here = 'hosts = ["127.0.0.7", "10.1.0.1", "127.0.1.0/28"]'
    parts = composed(tmp_path, "", monkeypatch, ("networks = .*", networks), ("hosts = .*", here))
    text = firewall.rules(parts)
    rules = [line.strip() for line in text.splitlines() if "not carrier example" in line]
    assert [rule.partition(" dport")[0] for rule in rules] == [
        f"{source} {protocol}"
        for source in ("ip saddr 127.0.0.7/32", "ip saddr 127.0.1.0/28")
        for protocol in ("udp", "tcp")
    ]
    user = tmp_path.stat().st_uid
    ports = "{ 5060, 5061, 8088 }"
    ending = f'dport {ports} meta skuid 1000-59999 meta skuid != {user} counter drop comment "not carrier example"'
    assert all(rule.endswith(ending) for rule in rules)
    site = tmp_path / "site.toml"
    site.write_text(site.read_text().replace(here, f"{here}\npassword = true"))
    assert "not carrier" not in firewall.rules(AsteriskParts())


def test_no_rules_are_written_that_would_block_known_audio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    composed(tmp_path, "", monkeypatch, ("networks = .*", ""), ("hosts = .*", 'password = true\nencryption = "none"'))
    answer = command(("firewall",), dict(os.environ))
    assert answer.returncode == 1
    message = "carrier example: media, operators: networks: the source of this audio is not known"
    assert f"site.toml:1: E_SITE_MEDIA {message}" in answer.stderr
