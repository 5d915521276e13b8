"""Checks of a dialplan that Asterisk does not make, or only makes when a caller is already on the line."""

import re
from collections.abc import Collection, Iterator

from dialplan.parse import Context, Dialplan, Extension, Finding, Step, parse

APPLICATIONS = {
    **dict.fromkeys(("Answer", "Goto", "GotoIf", "Hangup", "NoOp", "Set", "Wait"), None),
    "ChannelRedirect": "app_channelredirect",
    "DBdeltree": "app_db",
    "Dial": "app_dial",
    "Echo": "app_echo",
    "Gosub": "app_stack",
    "GosubIf": "app_stack",
    "Log": "app_verbose",
    "MusicOnHold": "res_musiconhold",
    "Originate": "app_originate",
    "Playback": "app_playback",
    "Queue": "app_queue",
    "Return": "app_stack",
    "SoftHangup": "app_softhangup",
    "Stasis": "app_stasis",
    "UserEvent": "app_userevent",
    "Verbose": "app_verbose",
}
"""The applications that a dialplan may use, with the module to load for each; None for those in Asterisk's core."""

FUNCTIONS = {
    "CALLERID": "func_callerid",
    "CHANNEL": "func_channel",
    "CHANNELS": "func_channel",
    "CHANNEL_EXISTS": "func_channel",
    "CUT": "func_cut",
    "DB": "func_db",
    "EXISTS": "func_logic",
    "FIELDQTY": "func_strings",
    "FILTER": "func_strings",
    "GLOBAL": "func_global",
    "GROUP": "func_groupcount",
    "GROUP_COUNT": "func_groupcount",
    "IF": "func_logic",
    "IMPORT": "func_logic",
    "JSON_DECODE": "func_json",
    "LEN": "func_strings",
    "LOCK": "func_lock",
    "PJSIP_HEADER": "res_pjsip_header_funcs",
    "PJSIP_TRANSFER_HANDLING": "chan_pjsip",
    "REGEX": "func_strings",
    "SHIFT": "func_strings",
    "UNLOCK": "func_lock",
}
"""The functions that a dialplan may use, with the module to load for each."""

MODULES = frozenset(module for module in (*APPLICATIONS.values(), *FUNCTIONS.values()) if module) | {"pbx_config"}
"""The modules that `modules.conf` must load for the dialplan."""

_UNTRUSTED = ("EXTEN", "CALLERID", "DB", "PJSIP_HEADER", "SIP_HEADER")  # values written by others
_ENDS = ("hangup", "goto", "return")
_HANGUP_HANDLER = re.compile(r"CHANNEL\(hangup_handler_(?:push|wipe|pop)\)=(.+)")
_READ = re.compile(r"\$\{(\w+)(\()?|\}|\{")
_PAIRS = {")": "(", "]": "[", "}": "{"}
_TRUNK = re.compile(r"(?:^|[/@,&(^])(?:trunk|carrier)-", re.IGNORECASE)
_DIALLED = re.compile(r"\b(?:EXTEN|CALLERID)\b")
_AMI_LINE = 1_000  # bytes; AMI cannot read back longer data


def lint(text: str, prompts: Collection[str] | None = None) -> list[Finding]:
    """Return all findings in the order of the lines.

    `prompts` are the existing sounds, as named in Playback (`hatif/fr/moment`); if None, sounds are not checked. A
    variable in a sound's folder stands for every existing folder.
    """
    plan = parse(text)
    findings = list(plan.findings)
    findings += [
        Finding("E_TARGET", line, f"[{context}] includes [{other}], which does not exist")
        for line, context, other in plan.includes
        if other not in plan.contexts
    ]
    for context, extensions in plan.contexts.items():
        findings += _names(context, extensions)
        for name, steps in extensions.items():
            findings += _order(name, steps)
            for step in steps:
                findings += _known(step)
                findings += _brackets(step)
                findings += _untrusted(step)
                findings += _outside(step)
                findings += _targets(plan, context, name, step)
                findings += _sounds(step, prompts)
                if len(step.data.encode()) > _AMI_LINE:
                    findings.append(
                        Finding("W_LONG", step.line, "is too long for AMI; set variables first, then use them")
                    )
    return sorted(set(findings), key=lambda finding: (finding.line, finding.code, finding.sentence))


