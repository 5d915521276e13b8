"""The units do on a real systemd what docs/systemd.md says, set up as docs/production.md says."""

import json
import sys
from pathlib import Path

import booted_machine
import debian_tools
import pytest
from line import CACHE


@pytest.mark.long
def test_a_machine_boots_into_a_line_that_survives_what_ends_its_processes(tmp_path: Path) -> None:
    if why := booted_machine.missing():
        pytest.skip(f"no machine can be booted here: {why}")
    logrotate = debian_tools.find("logrotate", "usr/sbin/logrotate")
    work, out = tmp_path / "work", tmp_path / "out"
    work.mkdir()
    out.mkdir()
    (out / "logrotate").write_text(json.dumps([word.replace(str(CACHE), "/mnt/cache") for word in logrotate.command]))
    booted_machine.boot(Path(__file__).with_name("booted_driver.py"), work, out, 3000)
    sys.stdout.write((out / "log").read_text()[-6000:])
    seen = json.loads((out / "seen.json").read_text())

    assert all(ok for ok, _ in seen["checks"].values()), seen["checks"]
    assert seen["checks"]["watched"][1] == "systemd supervises them"
    assert seen["status"] == "Serves calls"
    for name in ("asterisk", "ivr", "guard", "journal", "desk", "gate", "monitor"):
        assert seen[f"rights of {name}"] == [True, "0" * 16, "0" * 16, "1", "2"], name
    assert "as root: run it as a user of its own" in seen["up as root"]
    assert "systemd runs the line in /var/lib/hatif" in seen["up"]
    assert "Watchdog timeout" in seen["watchdog"]
    assert {"security.log", "security.log-DATE"} <= {*seen["logs"]}
    assert seen["open logs"] == ["asterisk.log", "security.log"]
    assert seen["stopped"] == dict.fromkeys(seen["stopped"], "inactive")
    assert seen["left"] == "" and seen["serves again after"]

    for heading in ("## 8. An upgrade", "### The way back"):
        restarted, asterisk_stays, call = seen[heading]
        assert restarted and asterisk_stays and call == "talking", heading
    # A carrier with TLS, one more operator, and backups.
    assert "Registered, as 4711" in seen["hatif carriers"] and "in order" in seen["hatif check"]
    assert "operator 1999 (Nadir Cypress): added" in seen["reload"]
    assert "1999" in {row["id"] for row in json.loads(seen["operators --json"])}
    assert "/link/" in seen["operators login 1001"] and "192.0.2.10:5060" in seen["operators phone 1002"]
    assert len(seen["backups"]) == 2 and min(seen["backups"]) > 1e5
    assert "removed: /etc/systemd/system/hatif.target" in seen["removed"] and "stays: /var/lib/hatif" in seen["removed"]
    assert seen["not removed"] == [] and seen["still running"] == "" and seen["data"]
