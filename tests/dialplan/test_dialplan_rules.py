"""Each mistake of any dialplan is found at its line, and nothing else is; files from anywhere get a sentence."""

import os
import re
from pathlib import Path

import pytest
from every import every
from hypothesis import given, settings
from hypothesis import strategies as st
from properties import examples

from dialplan.arguments import split
from dialplan.findings import DialplanError
from dialplan.lines import lines_of, read_tree
from dialplan.names import VERSIONS, Names, from_console, shipped
from dialplan.parse import parse
from dialplan.patterns import matches, overlap
from dialplan.rules import Surroundings, find_mistakes, keep

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.conf"))
AROUND = Surroundings(
    shipped("22"),
    sounds={"a", "beep", "fr/hello", "hello", "office-menu", "pbx-invalid", "vm-nobodyavail"},
    queues={"sales"},
    endpoints={"100", "6"},
    elsewhere={"parkedcalls"},
)


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.stem)
def test_each_line_of_the_corpus_has_the_findings_that_its_comment_names(file: Path) -> None:
    expected = set()
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if match := re.search(r"; finds: (.*)", line):
            expected |= {(number, code) for code in match[1].split()}
    found = find_mistakes(read_tree(file, lambda path: path.name), AROUND)
    assert {(finding.line, finding.code) for finding in found} == expected
    assert {finding.file for finding in found} <= {file.name}


def codes(text: str, around: Surroundings = AROUND) -> list[tuple[str, int]]:
    return [(finding.code, finding.line) for finding in find_mistakes(lines_of(text), around)]


def test_what_is_not_known_is_not_checked() -> None:
    text = "[a]\nexten => s,1,Playback(x)\n same => n,Queue(x)\n same => n,Dial(PJSIP/x)\n same => n,Hangup()\n"
    assert len(codes(text)) == 3
    assert codes(text, Surroundings(shipped("22"))) == []


def test_a_name_nearly_right_is_suggested() -> None:
    (finding,) = find_mistakes(lines_of("[a]\nexten => s,1,Set(A=${Callerid(num)})\n"), AROUND)
    assert finding.sentence == f"function Callerid is unknown to Asterisk {shipped('22').version}; is it CALLERID?"


def test_codes_are_silenced_by_their_beginning() -> None:
    found = find_mistakes(lines_of("[a]\nexten => s,1,Playbck(x)\n same => n,Hangup()\n same => n,NoOp()\n"), AROUND)
    assert [finding.code for finding in found] == ["E_APPLICATION", "W_UNREACHABLE"]
    assert [finding.code for finding in keep(found, ["W_"])] == ["E_APPLICATION"]
    assert keep(found, ["E_APP", "W_UN"]) == []
    assert keep(found, []) == found


# Names


def test_chan_sip_and_macros_are_known_to_asterisk_20_only() -> None:
    assert "SIP" in shipped("20").technologies and "Macro" in shipped("20").applications
    for version in VERSIONS[1:]:
        assert "SIP" not in shipped(version).technologies and "Macro" not in shipped(version).applications
    for version in VERSIONS:
        names = shipped(version)
        assert names.version.startswith(f"{version}.")
        assert len(names.applications) > 190 and len(names.functions) > 200
        assert {"Dial", "Goto", "Stasis"} <= names.applications and {"PJSIP", "Local"} <= names.technologies