def _names(context: str, extensions: Context) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name, steps in extensions.items():
        if not steps:
            continue
        line = steps[0].line
        if name.startswith("_") and (name.endswith((".", "!"))):
            yield Finding(
                "E_PATTERN",
                line,
                f"pattern {name} has an open end, which also matches & @ and line breaks; write it out with X",
            )
        key = name.replace("-", "")  # Asterisk ignores hyphens in an extension
        if key in seen:
            yield Finding(
                "E_DUPLICATE", line, f"to Asterisk, {name} in [{context}] is the same as {seen[key]}; keep one"
            )
        seen[key] = name


def _order(name: str, steps: Extension) -> Iterator[Finding]:
    labels: set[str] = set()
    last = 0
    for step in steps:
        if step.priority == last or any(step.priority == other.priority for other in steps if other.line < step.line):
            yield Finding("E_DUPLICATE", step.line, f"priority {step.priority} of {name} exists already; renumber it")
        elif step.priority != last + 1:
            yield Finding(
                "E_PRIORITY", step.line, f"{name} has no priority {last + 1}, and Asterisk stops at the gap; add it"
            )
        if step.label in labels:
            yield Finding("E_DUPLICATE", step.line, f"label {step.label} of {name} exists already; rename one")
        if step.label:
            labels.add(step.label)
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
    used = [match[1] for match in _READ.finditer(step.data) if match[2]]
    if step.application.lower() == "set" and (match := re.match(r"(\w+)\(", step.data)):
        used.append(match[1])
    for function in used:
        if function not in FUNCTIONS:
            yield Finding("E_FUNCTION", step.line, f"function {function} is unknown or its module is not loaded")


def _brackets(step: Step) -> Iterator[Finding]:
    if step.data.count('"') % 2:
        yield Finding("E_BRACKETS", step.line, "a quotation mark is not closed")
        return
    opened: list[str] = []
    for character in re.sub(r'"[^"]*"', "", step.data):
        if character in "([{":
            opened.append(character)
        elif character in ")]}" and (not opened or opened.pop() != _PAIRS[character]):
            yield Finding("E_BRACKETS", step.line, f"'{character}' has no opening bracket")
            return
    if opened:
        yield Finding("E_BRACKETS", step.line, f"'{opened[-1]}' is not closed")


def _untrusted(step: Step) -> Iterator[Finding]:
    around: list[str] = []  # the enclosing ${…}
    for match in _READ.finditer(step.data):
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


def _targets(plan: Dialplan, context: str, name: str, step: Step) -> Iterator[Finding]:
    for target in _jumps(step):
        *place, priority = (part.strip() for part in target.split("(")[0].split(","))
        to_context = place[-2] if len(place) > 1 else context
        to_name = place[-1] if place else name
        if "$" in to_context:
            continue
        if to_context not in plan.contexts:
            yield Finding("E_TARGET", step.line, f"{step.application} leads to [{to_context}], which does not exist")
            continue
        if "$" in to_name:
            continue
        steps = _find(plan, to_context, to_name)
        if steps is None:
            yield Finding(
                "E_TARGET", step.line, f"{step.application} leads to {to_name}, which [{to_context}] does not have"
            )
        elif "$" not in priority and not any(priority in (str(to.priority), to.label) for to in steps):
            yield Finding(
                "E_TARGET", step.line, f"{step.application} leads to {priority}, which {to_name} does not have"
            )


def _jumps(step: Step) -> Iterator[str]:
    """Yield the targets of a step: `context,extension,priority`, or shorter within the same context or extension."""
    kind, data = step.application.lower(), step.data
    if kind in ("goto", "gosub"):
        yield data
    elif kind in ("gotoif", "gosubif"):
        yield from (target for target in data.partition("?")[2].split(":") if target)
    elif kind == "set" and (match := _HANGUP_HANDLER.fullmatch(data)):
        yield match[1]
    elif kind == "dial" and (match := re.search(r"\bU\(([^)^]+)", data)):
        yield f"{match[1]},s,1"


def _find(plan: Dialplan, context: str, name: str) -> Extension | None:
    extensions = plan.contexts.get(context, {})
    for written, steps in extensions.items():
        if written.replace("-", "") == name.replace("-", "") or _matches(written, name):
            return steps
    for _, including, other in plan.includes:
        if including == context and (found := _find(plan, other, name)):
            return found
    return None


def _matches(pattern: str, name: str) -> bool:
    if not pattern.startswith("_"):
        return False
    sets = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*"}
    parts = re.findall(r"\[[^]]*\]|.", pattern[1:])
    expression = "".join(part if part[0] == "[" else sets.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(expression, name) is not None


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
