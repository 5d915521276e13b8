"""Parse `extensions.conf` as Asterisk does, but report what cannot be parsed instead of skipping it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from dialplan.findings import DialplanError, Finding
from dialplan.lines import Line, Source, lines_of


@dataclass(frozen=True, slots=True)
class Step:
    """One priority of an extension: `application(data)`."""

    line: int
    priority: int
    label: str | None
    application: str
    data: str
    file: str = ""

    def __str__(self) -> str:
        return f"{self.application}({self.data})"


Extension = list[Step]
Context = dict[str, Extension]


@dataclass(frozen=True, slots=True)
class Include:
    """`include => other` in `context`."""

    line: int
    context: str
    other: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Hint:
    """`exten => name,hint,devices` in `context`."""

    line: int
    context: str
    name: str
    devices: str
    file: str = ""


@dataclass(slots=True)
class Dialplan:
    """A parsed dialplan: context to extension to steps, in the order of the text."""

    contexts: dict[str, Context] = field(default_factory=dict)
    includes: list[Include] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    switches: set[str] = field(default_factory=set)  # contexts that look extensions up elsewhere
    globals: dict[str, str] = field(default_factory=dict)
    general: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class Section:
    """`[name]` with its lines, those of its templates first: option, value, and where it was written."""

    name: str
    line: Line
    is_template: bool = False
    options: list[tuple[str, str, Line]] = field(default_factory=list)


_HEADER = re.compile(r"\[([^]]*)\](?:\(([^)]*)\))?(.*)", re.DOTALL)
_PRIORITY = re.compile(r"(n|next|s|same|[0-9]{1,9})(?:\+([0-9]{1,9}))?(?:\(([^()]*)\))?")
_NAME = re.compile(r"[A-Za-z0-9_]+")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_NO_PRIORITY = -2  # as Asterisk counts: n is one more than the line before, and a hint has -1
_HINT = -1
_MOST_INHERITED = 5_000_000  # options from templates, in all sections; 50,000 telephones have about half as many


def parse(text: str) -> Dialplan:
    """Parse a dialplan; what cannot be parsed is in its `findings`, with code `E_SYNTAX` or `E_PRIORITY`.

    Raises:
        DialplanError: Its sections inherit more options than a dialplan can have.
    """
    return parse_source(lines_of(text))


def parse_source(source: Source) -> Dialplan:
    """Parse a dialplan of several files, as `parse` does."""
    plan = Dialplan(findings=list(source.findings))
    found = sections(source.lines, plan.findings)
    for section in found:
        kind = section.name.lower()
        if kind in ("general", "globals"):
            (plan.general if kind == "general" else plan.globals).update(
                (name, text) for name, text, _ in section.options
            )
    for section in found:
        if section.name.lower() not in ("general", "globals"):
            _add_context(plan, section)
    return plan


def sections(lines: Iterable[Line], findings: list[Finding]) -> list[Section]:
    """Return the sections of a configuration in order, without its templates; report what has no place in one.

    Raises:
        DialplanError: They inherit more options than a configuration can have.
    """
    found: list[Section] = []
    named: dict[str, Section] = {}  # the first of each name
    inherited = 0
    opened: Section | None = None
    within: list[Section | None] = []  # the section of each file around; after an included file its own goes on
    for line in lines:
        del within[line.depth + 1 :]
        within += [opened] * (line.depth + 1 - len(within))
        current = within[-1]
        if line.text.startswith("["):
            opened, bases = _open(line, named, findings)
            within[-1] = opened
            if opened.line is line:
                found.append(opened)
                named.setdefault(opened.name, opened)
            for base in bases:
                inherited += len(base.options)
                if inherited > _MOST_INHERITED:
                    raise DialplanError(
                        f"{line.file or 'the configuration'}:{line.number}: with the templates of [{opened.name}], "
                        f"sections inherit more than {_MOST_INHERITED:,} options; look for templates that inherit from "
                        "the same one twice"
                    )
                opened.options += base.options
        elif current is None:
            findings.append(
                Finding(
                    "E_SYNTAX", line.number, f"'{line.text}' is before the first [context]; move it into one", line.file
                )
            )
        else:
            _add_option(current, line, findings)
    return [section for section in found if not section.is_template]


def _open(line: Line, named: dict[str, Section], findings: list[Finding]) -> tuple[Section, list[Section]]:
    """Return the section that a header begins or continues, and those from which it inherits."""
    header = _HEADER.fullmatch(line.text)

    def report(code: str, sentence: str) -> None:
        findings.append(Finding(code, line.number, sentence, line.file))

    if header is None:
        report("E_SYNTAX", f"'{line.text}' is not [context]")
        return Section("", line, is_template=True), []
    name, words, rest = header[1], [word.strip() for word in (header[2] or "").split(",")], header[3]
    if rest.lstrip().startswith("("):
        report("E_SYNTAX", f"Asterisk ignores '{rest.strip()}' after [{name}]; write it directly after the bracket")
    section = Section(name, line, is_template="!" in words)
    if any(word.startswith("+") for word in words):
        # `[name](+)` goes on with the first of that name.
        same = named.get(name)
        if same is None:
            report(
                "E_TEMPLATE", f"[{name}](+) adds to a section that does not exist, and Asterisk refuses the whole file"
            )
        else:
            section = same
    bases = []
    for word in words:
        if word and word != "!" and not word.startswith("+"):
            base = named.get(word)
            if base is None or base is section:
                report(
                    "E_TEMPLATE",
                    f"[{name}] inherits from [{word}], which does not exist; Asterisk refuses the whole file",
                )
            else:
                bases.append(base)
    return section, bases


def _add_option(section: Section, line: Line, findings: list[Finding]) -> None:
    name, equals, value = line.text.removeprefix("\\").partition("=")
    if not equals or not name.strip("+ \t"):
        findings.append(Finding("E_SYNTAX", line.number, f"'{line.text}' is not `option = value`", line.file))
        return
    if line.text.endswith("\\"):
        findings.append(
            Finding("W_CONTINUED", line.number, "no line continues on the next; remove the \\ at the end", line.file)
        )
    if name.endswith("+"):  # `option += more` continues the last value of that option
        name = name.removesuffix("+").strip()
        for at in reversed(range(len(section.options))):
            other, text, where = section.options[at]
            if other == name:
                section.options[at] = (name, f"{text}{value}".strip(), where)
                return
    section.options.append((name.strip(), value.removeprefix(">").strip(), line))


def _add_context(plan: Dialplan, section: Section) -> None:
    """Add a section's extensions to the context of its name, which may exist already."""
    context = plan.contexts.setdefault(section.name, {})
    name = ""  # of the extension that `same` continues
    last = _NO_PRIORITY
    for option, value, line in section.options:
        kind = option.lower()
        if kind == "include":
            other = _substitute(plan, value).split(",")[0].strip()
            plan.includes.append(Include(line.number, section.name, other, line.file))
        elif kind in ("switch", "eswitch", "lswitch"):
            plan.switches.add(section.name)
        elif kind == "exten" or kind.startswith("same"):
            rest = value
            if kind == "exten":
                written, rest = _first(value)
                name = _substitute(plan, written).strip()
            if not name:
                plan.findings.append(
                    Finding("E_SYNTAX", line.number, f"'{line.text}' has no extension; begin with exten", line.file)
                )
            else:
                last = _add_step(plan, section.name, context, name, last, line, rest)
        elif kind not in ("ignorepat", "autohints"):
            plan.findings.append(
                Finding("E_SYNTAX", line.number, f"'{line.text}' is not exten, same, include or a [context]", line.file)
            )


