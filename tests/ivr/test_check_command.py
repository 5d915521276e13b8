"""`hatif check` and `hatif flow reload` for people and programs, and the page that explains their codes."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import small_site
import test_check
import test_check_speech
import test_consulates_file
import test_flow_file
import test_flow_paths
import test_training
from check_edits import AR, EDITS, GOODBYE_AR
from line import Line
from pjsip_mistakes import DOOR, MISTAKES
from site_files import line_of
from small_site import SmallSite

from cli.main import main
from ivr.home.settings import CHECKOUT, EXAMPLE

PAGE = CHECKOUT / "docs" / "check.md"


@pytest.fixture
def small(tmp_path: Path) -> SmallSite:
    return small_site.make(tmp_path / "home")


def hatif(site: SmallSite, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run `hatif` in this process and return its exit status."""
    monkeypatch.setenv("HATIF_HOME", str(site.folder.parent))
    monkeypatch.setenv("HATIF_SITE", str(site.folder))
    monkeypatch.setenv("HATIF_PORT_OFFSET", "21000")  # no line of the tests uses its ports
    monkeypatch.setattr("cli.check.PROMPTS", small_site.NEEDED)
    monkeypatch.setattr(sys, "argv", ["hatif", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_command_prints_findings_and_a_summary_and_fails_only_for_errors(
    small: SmallSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hatif(small, monkeypatch, "check") == 0
    assert capsys.readouterr() == (f"{small.folder}: in order.\n", "")
    small.edit("site.toml", "08:00-20:00", "08:10-20:00")
    assert hatif(small, monkeypatch, "check") == 0
    out, err = capsys.readouterr()
    assert out == f"{small.folder}: in order (1 warning).\n"
    assert err.startswith(f"{small.folder}/site.toml:8: W_HOURS_WORDS ") and len(err.splitlines()) == 1
    small.edit("flow.yaml", "text: main_travel", "text: main_trip")
    assert hatif(small, monkeypatch, "check") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == f"{small.folder}: 1 error, 2 warnings."
    assert [line.split()[1] for line in err.splitlines()[:-1]] == ["E_FLOW_TEXT", "W_TEXT_UNUSED", "W_HOURS_WORDS"]


def test_codes_are_ignored_by_prefix(
    small: SmallSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small.edit("flow.yaml", "text: main_travel", "text: main_trip")
    assert hatif(small, monkeypatch, "check", "--ignore", "E_FLOW_TE", "--ignore", "W_AUDIO") == 0
    assert capsys.readouterr().out == f"{small.folder}: in order (1 warning, 1 ignored).\n"
    assert hatif(small, monkeypatch, "check", "--ignore", "") == 1


def test_the_findings_are_available_as_one_json_document(
    small: SmallSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = small.edit("flow.yaml", "text: main_travel", "text: main_trip")
    assert hatif(small, monkeypatch, "check", "--json") == 1
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    findings = document.pop("findings")
    assert document == {"site": str(small.folder), "in_order": False, "errors": 1, "warnings": 1, "ignored": 0}
    assert findings[0] == {
        "code": "E_FLOW_TEXT",
        "file": str(small.folder / "flow.yaml"),
        "line": line_of(text, "main_trip"),
        "found": "main says 'main_trip', which is in no catalogue",
        "remedy": "write that text",
    }


def test_without_a_site_the_check_says_first_that_it_checks_the_example(
    small: SmallSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HATIF_HOME", str(small.folder.parent / "new"))
    monkeypatch.delenv("HATIF_SITE", raising=False)
    monkeypatch.setattr(sys, "argv", ["hatif", "check", "--ignore", "E_"])
    with pytest.raises(SystemExit):
        main()
    first, *_ = capsys.readouterr().err.splitlines()
    assert (
        first
        == f"hatif: HATIF_SITE is not set, so this checks the example {EXAMPLE}; set it to the folder of your site."
    )
    assert hatif(small, monkeypatch, "check") == 0
    assert "example" not in capsys.readouterr().err


def test_check_reports_what_up_would_refuse_and_creates_nothing(
    small: SmallSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that we allow and Asterisk does not, a foreign address, and another database."""
    small.edit("site.toml", "[hours]", 'sip_bind = "192.0.2.9"\n\n[hours]')
    small.edit("site.toml", 'hosts = ["127.0.0.2"]', 'hosts = ["10.1.2.3"]')
    assert hatif(small, monkeypatch, "check") == 1
    err = capsys.readouterr().err
    assert err.startswith(
        f"{small.folder}/site.toml:4: E_UP_REFUSED 192.0.2.9 is not an address of this machine; correct sip_bind in "
        "site.toml.\n"
    )
    small.edit("operators.csv", "Zoe Laurel", "Zoe @ Laurel")
    monkeypatch.setenv("HATIF_DATABASE", "oracle://x/y")
    assert hatif(small, monkeypatch, "check") == 1
    err = capsys.readouterr().err
    assert "E_UP_REFUSED `hatif up` refuses it: Operator 1002: the name 'Zoe @ Laurel' contains '@'; use letters" in err
    assert not (small.folder.parent / "secrets.json").exists() and not (small.folder.parent / "asterisk").exists()
    small.edit("operators.csv", "Zoe @ Laurel", "Zoe Laurel")
    assert hatif(small, monkeypatch, "check") == 1
    err = capsys.readouterr().err
    assert "HATIF_DATABASE:1: E_UP_REFUSED databases of type 'oracle' are not supported; use sqlite" in err


def test_a_reload_is_refused_with_the_errors_of_the_whole_check(
    small: SmallSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no controller here; it is not even contacted."""
    small.edit(AR, GOODBYE_AR, 'msgid "Goodbye."\nmsgstr ""')
    assert hatif(small, monkeypatch, "flow", "reload") == 1
    out, err = capsys.readouterr()
    assert out == ""
    first, last = err.splitlines()
    assert " E_TEXT_MISSING goodbye: " in first
    assert last == (
        f"hatif: Not reloaded: {small.folder} has 1 error. "
        "The next call still uses the saved flow, guide and audio, if these three are without errors."
    )
    assert hatif(small, monkeypatch, "flow", "reload", "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["reloaded"], [finding["code"] for finding in document["findings"]]) == (False, ["E_TEXT_MISSING"])
    assert hatif(small, monkeypatch, "flow", "reload", "--json", "--ignore", "E_TEXT_MISSING") == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["reloaded"], document["ignored"]) == (False, 1)
    assert "does not answer" in document["error"]


def test_the_site_s_own_pjsip_conf_is_checked(
    small: SmallSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = small.folder / "pjsip.conf"
    own.write_text(DOOR)
    assert hatif(small, monkeypatch, "check") == 0
    own.write_text(f"{DOOR}\n[lift]\ntype = endpoint\n")
    assert hatif(small, monkeypatch, "check") == 1
    assert f"{own}:12: E_ENDPOINT_OPEN the endpoint 'lift' needs no password" in capsys.readouterr().err
    own.write_bytes(b"[lift]\xff")
    assert hatif(small, monkeypatch, "check") == 1
    assert f"{own}:1: E_PJSIP_FILE cannot be read" in capsys.readouterr().err


def test_a_reload_reports_the_version_in_use_as_json(line: Line) -> None:
    document = line.json("flow", "reload")
    assert (document["reloaded"], document["errors"]) == (True, 0)
    assert document["version"] == document["former"] == line.control("GET", "/status")["flow"]


# The page


def codes_in_the_code() -> set[str]:
    files = [file for room in ("cli", "ivr", "prompts", "asterisk_conf") for file in (CHECKOUT / room).rglob("*.py")]
    # What compares with another Asterisk's files has codes of its own (docs/existing-asterisk.md).
    files = [file for file in files if "existing" not in (file.stem, file.parent.name)]
    return {code for file in files for code in re.findall(r'"([EW]_[A-Z]+_[A-Z_]+)"', file.read_text(encoding="utf-8"))}


def codes_on_the_page() -> list[str]:
    rows = re.findall(r"^\| (`[EW]_.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [code for row in rows for code in re.findall(r"`([EW]_[A-Z_]+)`", row)]


def test_the_page_lists_every_code_once() -> None:
    listed = codes_on_the_page()
    assert len(listed) == len(set(listed))
    assert set(listed) == codes_in_the_code()


def test_every_code_is_produced_in_a_test() -> None:
    of_flows = {item[0] for item in test_flow_file.FLOW_MISTAKES}
    of_flows |= {code for _, _, found_codes in test_flow_paths.WAYS for code, _, _ in found_codes} | {"E_GUIDE_TEXT"}
    of_command = {code for code, _, _, _ in MISTAKES} | {"E_PJSIP_FILE", "E_OPERATOR_PORTS", "E_SITE_MEDIA"}
    of_command |= {
        "E_UP_REFUSED",
        "W_TEXT_LONG",
        "W_SITE_CERTIFICATE",
        "E_CARRIER_PASSWORD",
        "E_SITE_OUTSIDE",
        "W_TEXT_EXAMPLE",
    }
    of_command |= {"W_ASTERISK_OLD", "W_ASTERISK_UNTESTED"} | {code for _, _, code, _, _ in test_training.MISTAKES}
    assert {
        *EDITS,
        *test_check_speech.CODES,
        *test_consulates_file.CODES,
        *(code for code, _ in test_check.SITUATIONS),
        *of_flows,
        *of_command,
    } == codes_in_the_code()
