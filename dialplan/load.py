"""Load a dialplan into a running Asterisk, and make sure that either it or the old one is in force."""

import os
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from dialplan.findings import DialplanError, Finding
from dialplan.lint import lint
from dialplan.parse import Context, Step, parse
from dialplan.plan import contexts

_FILE = "extensions.conf"
_NOTHING = "; No dialplan: nothing can be dialled.\n[general]\n"
_REGISTRAR = "pbx_config"  # the registrar of extensions from extensions.conf
_OURS = "hatif-"
_NUMBERS = ("hatif-carrier", "hatif-entry")
_ACCOUNT = "HATIF_TO="
"""Begins the first step of our user at a carrier in [hatif-carrier]. Callers dial numbers; such a user comes and goes
with the carrier's settings."""
_LARGEST = 1_000_000  # characters; the example site's file has 20,000

Loaded = Mapping[str, Context]


class Manager(Protocol):
    """The part of the AMI connection (ivr.asterisk.ami.Ami) that is needed here."""

    async def listing(self, name: str, **fields: str | int) -> list[dict[str, str]]: ...
    async def reload(self, module: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Change:
    """A difference in Asterisk after a load; a whole context if `extension` is None."""

    kind: Literal["added", "removed", "changed"]
    context: str
    extension: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.context}" + (f", extension {self.extension}" if self.extension else "")


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The result of `load`; the counts are those of the current dialplan."""

    changes: tuple[Change, ...]
    warnings: tuple[Finding, ...]
    contexts: int
    extensions: int


async def load(
    ami: Manager,
    etc: Path,
    text: str,
    prompts: Collection[str] | None = None,
    *,
    force: bool = False,
    name: str = _FILE,
) -> LoadReport:
    """Check the text, write it to `etc`/extensions.conf, reload, read back and compare, including own contexts.

    Whatever is raised, the old file is restored.

    Args:
        force: Load it even if it removes something that callers need.
        name: Of the file; another one must be included by extensions.conf.

    Raises:
        DialplanError: The check found errors, something that callers need would be removed, the file cannot be read or
            written, or Asterisk does not have exactly what the text says. In the last case the old file is also loaded
            again.
    """
    findings = lint(text, prompts)
    if errors := [finding for finding in findings if finding.is_error]:
        raise DialplanError(
            f"the old dialplan stays, since the new one has errors: {_some([str(error) for error in errors])}"
        )
    file = etc / name
    old = _read(file)
    plan = parse(text).contexts
    written, wanted = {*parse(old).contexts, *plan}, _without_empty(plan)
    before = await loaded(ami, written)
    if not force and (lost := losses(before, wanted, await _calls(ami))):
        raise DialplanError(
            f"the old dialplan stays, since the new one would remove {_some(lost)}; if that is intended, use --force"
        )
    _write(file, text)
    try:
        await ami.reload("pbx_config")
        after = await loaded(ami, written)
        if differences := compare(wanted, after):
            raise DialplanError(f"Asterisk understood the dialplan differently (see its log): {_some(differences)}")
    except BaseException as error:
        _write(file, old)
        if isinstance(error, Exception):
            error.args = (f"{error}; {await _put_back(ami, old)}",)
        raise
    return LoadReport(
        changes=tuple(find_changes(before, after)),
        warnings=tuple(findings),
        contexts=len(after),
        extensions=sum(len(extensions) for extensions in after.values()),
    )


def read(path: Path) -> str:
    """Return the text of a file to load.

    Raises:
        DialplanError: The file cannot be read or is not a dialplan.
    """
    try:
        if not path.is_file():  # reading a pipe would never end
            found = "is not a regular file" if path.exists() else "does not exist"
            raise DialplanError(f"{path} {found}; give the path of a dialplan")
        with path.open(encoding="utf-8") as file:
            text = file.read(_LARGEST + 1)
    except UnicodeDecodeError as error:
        raise DialplanError(f"{path} is not UTF-8 (byte {error.start + 1}: {error.reason}); save it as UTF-8") from None
    except OSError as error:
        raise DialplanError(f"{path} cannot be read: {error.strerror}") from None
    if len(text) > _LARGEST:
        raise DialplanError(f"{path} has more than {_LARGEST:,} characters; it cannot be a dialplan of this line")
    return text


def losses(before: Loaded, wanted: Loaded, calls: Mapping[str, int]) -> list[str]:
    """Return what callers need and would lose, a few words each.

    Args:
        before: The current dialplan in Asterisk.
        wanted: The new dialplan.
        calls: The number of channels in each context at the moment.
    """
    lost, used = [], contexts()
    for context, extensions in sorted(before.items()):
        if context not in wanted:
            if context in used and extensions:  # without, it has hints only, such as those of a desk's telephones
                lost.append(f"the context [{context}], which Hatif uses")
            elif calls.get(context):
                lost.append(f"the context [{context}], which {calls[context]} channels are in")
            continue
        for name in sorted(extensions.keys() - wanted[context].keys()):
            if context in _NUMBERS and name != "s" and not _is_account(extensions[name]):
                lost.append(f"the number {name} from [{context}]")
            elif context in used and name == "s":
                lost.append(f"the extension s from [{context}], which Hatif uses")
    return lost


def _is_account(steps: list[Step]) -> bool:
    return any(step.priority == 1 and step.data.startswith(_ACCOUNT) for step in steps)


async def _calls(ami: Manager) -> Counter[str]:
    return Counter(row.get("Context", "") for row in await ami.listing("CoreShowChannels"))


async def loaded(ami: Manager, written: Collection[str] = ()) -> dict[str, Context]:
    """Return the contexts that Asterisk has in memory, in the form of `parse`.

    Includes contexts named `hatif-…` and those in `written`, the administrator's own in the file; others belong to
    somebody else.
    """
    found: dict[str, Context] = {}
    for row in await ami.listing("ShowDialPlan"):
        name = row.get("Context", "")
        if not (name.startswith(_OURS) or name in written) or row.get("Registrar", _REGISTRAR) != _REGISTRAR:
            continue
        extensions = found.setdefault(row["Context"], {})
        if row.get("Priority", "").isdecimal():
            step = Step(0, int(row["Priority"]), row.get("ExtensionLabel"), row["Application"], row.get("AppData", ""))
            extensions.setdefault(row["Extension"], []).append(step)
    return found


async def foreign(ami: Manager, context: str) -> list[str]:
    """Return the extensions of one of our contexts that do not come from `extensions.conf`, and those it includes."""
    rows = await ami.listing("ShowDialPlan")
    included = {context}
    while more := {row["IncludeContext"] for row in rows if row.get("IncludeContext") and row["Context"] in included}:
        if more <= included:
            break
        included |= more
    return sorted(
        {
            row["Extension"]
            for row in rows
            if row.get("Context") in included
            and row.get("Extension")
            and (row["Context"] != context or row.get("Registrar", _REGISTRAR) != _REGISTRAR)
        }
    )


def compare(wanted: Loaded, found: Loaded) -> list[str]:
    """Return the differences between the written dialplan and Asterisk's, one sentence per extension."""
    sentences = []
    for context in sorted({*wanted, *found}):
        ours, theirs = wanted.get(context, {}), found.get(context, {})
        for name in sorted({*ours, *theirs}):
            if name not in theirs:
                sentences.append(f"{name} in [{context}] is missing")
            elif name not in ours:
                sentences.append(f"{name} in [{context}] still exists")
            elif step := _first_difference(ours[name], theirs[name]):
                sentences.append(f"{name} in [{context}] differs from priority {step}")
    return sentences


