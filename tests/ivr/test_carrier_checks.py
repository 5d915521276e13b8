"""What `hatif status` and `hatif carriers` say about certificates and registrations."""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import warm_up
from certificates import Authority
from shell import command
from small_site import make

from cli.processes.carrier_checks import check_certificate, check_registrations, served_certificate
from cli.processes.check import Check
from ivr.site.carriers import Carrier
from ivr.site.sip import Sip

ANYBODY = (Carrier(name="one", hosts=("127.0.0.2",)),)
TLS_ONLY = (Carrier(name="two", hosts=("127.0.0.2",), transport="tls"),)


def checked(certificate: Path, key: Path, served: str | None, carriers: tuple[Carrier, ...] = ANYBODY) -> Check:
    (check,) = check_certificate(
        Path("/"), Sip(certificate=certificate, key=key), carriers, lambda: served, datetime.now(UTC)
    )
    return check


def test_a_certificate_is_in_order_until_two_weeks_before_its_end(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    for days, ok in ((90, True), (13, False), (0, False)):
        signed = datetime.now(UTC)
        certificate, key = authority.sign(f"days-{days}", "DNS:sip.example.org", days=days)
        # With those of its authorities behind it, as in a real file.
        certificate.write_text("A comment\n" + (leaf := certificate.read_text()) + authority.file.read_text())
        check = checked(certificate, key, leaf)
        assert (check.ok, check.fatal) == (ok, False), check
        # Between these two midnight may come.
        ends = {f"{at + timedelta(days=days):%Y-%m-%d}" for at in (signed, datetime.now(UTC))}
        assert any(end in check.found for end in ends) == bool(days), check


def test_a_renewed_certificate_that_asterisk_does_not_show_is_reported(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    former, _ = authority.sign("former", "DNS:sip.example.org")
    check = checked(*authority.sign("new", "DNS:sip.example.org"), former.read_text())
    assert not check.ok and check.remedy == "run `hatif reload`"


def test_a_port_of_tls_that_does_not_answer_is_fatal_if_all_carriers_need_it(tmp_path: Path) -> None:
    files = Authority(tmp_path).sign("ours", "DNS:sip.example.org")
    assert [checked(*files, None, carriers).fatal for carriers in (ANYBODY, TLS_ONLY, ANYBODY + TLS_ONLY)] == [
        False,
        True,
        False,
    ]
    assert served_certificate("127.0.0.1", 9) is None


def test_a_certificate_that_is_gone_is_reported_and_does_not_stop_calls() -> None:
    check = checked(Path("/no"), Path("/no"), None)
    assert (check.ok, check.fatal) == (False, False)
    assert list(check_certificate(Path("/"), Sip(), ANYBODY, lambda: None, datetime.now(UTC))) == []


def test_a_missing_registration_is_fatal_only_if_no_carrier_is_left() -> None:
    by_address = Carrier(name="one", hosts=("127.0.0.2",))
    two, three = (Carrier(name=name, registrar="127.0.0.3", user="us") for name in ("two", "three"))
    (check,) = check_registrations([by_address, two], {"two": "Rejected"})
    assert (check.name, check.ok, check.fatal) == ("carrier two", False, False)
    assert check.found == "Rejected, as us at 127.0.0.3"
    assert [check.fatal for check in check_registrations([two, three], {})] == [True, True]
    checks = list(check_registrations([two, three], {"two": "Registered", "three": "Unregistered"}))
    assert [(check.ok, check.fatal) for check in checks] == [(True, False), (False, False)]


def test_the_command_keeps_our_password_and_lists_the_carriers(tmp_path: Path) -> None:
    small = make(tmp_path)
    small.edit("site.toml", 'hosts = ["127.0.0.2"]', 'hosts = ["127.0.0.2"]\nregistrar = "127.0.0.3"\nuser = "us"')
    environment = {**os.environ, "HATIF_HOME": str(tmp_path / "home"), "HATIF_SITE": str(small.folder)}

    def hatif(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        program = str(warm_up.sockets() / "bin" / "hatif")
        return subprocess.run(
            [program, "carriers", *arguments], input=text, env=environment, capture_output=True, text=True, check=False
        )

    assert hatif("password", "one", text="chosen;by them\n").returncode == 0
    secrets = json.loads((tmp_path / "home" / "secrets.json").read_text())
    assert secrets["outer"] == {"one": "chosen;by them"}
    (row,) = json.loads(command(("carriers", "--json"), environment).stdout)
    assert (row["name"], row["user"], row["registered"]) == ("one", "us", "unknown (Asterisk does not answer)")
    assert "chosen" not in command(("carriers",), environment).stdout
    unknown = hatif("password", "two", text="x\n")
    assert unknown.returncode == 1 and "The site has no carrier 'two'; it has one." in unknown.stderr
