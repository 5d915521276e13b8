"""Values that callers write, on their way to where they choose what is dialled, run or opened."""

import re
from collections.abc import Collection, Iterator

from dialplan.arguments import branches, inner_step, jumps, split
from dialplan.findings import Finding
from dialplan.parse import Dialplan, Step
from dialplan.patterns import is_open
from dialplan.places import Places

READ = re.compile(r"\$\{(\w+)(\()?|\}|\{")
"""The beginning of `${NAME` or `${NAME(`, and brackets."""

_CLEAN = frozenset(
    ("FILTER", "LEN", "MD5", "SHA1", "URIENCODE", "BASE64_ENCODE", "EXISTS", "ISNULL", "REGEX", "FIELDNUM", "FIELDQTY")
)
"""Functions whose value is harmless whatever they are given."""

_HEADERS = ("PJSIP_HEADER", "PJSIP_HEADERS", "SIP_HEADER", "SIPDOMAIN", "CALLERIDNUM")
_PRESENTATION = re.compile(r"\s*\w*-?(?:pres|ton|valid|tns|charset|plan)", re.IGNORECASE)
_RUN = {
    *("agi", "eagi", "exec", "externalivr", "fastagi", "system", "tryexec", "trysystem"),  # run
    *("chanisavail", "dial", "originate", "page", "retrydial"),  # dial
    *("controlplayback", "mixmonitor", "monitor", "playback", "read", "record"),  # open
}
"""Applications that dial, run or open what their arguments name."""

_RUN_FUNCTIONS = ("CURL", "EVAL", "FILE", "SHELL")
_SET = re.compile(r"(?:LOCAL|GLOBAL|SHARED)?\(?_{0,2}(\w+)\)?=(.*)", re.DOTALL)

_MOST_ROUNDS = 20  # of values on their way from variable to variable, against the order of the lines
_WHERE = "where the call goes"  # with a comma, into another context; a warning, since many dialplans do it

Tainted = set[tuple[str, str]]  # context, or empty for every context, and variable


def find_untrusted(plan: Dialplan, places: Places) -> Iterator[Finding]:
    """Yield a finding for each step at which a caller may choose what is dialled, run, opened or gone to.

    What the caller may write: their number and name, SIP headers, and the number dialled where a pattern takes more
    than the characters of numbers; also in variables that were set from these. FILTER makes a value harmless. A
    variable that is filtered into itself counts as harmless everywhere.
    """
    steps = [
        (context, name, step)
        for context, extensions in plan.contexts.items()
        for name, written in extensions.items()
        for step in written
    ]
    tainted = _variables(steps, places)
    for context, name, step in steps:
        for data, what in _sensitive(step):
            if untrusted := next(_untrusted(data, context, name, tainted), None):
                sentence = f"{untrusted} comes from the caller, who may choose {what}; put it into FILTER(allowed,…)"
                yield Finding("W_UNFILTERED" if what == _WHERE else "E_UNFILTERED", step.line, sentence, step.file)
                break


def _variables(steps: Collection[tuple[str, str, Step]], places: Places) -> Tainted:
    """Return the variables that may have a caller's value."""
    filtered = {
        name
        for _, _, step in steps
        for name, value in _assignments(step)
        if "FILTER(" in value and re.search(rf"FILTER\([^$]*\$\{{{name}\b", value)
    }
    tainted: Tainted = set()
    for _ in range(_MOST_ROUNDS):
        size = len(tainted)
        for context, extension, step in steps:
            for name, value in _assignments(step):
                if name not in filtered and next(_untrusted(value, context, extension, tainted), None):
                    tainted.add(("", name))
            for jump in jumps(step):
                for number, value in enumerate(jump.arguments, 1):
                    target = jump.context or context
                    if "$" not in target and next(_untrusted(value, context, extension, tainted), None):
                        tainted |= {(inner, f"ARG{number}") for inner in places.closure(target)}
        if len(tainted) == size:
            break
    return tainted


def _assignments(step: Step) -> Iterator[tuple[str, str]]:
    kind = step.application.lower()
    if kind in ("set", "mset"):
        for part in split(step.data) if kind == "mset" else [step.data]:
            if match := _SET.fullmatch(part.strip()):
                yield match[1], match[2]
    elif kind == "execif":
        for call in branches(step.data)[1:]:
            inner = inner_step(step, call)
            if inner is not None:
                yield from _assignments(inner)


def _sensitive(step: Step) -> Iterator[tuple[str, str]]:
    """Yield the parts of a step that a caller must not write, each with what they would choose."""
    kind = step.application.lower()
    if kind in _RUN:
        yield step.data, f"what {step.application} does"
    elif kind in ("execif", "execiftime"):
        for call in branches(step.data)[1:]:
            inner = inner_step(step, call)
            if inner is not None:
                yield from _sensitive(inner)
    else:
        for jump in jumps(step):
            yield f"{jump.context or ''},{jump.extension or ''},{jump.priority}", _WHERE
    for function in _RUN_FUNCTIONS:
        for match in re.finditer(rf"\$\{{{function}\(", step.data):
            yield split(step.data[match.end() :], "}", 1)[0], f"what {function} does"


def _untrusted(data: str, context: str, extension: str, tainted: Tainted) -> Iterator[str]:
    """Yield the caller's values in a text that no function makes harmless."""
    around: list[str] = []  # the enclosing ${…}
    for match in READ.finditer(data):
        if match[0] == "}":
            around = around[:-1]
            continue
        name = match[1] or ""
        if not _CLEAN.intersection(around) and name not in _CLEAN:
            was_set = not match[2] and not tainted.isdisjoint({("", name), (context, name)})
            if name == "CALLERID" and not _PRESENTATION.match(data, match.end()):
                yield f"CALLERID({re.split(r'[)}]', data[match.end() :], maxsplit=1)[0]})"
            elif was_set or name in _HEADERS or (name == "EXTEN" and is_open(extension)):
                yield name
        around.append(name)
