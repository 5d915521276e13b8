"""Asterisk's files have the right content, are private, and no value of a site can break out of its place."""

import os
import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
from asterisk_example import SECRETS, example
from every import every
from pjsip_mistakes import DOOR, MISTAKES

from asterisk_conf.carrier import Carrier
from asterisk_conf.conf import DEFAULT_FILES, SECRET_FILES, Endpoint, Ports, Queue, Secrets, own_findings, render, write
from asterisk_conf.errors import AsteriskError
from asterisk_conf.files import write_text
from asterisk_conf.modules import MODULES
from asterisk_conf.pjsip import lint, sections
from ivr.home.settings import Settings


def test_every_value_reaches_its_file(tmp_path: Path) -> None:
    files = render(example(tmp_path, ports=Ports.with_offset(10000)))
    assert {"asterisk.conf", "modules.conf", "pjsip.conf", "extensions.conf"} - files.keys() == {"extensions.conf"}
    assert set(DEFAULT_FILES) < files.keys()
    assert all(text.startswith("; Written by hatif") and text.endswith("\n") for text in files.values())
    assert "systemname = test1" in files["asterisk.conf"]
    assert all(f"load = {name}.so" in files["modules.conf"] for name, _ in MODULES)
    assert "bind = 127.0.0.1:15060" in files["pjsip.conf"]
    assert 'callerid = "غالي خروب" <1002>' in files["pjsip.conf"]
    assert "match = 127.0.8.0/24" in files["pjsip.conf"]
    assert "member => Local/1003@hatif-member,0,Zoë O'Laurel-Tamarisk,PJSIP/1003" in files["queues.conf"]
    assert "rtpstart = 20000" in files["rtp.conf"] and "rtpend = 20999" in files["rtp.conf"]
    assert "channelvars = HATIF\n" in files["ari.conf"]


def test_asterisk_ends_no_conversation_for_a_silence_in_which_it_may_itself_have_been_stopped(tmp_path: Path) -> None:
    text = render(example(tmp_path, web_telephones=True))["pjsip.conf"]
    (patience_s,) = (item.default for item in fields(Settings) if item.name == "asterisk_patience_s")
    found = {item.name: float(item.get("rtp_timeout")) for item in sections(text) if item.get("type") == "endpoint"}
    assert isinstance(patience_s, float) and min(found["1001"], found["1001-web"]) > patience_s + 5


def test_asterisk_ends_no_call_because_the_clock_was_set_forward_by_up_to_two_hours(tmp_path: Path) -> None:
    """It looks at the time before it reads the next packet."""
    text = render(example(tmp_path, web_telephones=True))["pjsip.conf"]
    endpoints = [item for item in sections(text) if item.get("type") == "endpoint" and item.get("rtp_timeout")]
    assert {"1001", "1001-web", "carrier-example"} <= {item.name for item in endpoints}
    for limit in ("rtp_timeout", "rtp_timeout_hold"):
        assert all(float(item.get(limit)) > 7200 for item in endpoints)


def test_ari_and_ami_stay_on_loopback_whatever_address_sip_has(tmp_path: Path) -> None:
    for address, bind in (("0.0.0.0", "0.0.0.0:15060"), ("192.0.2.7", "192.0.2.7:15060"), ("::1", "[::1]:15060")):
        files = render(example(tmp_path, sip_bind=address, ports=Ports.with_offset(10000)))
        assert files["pjsip.conf"].count(f"bind = {bind}\n") == 2
        assert ("bind_rtp_to_media_address" in files["pjsip.conf"]) == (address != "0.0.0.0")
        for name in ("http.conf", "manager.conf"):
            assert re.findall(r"(?m)^bindaddr = (.*)$", files[name]) == ["127.0.0.1"]


def test_files_with_passwords_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    conf = example(tmp_path)
    write(conf)
    secrets = [SECRETS.ari_password, SECRETS.ami_password, *(endpoint.password for endpoint in conf.endpoints)]
    for file in conf.etc.iterdir():
        assert (file.stat().st_mode & 0o077 == 0) == (file.name in SECRET_FILES), file
        assert any(secret in file.read_text() for secret in secrets) == (file.name in SECRET_FILES), file
    assert conf.etc.stat().st_mode & 0o777 == 0o700
    assert not any(secret in repr(conf) for secret in secrets)


