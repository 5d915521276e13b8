"""Calls that are refused because there are too many at once: what the administrator sees, and what a site may set.

What is refused, and how, is in `tests/asterisk_conf/test_asterisk_running.py`.
"""

import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from asterisk_sip import Telephone
from line import FRENCH_NUMBER, Line

from ivr.cli.compose import Composition
from ivr.settings import CHECKOUT
from ivr.site import SiteError

CALLER = "+33612345670"


async def test_a_refused_call_is_counted_in_the_status_and_said_in_the_log(line: Line) -> None:
    before, seen = line.json("status")["refused"]["number"], len(line.logged())
    with ExitStack() as phones:
        carriers = [phones.enter_context(Telephone("127.0.0.2", 5060 + line.offset, CALLER)) for _ in range(5)]
        answers = [carrier.invite(FRENCH_NUMBER) for carrier in carriers]
        assert [answer.status for answer in answers] == [200, 200, 200, 486, 486]
        await line.until(lambda: "Calls are refused" in line.logged(seen), 3, "the log says it")
        for carrier, answer in zip(carriers[:3], answers, strict=False):
            assert carrier.hang_up(answer, FRENCH_NUMBER).status == 200
    assert line.logged(seen).count("Calls are refused") <= 2  # one in ten seconds
    assert CALLER not in line.logged(seen)
    assert line.json("status")["refused"]["number"] == before + 2
    assert "Refused calls" in line.run("status").stdout


def composed(folder: Path, limits: str, monkeypatch: pytest.MonkeyPatch) -> Composition:
    """The example site with other `[limits]`."""
    for name in ("site.toml", "operators.csv"):
        (folder / name).write_text((CHECKOUT / "sites" / "consulate" / name).read_text(encoding="utf-8"))
    text, count = re.subn(r"(?ms)^\[limits\]\n.*?(?=^$)", limits, (folder / "site.toml").read_text(encoding="utf-8"))
    assert count == 1
    (folder / "site.toml").write_text(text)
    monkeypatch.setenv("HATIF_HOME", str(folder / "home"))
    monkeypatch.setenv("HATIF_SITE", str(folder))
    return Composition()


def test_callers_have_the_ports_that_operators_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = composed(tmp_path, "", monkeypatch)
    limits = parts.plan.limits
    assert (limits.by_number, limits.by_source, limits.in_all) == (3, 60, 500 - 2 * len(parts.operators))


def test_a_site_may_set_each_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    added = "[limits]\ncalls_by_number = 5\ncalls_by_source = 90\ncalls_in_all = 200\n"
    limits = composed(tmp_path, added, monkeypatch).plan.limits
    assert (limits.by_number, limits.by_source, limits.in_all) == (5, 90, 200)


def test_a_site_whose_operators_need_all_ports_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = composed(tmp_path, "", monkeypatch)
    rows = "".join(f"{each},Somebody,fr:5,,no\n" for each in range(2000, 2260))
    with (tmp_path / "operators.csv").open("a", encoding="utf-8") as file:
        file.write(rows)
    assert [each.code for each in parts.findings()] == ["E_OPERATOR_PORTS"]
    with pytest.raises(SiteError, match=r"operators.csv:1: E_OPERATOR_PORTS 303 operators leave none of the 500 pairs"):
        _ = parts.plan
