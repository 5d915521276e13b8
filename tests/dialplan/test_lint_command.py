"""`hatif dialplan lint FILE|DIR`: what it prints, and what it makes of Asterisk's own sample files."""

import json
import re
from pathlib import Path

import pytest
from line import CACHE
from shell import Answer, Shell

SAMPLES = CACHE / "asterisk" / "root" / "usr" / "share" / "asterisk" / "conf"
BROKEN = "[a]\nexten => s,1,Playbck(100%)\n same => n,Hangup()\n same => n,NoOp()\n"


def lint(home: Path, *arguments: str) -> Answer:
    return Shell(home).run("dialplan", "lint", *arguments, "--asterisk", "22")


def test_findings_are_printed_for_people_programs_and_github(tmp_path: Path) -> None:
    file = tmp_path / "extensions.conf"
    file.write_text(BROKEN)
    text = lint(tmp_path, str(file))
    assert text.returncode == 1
    first, second = text.stdout.splitlines()
    assert first.startswith(f"{file}:2: E_APPLICATION: application Playbck is unknown to Asterisk 22.")
    assert first.endswith("is it Playback?")
    assert second == f"{file}:4: W_UNREACHABLE: nothing leads to this step of s; remove it"
    assert lint(tmp_path, str(tmp_path)).stdout == text.stdout  # a folder is that of its extensions.conf
    rows = json.loads(lint(tmp_path, str(file), "--json").stdout)
    assert rows == json.loads(lint(tmp_path, str(file), "--format", "json").stdout)
    assert (rows[1]["code"], rows[1]["file"], rows[1]["line"]) == ("W_UNREACHABLE", str(file), 4)
    github = lint(tmp_path, str(file), "--format", "github").stdout.splitlines()
    assert github[0].startswith(f"::error file={file},line=2,title=E_APPLICATION::application Playbck")
    assert github[1].startswith(f"::warning file={file},line=4,title=W_UNREACHABLE::")


def test_silenced_findings_neither_appear_nor_count(tmp_path: Path) -> None:
    file = tmp_path / "extensions.conf"
    file.write_text(BROKEN)
    answer = lint(tmp_path, str(file), "--silence", "E_APP")
    assert (answer.returncode, answer.stdout.count("\n")) == (0, 1)
    answer = lint(tmp_path, str(file), "--silence", "E_", "--silence", "W_UN")
    assert (answer.returncode, answer.stdout) == (0, "Nothing found.\n")


def test_text_of_a_file_does_not_reach_the_terminal_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "extensions.conf"
    file.write_text("[a]\n\x1b[2Jexten\n")
    assert "\x1b" not in lint(tmp_path, str(file)).stdout
    file.write_text("[a]\n100%\r::error::x\n")
    (row,) = lint(tmp_path, str(file), "--format", "github").stdout.splitlines()
    assert "'100%25?::error::x'" in row


def test_queues_endpoints_and_sounds_are_those_of_the_files_beside(tmp_path: Path) -> None:
    (tmp_path / "sounds" / "fr").mkdir(parents=True)
    (tmp_path / "sounds" / "fr" / "hello.gsm").touch()
    for name, text in {
        "asterisk": f"[directories]\nastdatadir => {tmp_path}\n",
        "queues": "[general]\n[sales]\n",
        "pjsip": "[phone](!)\ntype = endpoint\n#include more.conf\n",
        "more": "[100](phone)\ncontext = a\n[100]\ntype = aor\n[101]\ntype = aor\n[102](phone)\ncontext = b\n",
        "res_parking": "[default]\ncontext => lot\n",
        "extensions": "[a]\ninclude => lot\nexten => s,1,Playback(hello&fr/hello)\n same => n,Dial(PJSIP/100)\n"
        " same => n,Queue(sales)\n same => n,Playback(bye)\n same => n,Dial(PJSIP/101)\n same => n,Queue(general)\n",
    }.items():
        (tmp_path / f"{name}.conf").write_text(text)
    rows = json.loads(lint(tmp_path, str(tmp_path), "--json").stdout)
    assert [(row["code"], row["line"]) for row in rows] == [
        ("E_SOUND", 6),
        ("E_ENDPOINT", 7),
        ("E_QUEUE", 8),
        ("E_CONTEXT", 7),
    ]
    assert rows[-1]["file"] == str(tmp_path / "more.conf")
    # Where some of them cannot be read, or a database has them too, nothing is known.
    pjsip, queues = (tmp_path / f"{name}.conf" for name in ("pjsip", "queues"))
    written = pjsip.read_text(), queues.read_text()
    pjsip.write_text(f"{written[0]}#exec passwords.sh\n")
    queues.write_text(f"{written[1]}#include missing.conf\n")
    rows = json.loads(lint(tmp_path, str(tmp_path), "--json").stdout)
    assert [row["code"] for row in rows] == ["E_SOUND", "E_CONTEXT"]
    pjsip.write_text(written[0])
    queues.write_text(written[1])
    (tmp_path / "extconfig.conf").write_text("[settings]\nqueues => odbc,asterisk\nps_endpoints => odbc,asterisk\n")
    rows = json.loads(lint(tmp_path, str(tmp_path), "--json").stdout)
    assert [row["code"] for row in rows] == ["E_SOUND", "E_CONTEXT"]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        # A subroutine that the page of extensions does not have, an application that went with chan_sip, and extensions
        # that only callers' jumps could enter.
        ("samples/extensions.conf.sample", {"E_APPLICATION": 1, "E_TARGET": 2, "E_PRIORITY": 3}),
        ("basic-pbx/extensions.conf", {"E_TARGET": 3}),
    ],
)
def test_asterisk_s_own_samples_have_few_findings(file: str, expected: dict[str, int], tmp_path: Path) -> None:
    copy = tmp_path / "extensions.conf"
    copy.write_bytes((SAMPLES / file).read_bytes())
    errors = [row["code"] for row in json.loads(lint(tmp_path, str(copy), "--json", "--silence", "W_").stdout)]
    assert {code: errors.count(code) for code in errors} == expected


def test_the_page_names_every_code() -> None:
    root = Path(__file__).parents[2]
    sources = [*(root / "dialplan").glob("*.py"), *(root / "asterisk_conf").glob("existing.py")]
    sources += (root / "cli" / "existing").glob("*.py")
    written = {code for path in sources for code in re.findall(r'"([EW]_[A-Z_]+)"', path.read_text())}
    pages = "".join((root / "docs" / name).read_text() for name in ("dialplan-lint.md", "existing-asterisk.md"))
    assert {code for code in written if f"`{code}`" not in pages} == set()
    assert len(written) > 30