def _first(value: str) -> tuple[str, str]:
    """Return the extension and the rest; a comma within `[…]` belongs to the extension."""
    depth = at = 0
    while at < len(value):
        if value[at] == "\\":
            at += 1
        elif value[at] == "[":
            depth += 1
        elif value[at] == "]":
            depth = max(0, depth - 1)
        elif value[at] == "," and not depth:
            return value[:at], value[at + 1 :]
        at += 1
    return value, ""


def _substitute(plan: Dialplan, text: str) -> str:
    """Return the text with global variables; Asterisk does that as it loads the file."""
    return _VARIABLE.sub(lambda match: plan.globals.get(match[1], match[0]), text)


def _add_step(plan: Dialplan, context: str, extensions: Context, name: str, last: int, line: Line, text: str) -> int:
    """Add a step to an extension; return its priority, from which the next line counts."""
    written, _, call = (part.strip() for part in text.partition(","))

    def report(code: str, sentence: str) -> None:
        plan.findings.append(Finding(code, line.number, sentence, line.file))

    if written.partition("(")[0] == "hint":
        plan.hints.append(Hint(line.number, context, name, call, line.file))
        return _HINT
    priority = _PRIORITY.fullmatch(written)
    if priority is None:
        report("E_PRIORITY", f"'{written}' is not a priority; write a number, n or n(label)")
        return last
    at = int(priority[1]) if priority[1].isdecimal() else last + (priority[1] in ("n", "next"))
    if at < 1:
        after = "Asterisk drops it after a hint: " if last == _HINT else ""
        report("E_PRIORITY", f"{after}an extension must begin with priority 1, not {written}")
        return last
    at += int(priority[2] or 0)
    application, opened, data = call.partition("(")
    data, closed, rest = data.rpartition(")")
    application = application.strip()
    if opened and not closed:
        report("E_SYNTAX", f"'{call}' has no closing parenthesis")
        data = rest
    elif rest.strip() and opened:
        report("E_SYNTAX", f"'{call}' is not an application; Asterisk ignores what follows the last parenthesis")
    if not _NAME.fullmatch(application) and "$" not in application:
        report("E_SYNTAX", f"'{call}' is not an application; write Application(arguments)")
    extensions.setdefault(name, []).append(Step(line.number, at, priority[3], application, data, line.file))
    return at
