"""Parse `extensions.conf` as Asterisk does, but report what cannot be parsed instead of skipping it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of a dialplan. Codes that begin with `E_` prevent it from being loaded, those with `W_` do not."""

    code: str
    line: int  # of the file, from 1
    sentence: str

    @property
    def is_error(self) -> bool:
        return self.code.startswith("E_")

    def __str__(self) -> str:
        return f"line {self.line}: {self.code}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Step:
    """One priority of an extension: `application(data)`."""

    line: int
    priority: int
    label: str | None
    application: str
    data: str

    def __str__(self) -> str:
        return f"{self.application}({self.data})"


Extension = list[Step]
Context = dict[str, Extension]


@dataclass(slots=True)
class Dialplan:
    """A parsed dialplan: context to extension to steps, in the order of the text."""

    contexts: dict[str, Context] = field(default_factory=dict)
    includes: list[tuple[int, str, str]] = field(default_factory=list)  # line, context, included context
    findings: list[Finding] = field(default_factory=list)


_SECTION = re.compile(r"\[([A-Za-z0-9_.-]+)\](?:\([^)]*\))?")
_ENTRY = re.compile(r"(exten|same|include|ignorepat|switch|eswitch|lswitch|autohints)\s*=>?\s*(.*)", re.IGNORECASE)
_PRIORITY = re.compile(r"(n|s|[0-9]+)(?:\+([0-9]+))?(?:\(([A-Za-z0-9_-]+)\))?")
_APPLICATION = re.compile(r"([A-Za-z0-9_]+)(?:\((.*)\))?", re.DOTALL)
_NOT_CONTEXTS = ("general", "globals")


def parse(text: str) -> Dialplan:
    """Parse a dialplan; what cannot be parsed is in its `findings`, with code `E_SYNTAX` or `E_PRIORITY`."""
    plan = Dialplan()
    section: str | None = None
    name: str | None = None  # of the extension that `same` continues
    for number, line in _lines(text):
        if match := _SECTION.fullmatch(line):
            section, name = match[1], None
            if section not in _NOT_CONTEXTS:
                plan.contexts.setdefault(section, {})
            continue
        if section in _NOT_CONTEXTS:
            continue
        if section is None:
            plan.findings.append(
                Finding("E_SYNTAX", number, f"'{line}' is before the first [context]; move it into one")
            )
            continue
        entry = _ENTRY.fullmatch(line)
        if entry is None:
            plan.findings.append(Finding("E_SYNTAX", number, f"'{line}' is not exten, same, include or a [context]"))
            continue
        kind, rest = entry[1].lower(), entry[2].strip()
        if kind == "include":
            plan.includes.append((number, section, rest.split(",")[0].strip()))
        elif kind in ("exten", "same"):
            if kind == "exten":
                name, _, rest = (part.strip() for part in rest.partition(","))
            if not name:
                plan.findings.append(Finding("E_SYNTAX", number, f"'{line}' has no extension; begin with exten"))
                continue
            _add_step(plan, plan.contexts[section].setdefault(name, []), number, rest)
    return plan


def _add_step(plan: Dialplan, steps: Extension, line: int, text: str) -> None:
    written, _, call = (part.strip() for part in text.partition(","))
    if written.lower() == "hint":
        return
    priority, application = _PRIORITY.fullmatch(written), _APPLICATION.fullmatch(call)
    if priority is None:
        plan.findings.append(
            Finding("E_PRIORITY", line, f"'{written}' is not a priority; write a number, n or n(label)")
        )
        return
    if application is None:
        plan.findings.append(Finding("E_SYNTAX", line, f"'{call}' is not an application; write Application(arguments)"))
        return
    last = steps[-1].priority if steps else 0
    at = {"n": last + 1, "s": last}.get(priority[1].lower()) if priority[1].isalpha() else int(priority[1])
    assert at is not None
    if priority[1].isalpha() and not steps:
        plan.findings.append(Finding("E_PRIORITY", line, "an extension must begin with priority 1, not n"))
    steps.append(Step(line, at + int(priority[2] or 0), priority[3], application[1], application[2] or ""))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the non-empty lines without comments (`; …`, and `;-- … --;` over several lines)."""
    in_comment = False
    for number, line in enumerate(text.splitlines(), 1):
        rest = line
        if in_comment:
            _, end, rest = rest.partition("--;")
            in_comment = not end
            if in_comment:
                continue
        if match := re.search(r"(?<!\\);--(?!-)", rest):
            rest, comment = rest[: match.start()], rest[match.end() :]
            in_comment = "--;" not in comment
        rest = re.split(r"(?<!\\);", rest, maxsplit=1)[0].replace(r"\;", ";").strip()
        if rest:
            yield number, rest