def test_the_names_of_a_running_asterisk_are_read_from_its_console() -> None:
    names = from_console(
        "Asterisk 20.5.0 built by nobody @ nowhere on a x86_64 running Linux\n",
        "    -= Registered Asterisk Applications =-\n             Dial: Attempt to connect.\n"
        "    -= 1 Applications Registered =-\n",
        "Installed Custom Functions:\n" + "-" * 80 + "\nLEN                   LEN(string)          Return the length.\n"
        "PJSIP_TRANSFER_HANDL  PJSIP_TRANSFER_HANDLING()            Handle transfers.\n"
        "1 custom functions installed.\n",
        "Type             Description                   Devicestate   Presencestate   Indications   Transfer\n"
        "---------------  ----------------------------  ------------  --------------  ------------  --------\n"
        "PJSIP            PJSIP Channel Driver          yes           no              yes           yes\n"
        "----------\n1 channel drivers registered.\n",
    )
    assert names == Names(
        "20.5.0", frozenset({"Dial"}), frozenset({"LEN", "PJSIP_TRANSFER_HANDLING"}), frozenset({"PJSIP"})
    )


# Files


def tree(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / f"{name}.conf"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder / "extensions.conf"


def found_in(root: Path) -> list[tuple[str, str, int]]:
    found = find_mistakes(read_tree(root, lambda path: path.name), AROUND)
    return [(finding.code, finding.file, finding.line) for finding in found]


def test_included_files_are_read_in_their_place_and_named_in_findings(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        extensions='[a]\n#include "more.conf"\n same => n,Hangup()\n#tryinclude nothing.conf\n#include <set*.conf>\n',
        more="exten => s,1,NoOp()\n same => n,Playbck(a)\n",
        set1="[b]\nexten => s,1,Goto(c,s,1)\n",
        set2="[c]\nexten => s,1,Goto(a,s,4)\n",
    )
    assert found_in(root) == [("E_APPLICATION", "more.conf", 2), ("E_TARGET", "set2.conf", 2)]


def test_a_program_of_exec_is_not_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    root = tree(tmp_path, extensions=f"#exec touch {ran}\n[a]\nexten => s,1,Hangup()\n")
    assert found_in(root) == [("W_EXEC", "extensions.conf", 1)]
    assert not ran.exists()


def test_files_that_are_missing_or_include_one_another_are_reported(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        extensions="#include missing.conf\n#include one.conf\n#include\n#nothing x\n",
        one="#include two.conf\n",
        two="#include one.conf\n#include ./extensions.conf\n",
    )
    assert found_in(root) == [
        ("E_INCLUDE", "extensions.conf", 1),
        ("E_SYNTAX", "extensions.conf", 3),
        ("E_SYNTAX", "extensions.conf", 4),
        ("E_INCLUDE", "two.conf", 1),
        ("E_INCLUDE", "two.conf", 2),
    ]


def test_files_within_files_end_where_asterisk_s_do(tmp_path: Path) -> None:
    files = {f"f{number}": f"#include f{number + 1}.conf\n" for number in range(30)}
    root = tree(tmp_path, extensions="#include f0.conf\n", **files)
    assert found_in(root) == [("E_INCLUDE", "f8.conf", 1)]


def test_a_file_that_is_no_text_is_reported(tmp_path: Path) -> None:
    root = tree(tmp_path, extensions="#include bytes.conf\n#include pipe.conf\n#include latin.conf\n")
    (tmp_path / "bytes.conf").write_bytes(b"\x7fELF\0\0\0")
    (tmp_path / "latin.conf").write_bytes("[a]\n; größe\nexten => s,1,Hangup()\n".encode("latin-1"))
    os.mkfifo(tmp_path / "pipe.conf")
    assert found_in(root) == [
        ("E_INCLUDE", "extensions.conf", 1),
        ("E_INCLUDE", "extensions.conf", 2),
        ("W_ENCODING", "latin.conf", 2),
    ]


def test_a_huge_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialplan.lines.MOST_BYTES", 1_000_000)
    root = tree(tmp_path, extensions="#include big.conf\n", big="[a]\n" + ";" * 1_000_000)
    with pytest.raises(DialplanError, match=r"big\.conf makes this more than"):
        read_tree(root)


def test_templates_that_double_without_end_are_refused() -> None:
    doubled = "".join(f"[t{number}](!,t{number - 1},t{number - 1})\n" for number in range(1, 60))
    with pytest.raises(DialplanError, match=r":\d+: with the templates of \[t\d+\], .* more than 5,000,000 options"):
        parse(f"[t0](!)\nexten => s,1,Hangup()\n{doubled}[a](t59)\n")


# Properties

_PIECES = (
    *("[a]", "[b](!)", "[c](b)", "[a](+)", "exten => ", "same => ", "s", "_X.", "_[1-", ",", "1", "n", "hint", "(x)"),
    *("Goto(", "GotoIf(", "Gosub(", "While(", "EndWhile()", "Return()", "Dial(PJSIP/", "Set(", "${", "$[", "}", "]"),
    *("(", ")", '"', "\\", ";", ";--", "--;", "?", ":", "EXTEN", "CALLERID(num)", "include => ", "a", "b", "\n", "&"),
    *("#include x", "=", "+=", "\x00", "\u2028", "é", "99999999999", "FILTER("),
)
_TEXTS = st.lists(st.sampled_from(_PIECES), max_size=60).map("".join) | st.text(max_size=200)


@settings(max_examples=examples(300), deadline=None)
@given(_TEXTS)
def test_no_text_stops_the_search_for_mistakes(text: str) -> None:
    for finding in find_mistakes(lines_of(text), AROUND):
        assert 1 <= finding.line <= text.count("\n") + 1


@settings(max_examples=examples(60), deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True).filter(lambda name: name not in ("general", "globals")),
        st.dictionaries(
            st.from_regex(r"[a-z0-9*#+]{1,6}", fullmatch=True),
            st.lists(st.from_regex(r"[^;\\\n\r()\x00-\x1f\x85\u2028]{0,20}", fullmatch=True), min_size=1, max_size=4),
            max_size=4,
        ),
        max_size=4,
    )
)
def test_what_was_written_is_parsed(written: dict[str, dict[str, list[str]]]) -> None:
    lines = []
    for context, extensions in written.items():
        lines.append(f"[{context}] ; a comment")
        for name, steps in extensions.items():
            lines += [f"exten => {name},1,NoOp({steps[0]})", *(f" same=>n,NoOp({step})" for step in steps[1:])]
    plan = parse("\n".join(lines))
    assert plan.findings == []
    found = {
        context: {name: [step.data for step in steps] for name, steps in extensions.items()}
        for context, extensions in plan.contexts.items()
    }
    assert found == written


