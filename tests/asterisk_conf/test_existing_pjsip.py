"""Our part of an administrator's `pjsip.conf`: without what is theirs, and beside theirs only where nothing clashes."""

import os
from pathlib import Path
from typing import Self

import pytest
from asterisk_example import example
from shell import Shell

from asterisk_conf.carrier import Carrier
from asterisk_conf.conf import render
from asterisk_conf.existing import Clash, Place, find_clashes, find_unguarded, listeners, part
from asterisk_conf.files import write_text
from asterisk_conf.pjsip import lint, sections
from asterisk_conf.sip import Sip
from cli.existing import other_asterisk
from ivr.asterisk.ami import AmiError


def place(name: str, line: int = 1, **options: str) -> Place:
    return Place(name, "pjsip.conf", line, tuple(options.items()))


def clashes(theirs: list[Place], ours: list[Place], *telephones: str) -> list[Clash]:
    return list(find_clashes(theirs, ours, telephones, keep_telephones=bool(telephones)))


def test_our_part_has_no_options_and_transports_and_the_same_endpoints(tmp_path: Path) -> None:
    whole = render(example(tmp_path))["pjsip.conf"]
    ours = part(whole)
    named = {section.name for section in sections(whole)}
    assert {section.name for section in sections(ours)} == named - {"global", "system", "udp", "tcp", "ws"}
    assert [(it.name, it.options) for it in sections(ours)] == [
        (it.name, it.options) for it in sections(whole) if it.name not in ("global", "system", "udp", "tcp", "ws")
    ]
    assert "[hatif-operator](!)" in ours and "[operator" not in ours and "(operator" not in ours
    assert lint(ours) == []


def test_what_stays_theirs_is_left_out(tmp_path: Path) -> None:
    ours = part(render(example(tmp_path))["pjsip.conf"], {"1001", "carrier-example"})
    names = {section.name for section in sections(ours)}
    assert "1002" in names and "carrier-second" in names
    assert not {"1001", "carrier-example"} & names
    assert "telephone-password-1" not in ours


def test_passwords_are_rendered_to_a_file_that_others_cannot_read(tmp_path: Path) -> None:
    out = tmp_path / "out.conf"
    assert Shell(tmp_path / "home").run("pjsip", "render", "--out", str(out)).returncode == 0
    assert "password = " in out.read_text() and out.stat().st_mode & 0o777 == 0o600


def test_a_file_gets_its_owner_before_its_name(tmp_path: Path) -> None:
    file = tmp_path / "hatif-pjsip.conf"
    owner = (1, 1) if os.getuid() == 0 else (os.getuid(), os.getgid())
    assert write_text(file, "x", 0o640, owner)
    assert (file.stat().st_uid, file.stat().st_gid) == owner and file.stat().st_mode & 0o777 == 0o640
    assert not write_text(file, "x", 0o640, owner)


class Gone:
    """An Asterisk that no longer answers once a file was written."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None: ...

    async def reload(self, module: str) -> None:
        raise AmiError(f"Asterisk did not reload {module}.")


def test_the_former_file_is_back_if_asterisk_stops_while_it_loads_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_asterisk, "_ami", lambda parts: Gone())
    theirs, ours = tmp_path / "pjsip.conf", tmp_path / "hatif-pjsip.conf"
    theirs.write_text("#tryinclude hatif-*.conf\n")
    ours.write_text("; the former one\n")
    answer = Shell(tmp_path / "home").run("pjsip", "load", "--into", str(tmp_path))
    assert answer.returncode == 1 and "added: 1001\n" in answer.stdout
    assert "did not reload res_pjsip. The former file is back, but Asterisk could not load it" in answer.stderr
    assert ours.read_text() == "; the former one\n"


def test_a_section_of_the_same_name_is_a_clash_once() -> None:
    (clash,) = clashes([place("1001", 7, type="endpoint")], [place("1001", type="endpoint"), place("1001", type="aor")])
    assert (clash.code, clash.file, clash.line) == ("E_CLASH", "pjsip.conf", 7)
    assert clashes([place("2001")], [place("1001")]) == []


def test_two_carriers_at_one_address_are_a_clash() -> None:
    ours = [place("carrier-one", type="identify", match="192.0.2.0/24,2001:db8::1")]
    (clash,) = clashes([place("trunk", 3, type="identify", match="sip.example.org, 192.0.2.9")], ours)
    assert (clash.code, clash.line) == ("E_ADDRESS", 3)
    assert clashes([place("trunk", type="identify", match="198.51.100.1,!192.0.2.1")], ours) == []
    ours = [place("carrier-one", type="identify", match="127.0.0.1:966")]
    assert clashes([place("trunk", type="identify", match="127.0.0.1:967,[::1]:966")], ours) == []
    (clash,) = clashes([place("trunk", type="identify", match="127.0.0.1")], ours)
    assert clash.code == "E_ADDRESS"


def test_their_ports_without_tls_are_named_if_a_carrier_must_use_tls(tmp_path: Path) -> None:
    theirs = [
        place("plain", 2, type="transport", bind="0.0.0.0:5160"),
        place("guarded", 5, type="transport", protocol="tcp", bind="0.0.0.0:5060"),
        place("safe", 8, type="transport", protocol="tls", bind="0.0.0.0:5161"),
    ]

    def unguarded(transport: str) -> list[Clash]:
        carrier = Carrier("one", ("127.0.0.2",), transport=transport)
        conf = example(tmp_path, carriers=(carrier,), sip=Sip("a certificate", "its key"))
        found = sections(part(render(conf)["pjsip.conf"]))
        ours = [Place(it.name, "", 1, tuple(it.options)) for it in found]
        return list(find_unguarded(theirs, ours, {5060}))

    (clash,) = unguarded("tls")
    assert (clash.code, clash.line) == ("W_PLAIN", 2) and "5160" in clash.sentence
    assert unguarded("udp") == []


def test_telephones_that_stay_theirs_must_be_there() -> None:
    theirs = [place("1001", type="endpoint"), place("1002", type="aor")]
    (clash,) = clashes(theirs, [], "1001", "1002")
    assert clash.code == "E_NO_TELEPHONE" and "1002" in clash.sentence


def test_the_ports_of_their_asterisk_are_known() -> None:
    found = listeners(
        {
            "pjsip.conf": [
                place("a", type="transport", bind="0.0.0.0:5070"),
                place("b", type="transport", protocol="tls", bind="0.0.0.0"),
                place("c", type="transport", protocol="ws", bind="0.0.0.0"),
                place("d", type="endpoint", bind="0.0.0.0:1"),
                place("e", type="transport", protocol="UDP", bind="[::]:5080"),
                place("f", type="transport", bind="::1"),
            ],
            "http.conf": [place("general", enabled="Yes", bindport="8070"), place("other", enabled="yes")],
            "manager.conf": [place("general", enabled="no", port="5038")],
        }
    )
    assert [(protocol, port) for protocol, port, _ in found] == [
        ("UDP", 5070),
        ("TCP", 5061),
        ("UDP", 5080),
        ("UDP", 5060),
        ("TCP", 8070),
    ]
