"""Checks of our own dialplan that Asterisk does not make, or only makes when a caller is already on the line."""

import re
from collections.abc import Collection, Iterator

from dialplan import checks
from dialplan.findings import Finding
from dialplan.parse import Extension, Step, parse
from dialplan.places import Places

APPLICATIONS = frozenset({
    "Answer", "AudioSocket", "ChannelRedirect", "DBdeltree", "Dial", "Echo", "Gosub", "GosubIf", "Goto", "GotoIf",
    "Hangup", "Log", "MusicOnHold", "NoOp", "Originate", "PJSIPHangup", "Playback", "Progress", "Queue", "Return",
    "Set", "SoftHangup", "Stasis", "UserEvent", "Verbose", "Wait",
})  # fmt: skip
"""The applications that a dialplan may use."""

FUNCTIONS = frozenset({
    "CALLERID", "CHANNEL", "CHANNELS", "CHANNEL_EXISTS", "CUT", "DB", "EXISTS", "FIELDQTY", "FILTER", "GLOBAL",
    "GROUP", "GROUP_COUNT", "IF", "IMPORT", "JSON_DECODE", "LEN", "LOCK", "PJSIP_HEADER",
    "PJSIP_TRANSFER_HANDLING", "REGEX", "SHARED", "SHIFT", "UNLOCK",
})  # fmt: skip
"""The functions that a dialplan may use."""

_UNTRUSTED = ("EXTEN", "CALLERID", "DB", "PJSIP_HEADER", "SIP_HEADER")  # values written by others
_ENDS = ("hangup", "goto", "return")
_TRUNK = re.compile(r"(?:^|[/@,&(^])(?:trunk|carrier)-", re.IGNORECASE)
_DIALLED = re.compile(r"\b(?:EXTEN|CALLERID)\b")
_AMI_LINE = 1_000  # bytes; AMI cannot read back longer data


def lint(text: str, prompts: Collection[str] | None = None) -> list[Finding]:
    """Return all findings in the order of the lines; `dialplan.rules` is for other dialplans.

    `prompts` are the existing sounds, as named in Playback (`hatif/fr/moment`); if None, sounds are not checked. A
    variable in a sound's folder stands for every existing folder.
    """
    plan = parse(text)
    places = Places(plan)
    findings = [*plan.findings, *checks.includes(places)]
    for context, extensions in plan.contexts.items():
        findings += checks.duplicates(context, extensions)
        for name, steps in extensions.items():
            findings += _pattern(name, steps)
            findings += _order(name, steps)
            for step in steps:
                findings += _known(step)
                findings += checks.brackets(step)
                findings += _untrusted(step)
                findings += _outside(step)
                findings += checks.targets(places, context, name, step)
                findings += _sounds(step, prompts)
                if len(step.data.encode()) > _AMI_LINE:
                    findings.append(
                        Finding("W_LONG", step.line, "is too long for AMI; set variables first, then use them")
                    )
    return sorted(set(findings), key=lambda finding: (finding.line, finding.code, finding.sentence))


def _pattern(name: str, steps: Extension) -> Iterator[Finding]:
    if steps and name.startswith("_") and name.endswith((".", "!")):
        yield Finding(
            "E_PATTERN",
            steps[0].line,
            f"pattern {name} has an open end, which also matches & @ and line breaks; write it out with X",
        )


def _order(name: str, steps: Extension) -> Iterator[Finding]:
    seen: set[int] = set()
    last = 0
    for step in steps:
        if step.priority not in seen and step.priority != last + 1:
            yield Finding(
                "E_PRIORITY", step.line, f"{name} has no priority {last + 1}, and Asterisk stops at the gap; add it"
            )
        seen.add(step.priority)
        last = step.priority
    if steps and steps[-1].application.lower() not in _ENDS:
        yield Finding(
            "W_END", steps[-1].line, f"{name} ends with {steps[-1].application}; end it with Hangup, Goto or Return"
        )


def _known(step: Step) -> Iterator[Finding]:
    applications = {application.lower() for application in APPLICATIONS}
    if step.application.lower() not in applications:
        yield Finding(
            "E_APPLICATION", step.line, f"application {step.application} is unknown or its module is not loaded"
        )
    for function in checks.functions(step):
        if function not in FUNCTIONS:
            yield Finding("E_FUNCTION", step.line, f"function {function} is unknown or its module is not loaded")


def _untrusted(step: Step) -> Iterator[Finding]:
    around: list[str] = []  # the enclosing ${…}
    for match in checks.READ.finditer(step.data):
        if match[0] == "}":
            around = around[:-1]
            continue
        # The length of an untrusted value is a number, so LEN is as good as FILTER.
        if match[1] in _UNTRUSTED and not {"FILTER", "LEN"}.intersection(around):
            yield Finding("E_UNFILTERED", step.line, f"{match[1]} is used unfiltered; put it into FILTER(allowed,…)")
        around.append(match[1] or "")


def _outside(step: Step) -> Iterator[Finding]:
    """Check that a step makes no outgoing call: that is the controller's, which checks numbers, hours and limits."""
    if _TRUNK.search(step.data):
        yield Finding("E_TRUNK", step.line, "uses a carrier's line; only the controller may call through one")
    if step.application.lower() == "dial" and _DIALLED.search(step.data):
        yield Finding("E_TRUNK", step.line, "dials an untrusted number; a telephone could choose whom we call")


def _sounds(step: Step, prompts: Collection[str] | None) -> Iterator[Finding]:
    if prompts is None or step.application.lower() not in ("playback", "background"):
        return
    for sound in step.data.split(",")[0].split("&"):
        folder, _, name = sound.rpartition("/")
        if "$" in name:
            continue  # the code that sets the variable is responsible for the prompt's existence in each language
        as_folder = re.compile(re.sub(r"\\\$\\\{\w+\\\}", "[^/]+", re.escape(folder)))
        folders = {prompt.rpartition("/")[0] for prompt in prompts}
        folders = {existing for existing in folders if as_folder.fullmatch(existing)}
        missing = sorted(existing for existing in folders if f"{existing}/{name}".lstrip("/") not in prompts)
        if missing or not folders:
            where = ", ".join(missing) or folder
            yield Finding("E_PROMPT", step.line, f"prompt {name} is missing in {where}; build it first")