@given(st.lists(st.from_regex(r"[^,()\[\]{}\"\\]*|\([^()\[\]{}\"\\]*\)", fullmatch=True), min_size=1))
def test_arguments_are_split_at_commas_that_are_not_within_brackets(parts: list[str]) -> None:
    assert split(",".join(parts)) == parts


_PATTERN = st.from_regex(r"_[XZN0-3]{0,3}(\[1-3\])?[.!]?", fullmatch=True)


@settings(max_examples=examples(200), deadline=None)
@given(_PATTERN, _PATTERN, st.from_regex(r"[0-9]{0,5}", fullmatch=True))
def test_patterns_that_take_the_same_number_overlap(one: str, other: str, dialled: str) -> None:
    if matches(one, dialled) and matches(other, dialled):
        assert overlap(one, other)


@every(
    ("one", "other", "expected"),
    [
        ("100", "100", True),
        ("1-00", "100", True),
        ("100", "_1XX", True),
        ("_1XX", "_2XX", False),
        ("_1XX", "_1X", False),
        ("_1.", "_1XX", True),
        ("_1.", "1", False),
        ("_1!", "1", True),
        ("_X.", "_.", True),
        ("_[2-4]X", "_[4-6]X", True),
        ("_[2-3]X", "_[4-6]X", False),
        ("s", "_X.", False),
    ],
)
def test_extensions_overlap(one: str, other: str, expected: bool) -> None:
    assert overlap(one, other) is expected
    assert overlap(other, one) is expected
