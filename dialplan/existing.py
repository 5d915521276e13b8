"""Our dialplan beside an administrator's own: our contexts in a file that theirs includes."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from dialplan.findings import Finding
from dialplan.lines import Source
from dialplan.load import Change, find_changes
from dialplan.parse import Context, Dialplan, Step, parse, parse_source
from dialplan.patterns import overlap
from dialplan.places import Places

FILE = "hatif-extensions.conf"
INCLUDE = f"#tryinclude {FILE}"

_GENERAL = re.compile(r"^\[general\]\n(?:(?![\[;]).*\n)*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The changes that loading our file would make, and findings: obstacles (`E_`) and what is worth knowing."""

    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]


def contexts_only(text: str) -> str:
    """Return a rendered dialplan without `[general]`, which is the administrator's."""
    return _GENERAL.sub("", text)


def compare_with(theirs: Source, ours: str, numbers: Collection[str] = ()) -> Comparison:
    """Compare our dialplan with an administrator's.

    Args:
        theirs: All their files; if they include `FILE` already, its lines are those that are loaded now.
        ours: The text of `FILE` as it would be.
        numbers: Numbers of the site; if none of their steps gives one to [hatif-entry] or [hatif-carrier], it is named.
    """
    own_names = [name for name in theirs.files if name.rpartition("/")[2] == FILE]
    loaded = Source([line for line in theirs.lines if line.file in own_names], [], own_names)
    others = Source([line for line in theirs.lines if line.file not in own_names], list(theirs.findings), theirs.files)
    plan, wanted = parse_source(others), parse(ours)
    findings = [
        *refused(plan.findings),
        *_same_contexts(plan, wanted),
        *_hidden(plan, wanted),
        *_entries(plan, numbers),
    ]
    if not theirs.includes(FILE):
        sentence = f"does not include our file; add `{INCLUDE}` at its end, or to a file of yours that it includes"
        findings.append(Finding("E_NOT_INCLUDED", 1, sentence, theirs.files[0]))
    return Comparison(tuple(find_changes(parse_source(loaded).contexts, wanted.contexts)), tuple(findings))


def refused(findings: Collection[Finding]) -> list[Finding]:
    """Return what makes Asterisk refuse all files of a configuration, ours too."""
    return [finding for finding in findings if finding.code in ("E_INCLUDE", "E_TEMPLATE")]


def _same_contexts(plan: Dialplan, wanted: Dialplan) -> Iterator[Finding]:
    for name in wanted.contexts:
        steps = [step for steps in plan.contexts.get(name, {}).values() for step in steps]
        if name in plan.contexts:
            step = min(steps, key=lambda other: other.line) if steps else None
            where = (step.line, step.file) if step else (1, "")
            sentence = f"[{name}] is also a context of yours, and Asterisk would mix both; rename yours"
            yield Finding("E_CLASH", where[0], sentence, where[1])


def _hidden(plan: Dialplan, wanted: Dialplan) -> Iterator[Finding]:
    """Yield a finding for each extension of theirs that hides ours, or is hidden, where they include us.

    Asterisk searches a context, then those that it includes, in their order; the first that takes the number wins.
    """
    both = Dialplan({**wanted.contexts, **plan.contexts}, [*plan.includes, *wanted.includes])
    places = Places(both)
    for context in plan.contexts:
        order = places.closure(context)
        for at, name in enumerate(order):
            if name not in wanted.contexts or name in plan.contexts:
                continue
            ours = wanted.contexts[name]
            for other in order[:at]:
                yield from _overlapping(plan.contexts.get(other, {}), ours, context, name, theirs_first=True)
            for other in order[at + 1 :]:
                yield from _overlapping(plan.contexts.get(other, {}), ours, context, name, theirs_first=False)


def _overlapping(theirs: Context, ours: Context, context: str, name: str, *, theirs_first: bool) -> Iterator[Finding]:
    for extension, steps in theirs.items():
        taken = [own for own in ours if overlap(extension, own)]
        if not taken or not steps:
            continue
        more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
        if theirs_first:
            code, sentence = "W_HIDES", f"{extension} hides {taken[0]}{more} of our [{name}] in [{context}]"
        else:
            code, sentence = "W_SHADOWED", f"{extension} is hidden in [{context}] by {taken[0]}{more} of our [{name}]"
        yield Finding(code, steps[0].line, sentence, steps[0].file)


def _entries(plan: Dialplan, numbers: Collection[str]) -> Iterator[Finding]:
    """Yield a finding if no step and no include of theirs gives us the calls of some numbers."""
    if any(include.other in ("hatif-carrier", "hatif-entry") for include in plan.includes):
        return
    steps: Sequence[Step] = [step for found in plan.contexts.values() for steps in found.values() for step in steps]
    given = [step.data for step in steps if re.search(r"\bhatif-(?:entry|carrier)\b", step.data)]
    missing = [number for number in numbers if not any(number in data or "$" in data for data in given)]
    if missing:
        more = f" and {len(missing) - 1} more numbers" if len(missing) > 1 else ""
        what = f"no step gives calls for {missing[0]}{more} to us"
        yield Finding("W_NO_ENTRY", 1, f"{what}; write Goto(hatif-entry,{missing[0]},1) where they come in", "")