def test_only_changed_files_are_written_and_reported(tmp_path: Path) -> None:
    conf = example(tmp_path)
    assert set(write(conf)) == {*render(conf), "acl.conf"}
    (conf.etc / "extensions.conf").write_text("; of the dialplan package\n")
    assert write(conf) == ()
    assert write(replace(conf, queues=conf.queues[:1])) == ("queues.conf",)
    (conf.etc / "pjsip.conf").chmod(0o644)
    assert write(replace(conf, queues=conf.queues[:1])) == ("pjsip.conf",)
    assert (conf.etc / "extensions.conf").read_text() == "; of the dialplan package\n"
    assert not list(conf.etc.glob(".*"))


def test_links_follow_an_installation_that_moved(tmp_path: Path) -> None:
    conf = example(tmp_path)
    write(conf)
    write(replace(conf, installation=replace(conf.installation, moh_dir=Path("/elsewhere/moh"))))
    assert (conf.asterisk / "data/moh").readlink() == Path("/elsewhere/moh")
    assert (conf.asterisk / "data/sounds/hatif").readlink() == tmp_path / "sounds"


HOSTILE = (
    "x\nexten => _X.,1,System(id)",
    "x;y",
    "x]y",
    "[general]",
    'x"y',
    "x<y>",
    "${SHELL(id)}",
    "x\\y",
    "a,b",
    "x\0",
)


@every("value", [*HOSTILE, "", " ", "x" * 200, "a\u202eb"])
def test_a_hostile_name_is_refused_in_one_sentence(value: str) -> None:
    with pytest.raises(AsteriskError) as error:
        Endpoint("1001", value, "telephone-password-1")
    assert "Operator 1001" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("value", [*HOSTILE, "", "general", "-a", "a b", "é", "x" * 41])
def test_a_hostile_identifier_is_refused_in_one_sentence(value: str, tmp_path: Path) -> None:
    for make in (
        lambda: Endpoint(value, "Ghali Carob", "telephone-password-1"),
        lambda: Carrier(value, ("127.0.0.2",)),
        lambda: Queue(value, ()),
        lambda: Secrets(value, "x" * 20, "hatif", "x" * 20),
        lambda: example(tmp_path, node=value),
    ):
        with pytest.raises(AsteriskError) as error:
            make()
        assert repr(value) in str(error.value) and "\n" not in str(error.value)


@every("value", [*HOSTILE, "", "short", "x" * 129])
def test_a_bad_password_is_refused_without_being_repeated(value: str) -> None:
    with pytest.raises(AsteriskError) as error:
        Endpoint("1001", "Ghali Carob", value)
    assert not value.strip() or value not in str(error.value)


@pytest.mark.parametrize("host", ["carrier.example.org", "127.0.0.2\nmatch=0.0.0.0/0", "0.0.0.0/0", "127.0.0.2/8", ""])
def test_a_carrier_s_hosts_must_be_addresses_or_networks(host: str) -> None:
    with pytest.raises(AsteriskError, match="Carrier example: the host"):
        Carrier("example", (host,))


@pytest.mark.parametrize(("code", "text", "line", "message"), MISTAKES)
def test_a_site_s_own_pjsip_conf_that_lets_strangers_in_is_refused(
    code: str, text: str, line: int, message: str, tmp_path: Path
) -> None:
    (found,) = own_findings(f"{DOOR}\n{text}", ("one",), ("1001",))
    assert (found.code, found.line) == (code, line)
    assert message in str(found)
    with pytest.raises(AsteriskError, match=f"the site's pjsip.conf, line {line}: {code}"):
        example(tmp_path, own_pjsip=f"{DOOR}\n{text}", carriers=(Carrier("one", ("127.0.0.2",)),))


def test_a_site_s_own_pjsip_conf_follows_ours_and_an_open_endpoint_is_never_written(tmp_path: Path) -> None:
    conf = example(tmp_path, own_pjsip=DOOR)
    text = render(conf)["pjsip.conf"]
    assert text.endswith(DOOR + "\n") and lint(text) == []
    object.__setattr__(conf, "own_pjsip", "[lift]\ntype = endpoint\n")  # bypasses the check
    with pytest.raises(AsteriskError, match="E_ENDPOINT_OPEN"):
        write(conf)
    assert not conf.etc.exists()