def find_changes(before: Loaded, after: Loaded) -> list[Change]:
    """Return the differences between two dialplans."""
    changes = [Change("added", context) for context in sorted(set(after) - set(before))]
    changes += [Change("removed", context) for context in sorted(set(before) - set(after))]
    for context in sorted(set(before) & set(after)):
        old, new = before[context], after[context]
        changes += [Change("added", context, name) for name in sorted(set(new) - set(old))]
        changes += [Change("removed", context, name) for name in sorted(set(old) - set(new))]
        both = sorted(set(old) & set(new))
        changes += [Change("changed", context, name) for name in both if _first_difference(old[name], new[name])]
    return changes


def _first_difference(one: list[Step], other: list[Step]) -> int | None:
    """Return the first priority at which two extensions differ, None if they are equal; line numbers do not count."""
    ours, theirs = (
        {step.priority: (step.label, step.application, step.data) for step in steps} for steps in (one, other)
    )
    return next((priority for priority in sorted({*ours, *theirs}) if ours.get(priority) != theirs.get(priority)), None)


def _without_empty(plan: Loaded) -> Loaded:
    # Asterisk does not create a context without extensions.
    return {name: context for name, context in plan.items() if context}


async def _put_back(ami: Manager, old: str) -> str:
    """Load the old file again; return a sentence with the result."""
    try:
        await ami.reload("pbx_config")
        plan = parse(old).contexts
        differences = compare(_without_empty(plan), await loaded(ami, plan))
    except Exception as error:
        return f"the old file is restored, but Asterisk could not load it ({error}); restart Asterisk"
    if differences:
        return f"the old file is restored, but Asterisk differs from it: {_some(differences)}"
    return "the old one is back in force"


def _read(file: Path) -> str:
    try:
        if file.exists():
            return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DialplanError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return _NOTHING if file.name == _FILE else ""


def _write(file: Path, text: str) -> None:
    """Replace the file atomically: Asterisk always finds either the complete old or the complete new one."""
    try:
        _replace(file, text)
    except OSError as error:
        reason = error.strerror or error
        raise DialplanError(f"{file} cannot be written: {reason}; free some space or fix its permissions") from None


def _replace(file: Path, text: str) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(file.stat().st_mode & 0o777 if file.exists() else 0o644)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _some(sentences: list[str], most: int = 5) -> str:
    more = f" and {len(sentences) - most} more" if len(sentences) > most else ""
    return "; ".join(sentences[:most]) + more
