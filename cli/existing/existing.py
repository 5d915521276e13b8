"""`hatif existing load|check|unload`: the line in an Asterisk that an administrator has, and out of it again."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import typer

from asterisk_conf.errors import AsteriskError
from asterisk_conf.existing_files import OTHERS, other_parts, part_of
from asterisk_conf.files import link, make_folder
from asterisk_conf.modules import MODULES
from cli.asterisk_parts import AsteriskParts
from cli.existing import other_asterisk
from cli.existing.options import INTO, KEEP, Theirs
from cli.existing.their_asterisk import TheirAsterisk
from cli.groups import add_group
from cli.output import console
from dialplan.findings import DialplanError, Finding
from ivr.asterisk.ami import AmiError
from ivr.home import existing
from ivr.home.existing import Existing
from ivr.process.process import processes

_TRUE = ("yes", "true", "y", "t", "1", "on")
_FILES = ("extensions.conf", "pjsip.conf", *OTHERS)
_RELOADS = ("module reload app_queue.so", "moh reload", "manager reload", "module reload res_ari.so")
"""Have Asterisk read our parts again, but those of the dialplan and SIP."""
_SIP_RELOADS = ("module reload res_pjsip.so", "module reload res_pjsip_endpoint_identifier_ip.so")
_LAST_LINE = "Local/s@hatif-last"
"""The beginning of the names of the channels that give callers to the fallback when no process of ours is left."""


def register(app: typer.Typer) -> None:
    group = add_group(app, "existing", "The line in an Asterisk that you already have, beside what else that does.")
    group.command("check")(check)
    group.command("load")(load)
    group.command("unload")(unload)


def check(into: Path = INTO, keep: list[Theirs] = KEEP) -> None:
    """Show what your Asterisk lacks and what is in the way. Nothing is written."""
    parts = AsteriskParts()
    kept = _kept(parts, into, keep)
    if not _check(parts, TheirAsterisk.find(parts, Path(kept.folder)), kept):
        raise typer.Exit(1)
    console.print("Nothing is in the way.")


def load(into: Path = INTO, keep: list[Theirs] = KEEP) -> None:
    """Bring the line into your running Asterisk; `hatif up` then runs all but Asterisk. Repeat it after a change.

    Writes files of its own beside yours, and one line into each of yours that includes them.
    """
    parts = AsteriskParts()
    bring(parts, _kept(parts, into, keep))


def bring(parts: AsteriskParts, kept: Existing, *, force: bool = False) -> None:
    """Bring the line into an administrator's running Asterisk, or what has changed of it.

    Args:
        force: Also if numbers go that callers may dial.

    Raises:
        AsteriskError, DialplanError: It is not there, or what of it was there before is still there.
    """
    theirs = TheirAsterisk.find(parts, Path(kept.folder))
    if not _check(parts, theirs, kept):
        raise AsteriskError("Nothing was written; see above what is in the way.")
    is_first = not any((theirs.folder / part_of(file)).exists() for file in _FILES)
    try:
        for file in _FILES:
            theirs.include(file)
        _link(parts, theirs)
        _write_others(parts, theirs)
        other_asterisk.load_dialplan(parts, theirs.folder, force=force, alone=False)
        other_asterisk.load_pjsip(parts, theirs.folder, _words(kept), alone=False)
        if missing := [queue.name for queue in parts.conf_of_existing().queues if not theirs.has_queue(queue.name)]:
            raise AsteriskError(f"Asterisk has not loaded the queues {', '.join(missing)}: see its log.")
    except (AsteriskError, DialplanError, AmiError) as error:
        if is_first:
            _take_out(parts, theirs)
            raise AsteriskError(f"{str(error).rstrip('.')}. All of ours was taken out again.") from None
        raise
    existing.write(parts.settings.home, kept)
    console.print(f"The line is in the Asterisk of {theirs.folder}. `hatif up` runs all else.", markup=False)


def unload(into: Path = INTO) -> None:
    """Take all of the line out of your Asterisk, which runs on. The line itself must not run."""
    parts = AsteriskParts()
    if running := [name for name, info in processes(parts.settings.run).items() if info.alive]:
        raise AsteriskError(f"The line runs ({', '.join(running)}): stop `hatif up` first.")
    kept = _kept(parts, into, [])
    theirs = TheirAsterisk.find(parts, Path(kept.folder))
    endpoints = other_asterisk.endpoints(other_asterisk.pjsip_part(parts, _words(kept)))
    _take_out(parts, theirs)
    existing.remove(parts.settings.home)
    if left := theirs.left(endpoints):
        raise AsteriskError(f"Asterisk still has {', '.join(left)}: restart it when it is idle.")
    console.print(f"Nothing of the line is left in the Asterisk of {theirs.folder}.", markup=False)


def _kept(parts: AsteriskParts, into: Path | None, keep: Sequence[Theirs]) -> Existing:
    """Return where the line is, or is to be: as `--into` says, else where it was loaded."""
    if into is not None:
        return Existing(str(into.absolute()), tuple(keep))
    kept = existing.read(parts.settings.home)
    if kept is None:
        raise AsteriskError(
            "The line is in no Asterisk of yours: name its configuration, such as --into /etc/asterisk."
        )
    return Existing(kept.folder, tuple(keep) or kept.keep)


def _words(kept: Existing) -> list[Theirs]:
    return [Theirs(word) for word in kept.keep]


def _check(parts: AsteriskParts, theirs: TheirAsterisk, kept: Existing) -> bool:
    """Print all findings; return whether there is no error."""
    missing = [file for file in _FILES if not (theirs.folder / file).is_file()]
    fine = other_asterisk.show(_findings(parts, theirs, missing), theirs.folder)
    if {"extensions.conf", "pjsip.conf"} & {*missing}:
        return False
    fine = other_asterisk.show_dialplan(parts, theirs.folder, alone=False) and fine
    return other_asterisk.show_pjsip(parts, theirs.folder, _words(kept), alone=False) and fine


def _findings(parts: AsteriskParts, theirs: TheirAsterisk, missing: Sequence[str]) -> Iterator[Finding]:
    for file in missing:
        yield Finding(
            "E_FILE", 1, "does not exist; make it, with what it must have at least", str(theirs.folder / file)
        )
    ports = parts.ports
    for file, section, option, default, wanted in (
        ("manager.conf", "general", "enabled", "no", "yes"),
        ("manager.conf", "general", "port", "5038", str(ports.ami)),
        ("http.conf", "general", "enabled", "no", "yes"),
        ("http.conf", "general", "bindport", "8088", str(ports.http)),
        ("ari.conf", "general", "enabled", "", "yes"),
        ("asterisk.conf", "options", "systemname", "", parts.site.node),
        ("asterisk.conf", "options", "live_dangerously", "no", "yes"),
        ("hep.conf", "general", "capture_address", "", f"127.0.0.1:{ports.hep}"),
    ):
        if file in missing:
            continue
        value, line = theirs.setting(file, section, option)
        given = value if value is not None else default
        if given != wanted and not (wanted == "yes" and given.lower() in _TRUE):
            code = "W_SETTING" if file in ("asterisk.conf", "hep.conf") else "E_SETTING"
            again = "; restart Asterisk then" if code == "W_SETTING" else ""
            found = f"{option} is {given or 'not set'}; write {option} = {wanted} in [{section}]{again}"
            yield Finding(code, line, found, str(theirs.folder / file))
    for file, text in _others(parts, theirs, []).items():
        if file not in missing:
            yield from theirs.clashes(file, text)
    for module in theirs.without([name for name, _ in MODULES]):
        if module not in theirs.loadable:
            yield Finding(
                "W_MODULE", 1, f"{module} is not there, or not to be loaded; the line may need it", "modules.conf"
            )
    yield from other_asterisk.port_findings(parts, theirs.folder, alone=False)
    if (user := theirs.user()) not in (None, 0, _owner(parts.settings.home)):
        found = f"Asterisk runs as user {user}, who cannot read {parts.settings.home}; run the line as that user"
        yield Finding("E_USER", 1, found, str(theirs.folder / "asterisk.conf"))


def _owner(home: Path) -> int:
    return home.stat().st_uid if home.exists() else os.geteuid()


def _others(parts: AsteriskParts, theirs: TheirAsterisk, modules: Sequence[str]) -> dict[str, str]:
    variables, _ = theirs.setting("ari.conf", "general", "channelvars")
    return other_parts(parts.conf_of_existing(), theirs.music, variables or "", modules)


def _write_others(parts: AsteriskParts, theirs: TheirAsterisk) -> None:
    """Write our parts but those of SIP and the dialplan, and have their Asterisk read them."""
    missing = [name for name in theirs.without([name for name, _ in MODULES]) if name in theirs.loadable]
    wanted = [*missing, *(name for name in theirs.loads if name not in missing)]
    for file, text in _others(parts, theirs, wanted).items():
        other_asterisk.write_like(theirs.folder / part_of(file), text, theirs.folder / file)
    for name in missing:
        theirs.ask(f"module load {name}.so")
    for command in _RELOADS:
        theirs.ask(command)


def _link(parts: AsteriskParts, theirs: TheirAsterisk) -> None:
    """Let their Asterisk find our sounds, and the line their Asterisk's recordings."""
    sounds, recordings = theirs.sounds, parts.settings.asterisk_recordings
    if sounds.exists() and not sounds.is_symlink():
        raise AsteriskError(f"{sounds} is not ours: rename it.")
    make_folder(parts.settings.sounds)
    for folder in (sounds.parent, theirs.recordings):
        folder.mkdir(parents=True, exist_ok=True)
    link(sounds, parts.settings.sounds.absolute())
    make_folder(parts.settings.home / "asterisk")
    make_folder(recordings.parent)
    if recordings.is_dir() and not recordings.is_symlink():
        try:
            recordings.rmdir()
        except OSError:
            raise AsteriskError(
                f"{recordings} has recordings of the line's own Asterisk: run `hatif up` once."
            ) from None
    link(recordings, theirs.recordings)


def _take_out(parts: AsteriskParts, theirs: TheirAsterisk) -> None:
    """Remove our files, lines and links, and have their Asterisk forget what was in them."""
    for file in _FILES:
        theirs.exclude(file)
        (theirs.folder / part_of(file)).unlink(missing_ok=True)
    if theirs.sounds.is_symlink() and theirs.sounds.readlink() == parts.settings.sounds.absolute():
        theirs.sounds.unlink()
    with suppress(OSError):
        parts.settings.asterisk_recordings.unlink()
    for command in ("dialplan reload", *_SIP_RELOADS, *_RELOADS):
        theirs.ask(command)
    for channel in theirs.channels(_LAST_LINE):  # while it had its dialplan, it would begin anew
        theirs.ask(f"channel request hangup {channel}")