def test_a_carrier_is_identified_by_address_or_password_and_never_by_name(tmp_path: Path) -> None:
    by_password = Carrier("roaming", (), password="x" * 20)
    both = Carrier("both", ("127.0.0.9",), password="y" * 20, nat=True, srtp=True, most_calls=90)
    text = render(example(tmp_path, carriers=(Carrier("plain", ("127.0.0.2",)), by_password, both)))["pjsip.conf"]
    found = {item.name: item for item in sections(text) if item.get("type") == "endpoint"}
    assert [
        (name, found[name].get("identify_by"), found[name].get("auth"), found[name].get("rtp_symmetric"))
        for name in ("carrier-plain", "carrier-roaming", "carrier-both")
    ] == [
        ("carrier-plain", "ip", "", "no"),
        ("carrier-roaming", "auth_username", "carrier-roaming", "no"),
        ("carrier-both", "ip", "carrier-both", "yes"),
    ]
    assert found["carrier-both"].get("media_encryption") == "sdes"
    assert [found[f"carrier-{name}"].get("set_var") for name in ("plain", "both")] == ["HATIF_MOST=60", "HATIF_MOST=90"]
    with pytest.raises(AsteriskError, match="no hosts; list the IP addresses"):
        Carrier("nobody", ())


def test_inconsistent_values_are_refused(tmp_path: Path) -> None:
    conf = example(tmp_path)
    twice = (conf.endpoints[0], conf.endpoints[0])
    for changes, message in (
        ({"endpoints": twice, "queues": ()}, "Operator 1001 is listed 2 times"),
        ({"carriers": (Carrier("a", ("127.0.0.2",)), Carrier("b", ("127.0.0.2",)))}, "host 127.0.0.2/32 is listed 2"),
        ({"queues": (Queue("hatif-de", ("1009",)),)}, "Queue hatif-de: 1009 is not the id of an operator"),
        ({"endpoints": (Endpoint("carrier-x", "X", "x" * 20),), "queues": ()}, "choose another one"),
        ({"sip_bind": "eth0"}, "sip_bind is 'eth0'"),
        ({"home": tmp_path / ("deep" * 20)}, "set HATIF_HOME to a shorter path"),
        ({"home": tmp_path / "a;b"}, "choose a path without it"),
    ):
        with pytest.raises(AsteriskError, match=message):
            example(**({"home": tmp_path} | changes))
    with pytest.raises(AsteriskError, match="choose some of alaw, g722, ulaw"):
        Carrier("a", ("127.0.0.2",), ("g729",))


def test_ports_move_together_by_multiples_of_1000() -> None:
    assert Ports.with_offset(0) == Ports(5060, 8088, 5038, 4573, 5039, 10000, 10999)
    assert (Ports.with_offset(0, 3000).rtp_first, Ports.with_offset(0, 3000).rtp_last) == (10000, 12999)
    assert Ports.with_offset(3000) == Ports(8060, 11088, 8038, 7573, 8039, 13000, 13999, 8061)
    for offset in (-1000, 500, 55000):
        with pytest.raises(AsteriskError, match="not a multiple of 1000"):
            Ports.with_offset(offset)
    with pytest.raises(AsteriskError, match="Port 70000"):
        Ports(rtp_last=70000)


def test_what_root_writes_belongs_to_the_owner_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 1000, 1000)
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda file, user, group: given.append((user, group)))
    for user in (1000, 0):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert write_text(tmp_path / f"{user}.conf", "a password\n", 0o600)
    folder = tmp_path.stat()
    assert given == [(folder.st_uid, folder.st_gid)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make folders for somebody else")
def test_the_folders_that_root_makes_belong_to_the_keeper_of_the_home(tmp_path: Path) -> None:
    os.chown(tmp_path, 1000, 1000)
    log = tmp_path / "asterisk" / "log"
    log.mkdir(parents=True)  # as an earlier version has left it
    write(example(tmp_path, cdr=True))
    folders = [folder for folder in tmp_path.rglob("*") if folder.is_dir() and not folder.is_symlink()]
    assert log / "cdr-csv" in folders
    assert {(folder.stat().st_uid, folder.stat().st_gid) for folder in folders} == {(1000, 1000)}
