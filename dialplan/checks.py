"""Checks of single steps and extensions, for our own dialplan and for any other."""

import re
from collections.abc import Iterator

from dialplan.arguments import jumps
from dialplan.findings import Finding
from dialplan.parse import Context, Step
from dialplan.places import Places

READ = re.compile(r"\$\{(\w+)(\()?|\}|\{")
"""The beginning of `${NAME` or `${NAME(`, and brackets."""

_PAIRS = {")": "(", "]": "[", "}": "{"}


def duplicates(context: str, extensions: Context) -> Iterator[Finding]:
    """Find extensions, priorities and labels that exist already; Asterisk keeps the first."""
    seen: dict[str, str] = {}
    for name, steps in extensions.items():
        key = name if name.startswith("_") else name.replace("-", "")  # Asterisk ignores hyphens in an extension
        if steps and key in seen:
            sentence = f"to Asterisk, {name} in [{context}] is the same as {seen[key]}; keep one"
            yield Finding("E_DUPLICATE", steps[0].line, sentence, steps[0].file)
        seen[key] = name
        priorities: set[int] = set()
        labels: set[str] = set()
        for step in steps:
            if step.priority in priorities:
                sentence = f"priority {step.priority} of {name} exists already; renumber it"
                yield Finding("E_DUPLICATE", step.line, sentence, step.file)
            if step.label in labels:
                sentence = f"label {step.label} of {name} exists already; rename one"
                yield Finding("E_DUPLICATE", step.line, sentence, step.file)
            priorities.add(step.priority)
            if step.label:
                labels.add(step.label)


def functions(step: Step) -> list[str]:
    """Return the functions that a step reads or sets."""
    used = [match[1] for match in READ.finditer(step.data) if match[2]]
    if step.application.lower() == "set" and (match := re.match(r"(\w+)\(", step.data)):
        used.append(match[1])
    return used


def brackets(step: Step) -> Iterator[Finding]:
    """Find brackets and quotation marks without their other half."""
    data = step.data.replace("\\\\", "").replace('\\"', "")
    if data.count('"') % 2:
        yield Finding("E_BRACKETS", step.line, "a quotation mark is not closed", step.file)
        return
    opened: list[str] = []
    for character in re.sub(r'"[^"]*"', "", data):
        if character in "([{":
            opened.append(character)
        elif character in ")]}" and (not opened or opened.pop() != _PAIRS[character]):
            yield Finding("E_BRACKETS", step.line, f"'{character}' has no opening bracket", step.file)
            return
    if opened:
        yield Finding("E_BRACKETS", step.line, f"'{opened[-1]}' is not closed", step.file)


def targets(places: Places, context: str, name: str, step: Step) -> Iterator[Finding]:
    """Find jumps to a context, extension, priority or label that does not exist."""
    for jump in jumps(step):
        leads = places.lead(jump, context, name)
        if leads or leads is None:
            continue
        to_context, to_name = jump.context or context, jump.extension or name
        if to_context not in places.plan.contexts:
            where = f"[{to_context}], which does not exist"
        elif not places.find(to_context, to_name):
            where = f"{to_name}, which [{to_context}] does not have"
        else:
            where = f"{jump.priority}, which {to_name} does not have"
        yield Finding("E_TARGET", step.line, f"{step.application} leads to {where}", step.file)


def includes(places: Places) -> Iterator[Finding]:
    """Find includes of contexts that do not exist."""
    for include in places.plan.includes:
        if (
            include.other not in places.plan.contexts
            and include.other not in places.elsewhere
            and "$" not in include.other
        ):
            sentence = f"[{include.context}] includes [{include.other}], which does not exist"
            yield Finding("E_TARGET", include.line, sentence, include.file)
