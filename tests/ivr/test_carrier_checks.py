"""What `hatif status` and `hatif carriers` say about certificates and registrations."""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asked import HATIF
from certificates import Authority
from small_site import make

from ivr.cli.processes.carrier_checks import check_certificate, check_registrations
from ivr.cli.processes.check import Check
from ivr.site.carriers import Carrier
from ivr.site.sip import Sip

NOW = datetime.now(UTC)


def certificates(tmp_path: Path, days: int, used: str = "") -> list[Check]:
    certificate, key = Authority(tmp_path).sign("ours", "DNS:sip.example.org", days=days)
    file = tmp_path / "used.pem"
    file.write_text(used or certificate.read_text())
    return list(check_certificate(tmp_path, Sip(certificate=certificate, key=key), file, NOW))


def test_a_certificate_is_in_order_until_two_weeks_before_its_end(tmp_path: Path) -> None:
    (check,) = certificates(tmp_path, 90)
    assert check.ok and not check.fatal
    assert f"{NOW + timedelta(days=90):%Y-%m-%d}" in check.found
    (tmp_path / "soon").mkdir()
    assert not certificates(tmp_path / "soon", 13)[0].ok


def test_a_renewed_certificate_that_asterisk_does_not_have_is_reported(tmp_path: Path) -> None:
    (check,) = certificates(tmp_path, 90, used="the former one")
    assert (check.ok, check.found, check.remedy) == (
        False,
        "Asterisk does not have the newest one",
        "run `hatif reload`",
    )


def test_a_certificate_that_is_gone_or_has_expired_is_reported_and_does_not_stop_calls(tmp_path: Path) -> None:
    (check,) = certificates(tmp_path, 0)
    assert not check.ok and "has expired" in check.found
    (check,) = check_certificate(tmp_path, Sip(certificate=Path("no"), key=Path("no")), tmp_path / "used.pem", NOW)
    assert (check.ok, check.fatal) == (False, False)
    assert list(check_certificate(tmp_path, Sip(), tmp_path / "used.pem", NOW)) == []


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
        command = [HATIF, "carriers", *arguments]
        return subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=False)

    assert hatif("password", "one", text="chosen;by them\n").returncode == 0
    secrets = json.loads((tmp_path / "home" / "secrets.json").read_text())
    assert secrets["outer"] == {"one": "chosen;by them"}
    (row,) = json.loads(hatif("--json").stdout)
    assert (row["name"], row["user"], row["registered"]) == ("one", "us", "unknown (Asterisk does not answer)")
    assert "chosen" not in hatif().stdout
    unknown = hatif("password", "two", text="x\n")
    assert unknown.returncode == 1 and "The site has no carrier 'two'; it has one." in unknown.stderr
