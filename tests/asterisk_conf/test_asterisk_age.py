"""`hatif check` warns of an Asterisk that is old, and of a private one that was not tested."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from asterisk_example import installation
from small_mirror import lock

from asterisk_conf import apt, package_lock
from asterisk_conf.debian import ASTERISK
from asterisk_conf.errors import AsteriskError
from asterisk_conf.package_lock import LockedPackage
from cli.check import findings_of_age

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def codes(home: Path, days: int, kind: str = "private") -> list[str]:
    found = SimpleNamespace(kind=kind, version="22.10.1", program=installation().program)
    parts: Any = SimpleNamespace(installed=found, built=NOW - timedelta(days=days), install_home=home)
    return [str(finding) for finding in findings_of_age(parts, NOW)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A private Asterisk of the locked packages."""
    monkeypatch.setattr(package_lock, "FOLDER", tmp_path / "locks")
    lock(ASTERISK, LockedPackage("asterisk", "1:22.10.1-1", "pool/x.deb", 1, "0" * 64))
    root = tmp_path / "asterisk" / "root"
    root.mkdir(parents=True)
    (root / apt.MARKER).write_text(json.dumps({"unpacked": {"asterisk": "1:22.10.1-1"}}))
    return tmp_path


def test_a_tested_release_of_this_year_is_in_order(home: Path) -> None:
    assert codes(home, 364) == []


def test_a_release_of_more_than_a_year_is_old(home: Path) -> None:
    (warning,) = codes(home, 366)
    assert "W_ASTERISK_OLD Asterisk 22.10.1 was built on 2025-11-27" in warning and "hatif asterisk upgrade" in warning


def test_a_private_release_that_is_not_the_locked_one_is_named(home: Path) -> None:
    lock(ASTERISK, LockedPackage("asterisk", "1:22.11.0-1", "pool/x.deb", 1, "0" * 64))
    (warning,) = codes(home, 1)
    assert "W_ASTERISK_UNTESTED a package is not what Hatif was tested with" in warning
    assert "asterisk 1:22.10.1-1 instead of 1:22.11.0-1" in warning and "hatif asterisk upgrade" in warning
    assert codes(home, 1, "machine") == []  # is the administrator's


def test_an_asterisk_that_cannot_be_used_is_reported_by_others() -> None:
    class Parts:
        @property
        def installed(self) -> None:
            raise AsteriskError("lacks modules")

    parts: Any = Parts()
    assert list(findings_of_age(parts, NOW)) == []
