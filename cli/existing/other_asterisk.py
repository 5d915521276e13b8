"""`hatif dialplan … --into` and `hatif pjsip … --into`: our part of an administrator's own Asterisk.

Only files of our own are written, into the folder of theirs; they include them by one line each.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import typer

from asterisk_conf import conf as configuration
from asterisk_conf import existing as pjsip
from asterisk_conf.errors import AsteriskError
from asterisk_conf.files import write_text
from asterisk_conf.pjsip import plain_ports
from cli.asterisk_parts import AsteriskParts
from cli.existing.lint import as_text
from cli.existing.options import Theirs
from cli.output import console
from desk.settings import PORT
from dialplan.existing import FILE, compare_with, contexts_only, refused
from dialplan.findings import DialplanError, Finding
from dialplan.lines import Line, lines_of, read_tree
from dialplan.load import load
from dialplan.parse import sections
from dialplan.plan import guarded_ports, render
from ivr.asterisk.ami import Ami, AmiError


def dialplan_part(parts: AsteriskParts, folder: Path | None = None) -> str:
    """Return the text of our file for their dialplan, without browser telephones.

    Args:
        folder: Theirs, whose transports without TLS are guarded too.
    """
    ports = set(parts.plain_ports)
    if folder is not None and (folder / "pjsip.conf").is_file():
        ports |= plain_ports(_places(read_tree(folder / "pjsip.conf").lines, []))
    plan = replace(parts.plan, web_telephones=False, tries=False, plain_ports=tuple(sorted(ports)))
    return contexts_only(render(plan))


def show_dialplan(parts: AsteriskParts, folder: Path, *, alone: bool = True) -> bool:
    """Print what loading our contexts would change and what is in the way; return whether they can be loaded.

    Args:
        alone: False for `hatif existing`, which adds our line to theirs and looks at their ports itself.
    """
    theirs = read_tree(folder / "extensions.conf")
    comparison = compare_with(theirs, dialplan_part(parts, folder), [number.number for number in parts.plan.numbers])
    for change in comparison.changes:
        typer.echo(str(change))
    return _show_of([*comparison.findings], parts, folder, "extensions.conf", alone=alone)


def load_dialplan(parts: AsteriskParts, folder: Path, *, force: bool, alone: bool = True) -> None:
    """Write our contexts into their folder and have their Asterisk load them.

    Raises:
        DialplanError: Something is in the way, and nothing was written; or Asterisk does not have exactly our contexts,
            and the former file is back.
    """
    if alone and not show_dialplan(parts, folder):
        raise DialplanError("nothing was written; see above what is in the way")

    async def run() -> str:
        async with _ami(parts) as ami:
            report = await load(ami, folder, dialplan_part(parts, folder), force=force, name=FILE)
        return f"{folder / FILE}: Asterisk has {report.contexts} contexts of ours with {report.extensions} extensions."

    console.print(asyncio.run(run()), markup=False)


def pjsip_part(parts: AsteriskParts, keep: Sequence[Theirs]) -> str:
    """Return the text of our file for their `pjsip.conf`."""
    conf = parts.conf_of_existing()
    left_out: set[str] = set()
    if Theirs.telephones in keep:
        left_out |= {name for operator in parts.operators for name in (operator.id, f"{operator.id}-web")}
        left_out |= {"operator", "operator-auth", "operator-aor", "operator-web"}
    if Theirs.carriers in keep:
        left_out |= {f"{kind}-{carrier.name}" for carrier in conf.carriers for kind in ("carrier", "trunk")} | {
            "carrier"
        }
    return pjsip.part(configuration.render(conf)["pjsip.conf"], left_out)


def show_pjsip(parts: AsteriskParts, folder: Path, keep: Sequence[Theirs], *, alone: bool = True) -> bool:
    """Print our sections that are new or go, and what is in the way; return whether they can be loaded."""
    tree = read_tree(folder / "pjsip.conf")
    now = {line.file for line in tree.lines if Path(line.file).name == pjsip.FILE}
    places = _places(tree.lines, tree.findings)
    theirs = [place for place in places if place.file not in now]
    loaded = [place for place in places if place.file in now]
    wanted = _places(lines_of(pjsip_part(parts, keep)).lines, [])
    for kind, ones, others in (("added", wanted, loaded), ("removed", loaded, wanted)):
        for name in dict.fromkeys(place.name for place in ones):
            if name not in {place.name for place in others}:
                typer.echo(f"{kind}: {name}")
    for place in wanted:
        if [other.options for other in loaded if _key(other) == _key(place)] not in ([], [place.options]):
            typer.echo(f"changed: {place.name} ({place.get('type')})")
    telephones = [operator.id for operator in parts.operators]
    dialplan = folder / FILE
    guarded = guarded_ports(dialplan.read_text("utf-8") if dialplan.is_file() else "")
    clashes = [
        *pjsip.find_clashes(theirs, wanted, telephones, keep_telephones=Theirs.telephones in keep),
        *pjsip.find_unguarded(theirs, wanted, guarded),
    ]
    findings = refused(tree.findings)
    findings += [Finding(clash.code, clash.line, clash.sentence, clash.file) for clash in clashes]
    if not tree.includes(pjsip.FILE):
        sentence = (
            f"does not include our file; add `{pjsip.INCLUDE}` at its end, or to a file of yours that it includes"
        )
        findings.append(Finding("E_NOT_INCLUDED", 1, sentence, tree.files[0]))
    return _show_of(findings, parts, folder, "pjsip.conf", alone=alone)


def load_pjsip(parts: AsteriskParts, folder: Path, keep: Sequence[Theirs], *, alone: bool = True) -> None:
    """Write our carriers and telephones into their folder and have their Asterisk load them.

    Raises:
        AsteriskError: Something is in the way, and nothing was written; or Asterisk has not all our endpoints, and the
            former file is back.
    """
    text, file = pjsip_part(parts, keep), folder / pjsip.FILE
    if alone and not show_pjsip(parts, folder, keep):
        raise AsteriskError("Nothing was written; see above what is in the way.")
    wanted = endpoints(text)
    former = file.read_text("utf-8") if file.exists() else ""

    async def run() -> None:
        async with _ami(parts) as ami:
            write_like(file, text, folder / "pjsip.conf")
            try:
                await _reload(ami)
                found = {row.get("ObjectName", "") for row in await ami.listing("PJSIPShowEndpoints")}
                if missing := sorted(wanted - found):
                    raise AsteriskError(f"Asterisk has not loaded {', '.join(missing[:5])}: see its log.")
            except BaseException as error:
                write_like(file, former, folder / "pjsip.conf")
                back = await _put_back(ami)
                if isinstance(error, AsteriskError | AmiError):
                    raise AsteriskError(f"{str(error).rstrip('.')}. {back}") from None
                raise

    asyncio.run(run())
    console.print(f"{file}: Asterisk has our {len(wanted)} endpoints.", markup=False)


def endpoints(text: str) -> set[str]:
    """Return the names of the endpoints in the text of a `pjsip.conf`."""
    return {place.name for place in _places(lines_of(text).lines, []) if place.get("type") == "endpoint"}


async def _reload(ami: Ami) -> None:
    for module in ("res_pjsip", "res_pjsip_endpoint_identifier_ip"):
        await ami.reload(module)


async def _put_back(ami: Ami) -> str:
    """Load the former file again; return a sentence with the result."""
    try:
        await _reload(ami)
    except AmiError as error:
        return f"The former file is back, but Asterisk could not load it ({error}); restart Asterisk."
    return "The former file is back."


def _ami(parts: AsteriskParts) -> Ami:
    secrets = parts.credentials
    return Ami("127.0.0.1", parts.ports.ami, secrets.ami_user, secrets.ami_password)


def write_like(file: Path, text: str, other: Path) -> None:
    """Write a file with passwords that Asterisk can read as it reads `other`, and nobody else more than that."""
    status = other.stat()
    write_text(file, text, status.st_mode & 0o640, (status.st_uid, status.st_gid))


def _key(place: pjsip.Place) -> tuple[str, str]:
    return place.name, place.get("type")


def _places(lines: Iterable[Line], findings: list[Finding]) -> list[pjsip.Place]:
    return [
        pjsip.Place(
            found.name, found.line.file, found.line.number, tuple((name, value) for name, value, _ in found.options)
        )
        for found in sections(lines, findings)
    ]


def port_findings(parts: AsteriskParts, folder: Path, *, alone: bool = True) -> list[Finding]:
    """Return clashes of their ports with those of our processes, and where our controller would not find them.

    Args:
        alone: As for `show_dialplan`.
    """
    files: dict[str, Sequence[pjsip.Place]] = {}
    for name in ("pjsip.conf", "http.conf", "manager.conf"):
        if (folder / name).is_file():
            files[name] = _places(read_tree(folder / name).lines, [])
    ports, offset = parts.ports, parts.settings.offset
    ours = {
        ("TCP", parts.settings.control_port): "the control API",
        ("TCP", PORT + offset): "the desk",
        ("UDP", ports.hep): "copies of SIP messages",
    }
    findings = []
    for protocol, port, place in pjsip.listeners(files):
        if purpose := ours.get((protocol, port)):
            sentence = f"{protocol} port {port} is Hatif's, for {purpose}; set HATIF_PORT_OFFSET to a multiple of 1000"
            findings.append(Finding("E_PORT", place.line, sentence, place.file))
        for name, wanted, what in (("http.conf", ports.http, "ARI"), ("manager.conf", ports.ami, "AMI")):
            if alone and Path(place.file).name == name and port != wanted:
                sentence = f"{what} is on port {port}, and Hatif asks on {wanted}; change one of them"
                findings.append(Finding("W_PORT", place.line, sentence, place.file))
    return findings


def _show_of(findings: list[Finding], parts: AsteriskParts, folder: Path, file: str, *, alone: bool) -> bool:
    if alone:
        findings += port_findings(parts, folder)
    return show((finding for finding in findings if alone or finding.code != "E_NOT_INCLUDED"), folder / file)


def show(findings: Iterable[Finding], root: Path) -> bool:
    """Print the findings; return whether there is no error."""
    fine = True
    for finding in findings:
        typer.echo(as_text(finding, root))
        fine = fine and not finding.is_error
    return fine
