"""Our contexts beside an administrator's: what they would hide, what hides them, and what is in the way, is named."""

from pathlib import Path

import pytest

from dialplan.existing import FILE, INCLUDE, Comparison, compare_with, contexts_only
from dialplan.findings import DialplanError
from dialplan.lines import read_tree
from dialplan.lint import lint
from dialplan.load import load
from dialplan.plan import Number, Plan, render

OURS = "[hatif-carrier]\nexten => 100,1,Hangup()\nexten => _+XXX,1,Hangup()\n[hatif-entry]\nexten => s,1,Hangup()\n"


def compare(folder: Path, theirs: str, *, loaded: str | None = None, numbers: tuple[str, ...] = ()) -> Comparison:
    (folder / "extensions.conf").write_text(theirs)
    if loaded is not None:
        (folder / FILE).write_text(loaded)
    return compare_with(read_tree(folder / "extensions.conf", lambda path: path.name), OURS, numbers)


def found(comparison: Comparison) -> list[tuple[str, int]]:
    return [(finding.code, finding.line) for finding in comparison.findings]


def test_our_file_has_our_contexts_and_no_general_options() -> None:
    text = render(Plan("node", (Number("+33800212000", "FR", "fr"),), ("fr",), ("1001",)))
    ours = contexts_only(text)
    assert "[general]" in text and "[general]" not in ours and "autofallthrough" not in ours
    assert text.count("\nexten") == ours.count("\nexten") and text.count("\n[") == ours.count("\n[") + 1
    assert lint(ours) == []


def test_a_dialplan_that_does_not_include_our_file_is_told_the_line(tmp_path: Path) -> None:
    comparison = compare(tmp_path, "[a]\nexten => s,1,Hangup()\n")
    assert found(comparison) == [("E_NOT_INCLUDED", 1)]
    assert INCLUDE in comparison.findings[0].sentence
    assert [str(change) for change in comparison.changes] == ["added: hatif-carrier", "added: hatif-entry"]


def test_the_line_counts_before_there_is_the_file_and_from_any_of_their_files(tmp_path: Path) -> None:
    assert found(compare(tmp_path, f"[a]\n{INCLUDE}\n")) == []
    (tmp_path / "custom.conf").write_text(f"{INCLUDE}\n")
    assert found(compare(tmp_path, "#include custom.conf\n")) == []
    assert found(compare(tmp_path, "#tryinclude hatif-*.conf\n")) == []


def test_what_is_loaded_already_is_compared_and_is_not_theirs(tmp_path: Path) -> None:
    assert compare(tmp_path, f"{INCLUDE}\n", loaded=OURS) == Comparison((), ())
    changed = compare(tmp_path, f"{INCLUDE}\n", loaded=OURS.replace("100", "101"))
    assert [str(change) for change in changed.changes] == [
        "added: hatif-carrier, extension 100",
        "removed: hatif-carrier, extension 101",
    ]


def test_a_context_of_our_name_is_a_clash(tmp_path: Path) -> None:
    comparison = compare(tmp_path, f"{INCLUDE}\n[other]\n\n[hatif-entry]\nexten => 1,1,Hangup()\n")
    assert found(comparison) == [("E_CLASH", 5)]


def test_lines_that_hide_ours_and_that_ours_hide_are_named(tmp_path: Path) -> None:
    text = f"""\
{INCLUDE}
[from-trunk]
include => first
include => hatif-carrier
include => last
exten => 100,1,Hangup()
exten => 200,1,Hangup()
[first]
exten => _+3XX,1,Hangup()
[last]
exten => _XXX,1,Hangup()
exten => _+X.,1,Hangup()
exten => 999,1,Hangup()
[apart]
exten => 100,1,Hangup()
"""
    comparison = compare(tmp_path, text)
    assert found(comparison) == [("W_HIDES", 6), ("W_HIDES", 9), ("W_SHADOWED", 11), ("W_SHADOWED", 12)]
    assert [finding.sentence for finding in comparison.findings][1:3] == [
        "_+3XX hides _+XXX of our [hatif-carrier] in [from-trunk]",
        "_XXX is hidden in [from-trunk] by 100 of our [hatif-carrier]",
    ]


def test_a_number_whose_calls_nobody_gives_to_us_is_named(tmp_path: Path) -> None:
    text = f"{INCLUDE}\n[in]\nexten => _X.,1,Goto(hatif-entry,+331,1)\n"
    comparison = compare(tmp_path, text, numbers=("+331", "+332"))
    assert [finding.code for finding in comparison.findings] == ["W_NO_ENTRY"]
    assert "+332" in comparison.findings[0].sentence
    assert found(compare(tmp_path, f"{INCLUDE}\n[in]\ninclude => hatif-carrier\n", numbers=("+332",))) == []
    assert found(compare(tmp_path, text.replace("+331", "${EXTEN}"), numbers=("+332",))) == []


def test_a_missing_file_or_template_of_theirs_is_named_since_asterisk_would_load_nothing(tmp_path: Path) -> None:
    assert found(compare(tmp_path, f"{INCLUDE}\n#include missing.conf\n")) == [("E_INCLUDE", 2)]
    assert found(compare(tmp_path, f"{INCLUDE}\n[a](missing)\n")) == [("E_TEMPLATE", 2)]
    assert found(compare(tmp_path, f"{INCLUDE}\n[missing](+)\n")) == [("E_TEMPLATE", 2)]


def test_after_an_included_file_the_section_of_the_including_one_goes_on(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(OURS)
    comparison = compare(tmp_path, f"[a]\ninclude => b\n{INCLUDE}\nexten => 1,1,Hangup()\n[b]\n", loaded=OURS)
    assert comparison == Comparison((), ())


class Empty:
    """An Asterisk without a dialplan."""

    async def listing(self, name: str, **fields: str | int) -> list[dict[str, str]]:
        return []

    async def reload(self, module: str) -> None:
        raise AssertionError("nothing was written")


async def test_a_file_that_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DialplanError, match=r"hatif-extensions\.conf cannot be written: No such file or directory; f"):
        await load(Empty(), tmp_path / "missing", OURS, name=FILE)
    (tmp_path / FILE).write_bytes(b"\xff")
    with pytest.raises(DialplanError, match=r"hatif-extensions\.conf cannot be read: .* invalid start byte"):
        await load(Empty(), tmp_path, OURS, name=FILE)
