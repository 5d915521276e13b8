"""Telephones outside and in our own networks, at a real Asterisk: what it accepts without encryption, and what not."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from asterisk_example import PASSWORD, certified, example, running_asterisk
from asterisk_sip import Telephone, TlsTelephone
from certificates import Authority

from asterisk_conf import instance
from asterisk_conf.conf import Conf, render, write
from asterisk_conf.errors import AsteriskError
from asterisk_conf.existing import part
from asterisk_conf.pjsip import sections, with_password
from background.telephone_ticket import GATE
from dialplan.codes import Code
from dialplan.plan import Plan
from dialplan.plan import render as render_dialplan

INSIDE, OUTSIDE = "127.0.0.7", "127.0.0.5"
CRYPTO = f"1 AES_CM_128_HMAC_SHA1_80 inline:{base64.b64encode(bytes(range(30))).decode()}"
OF_OUTSIDE, OF_INSIDE = "1001", "1002"


def outside(conf: Conf) -> Conf:
    first, *others = conf.endpoints
    return replace(conf, endpoints=(replace(first, outside=True), *others), networks=(INSIDE, "10.0.0.0/8"))


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Conf, Path]]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    conf = outside(example(tmp_path_factory.mktemp("home"), sip=certified(authority)))
    write(conf)
    plan = Plan("test1", (), ("fr",), (OF_OUTSIDE, OF_INSIDE), codes=(Code("ready", "*10"),), outside=True)
    (conf.etc / "extensions.conf").write_text(render_dialplan(plan))
    async with running_asterisk(conf):
        assert instance.check_log(conf) == []
        yield conf, authority.file


def test_a_telephone_outside_registers_over_tls_and_calls_with_encrypted_audio_only(
    running: tuple[Conf, Path],
) -> None:
    conf, authorities = running
    ports = conf.ports
    with TlsTelephone(OUTSIDE, ports.sips, user=OF_OUTSIDE, password=PASSWORD, authorities=authorities) as telephone:
        assert telephone.register().status == 200
        assert telephone.invite("*10").status == 488
        answer = telephone.invite("*10", crypto=CRYPTO)
        assert answer.status == 200 and "RTP/SAVP" in answer.text
        assert telephone.hang_up(answer, "*10").status == 200
    with Telephone(OUTSIDE, ports.sip, user=OF_OUTSIDE, password=PASSWORD) as plain:
        assert plain.invite("*10", crypto=CRYPTO).status == 403


def test_any_other_telephone_is_refused_outside_and_needs_no_encryption_in_our_own_networks(
    running: tuple[Conf, Path],
) -> None:
    conf, authorities = running
    password = next(endpoint.password for endpoint in conf.endpoints if endpoint.id == OF_INSIDE)
    with Telephone(INSIDE, conf.ports.sip, user=OF_INSIDE, password=password) as telephone:
        assert telephone.register().status == 200
        answer = telephone.invite("*10")
        assert answer.status == 200
        assert telephone.hang_up(answer, "*10").status == 200
    with Telephone(OUTSIDE, conf.ports.sip, user=OF_INSIDE, password=password) as telephone:
        assert telephone.register().status == 401
        assert telephone.invite("*10").status == 401
    with TlsTelephone(OUTSIDE, conf.ports.sips, user=OF_INSIDE, password=password, authorities=authorities) as other:
        assert other.register().status == 401


def test_a_site_on_loopback_has_the_same_telephones_as_before(tmp_path: Path) -> None:
    text = render(example(tmp_path))["pjsip.conf"]
    (endpoint,) = [item for item in sections(text) if item.name == "1001" and item.get("type") == "endpoint"]
    assert not endpoint.get("deny") and not endpoint.get("media_encryption") and not endpoint.get("transport")
    assert "HATIF_TLS" not in text


def test_a_browser_telephone_is_reached_from_this_machine_only_whatever_our_networks_are(tmp_path: Path) -> None:
    found = sections(render(replace(example(tmp_path, web_telephones=True), networks=("10.0.0.0/8",)))["pjsip.conf"])
    (endpoint,) = [item for item in found if item.name == "1001-web" and item.get("type") == "endpoint"]
    assert endpoint.all("permit") == [f"{GATE}/255.255.255.255"]


def test_a_new_password_changes_one_line_also_of_a_telephone_outside(
    tmp_path: Path, running: tuple[Conf, Path]
) -> None:
    before = render(running[0])["pjsip.conf"]
    for operator in (OF_OUTSIDE, OF_INSIDE):
        after = with_password(before, operator, "another-password-of-it")
        assert after is not None
        changed = [pair for pair in zip(before.splitlines(), after.splitlines(), strict=True) if pair[0] != pair[1]]
        assert [new for _, new in changed] == ["password = another-password-of-it"]
    assert with_password(before, "1009", "another-password-of-it") is None
    with pytest.raises(AsteriskError):
        with_password(before, OF_INSIDE, "x\nevil = yes")


def test_an_administrators_own_asterisk_gets_the_templates_under_our_names(
    tmp_path: Path, running: tuple[Conf, Path]
) -> None:
    theirs = replace(example(tmp_path), networks=("10.0.0.0/8",), bans=False)
    text = part(render(theirs)["pjsip.conf"])
    assert "[1001](hatif-operator,hatif-operator-inside)" in text and "[hatif-operator-inside](!)" in text
    assert "hatif-bans" not in text


def test_telephones_outside_need_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(AsteriskError, match="1001: a telephone outside needs SIP over TLS"):
        outside(example(tmp_path))
