"""`hatif backup` and `hatif restore`."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import typer

from cli.composition import Composition, ControlError
from cli.on_record import put_on_record
from cli.output import JSON, Bar, as_json, console
from cli.owner import refuse_strangers
from cli.running_lines import running_homes
from db.traces import Read
from ivr.data import backup as making
from ivr.data import encryption
from ivr.data import restore as restoring
from ivr.data.encryption import BackupError
from ivr.home import pid_lock
from ivr.home.settings import USUAL_HOME
from ivr.process.process import processes
from ivr.site.backups import check_recipient
from office.delivery import deliver_unless_served


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


def backup(
    file: Path = typer.Argument(None, help="The new file.  [default: one with the time, in HATIF_HOME/backups]"),
    without_asterisk: bool = typer.Option(
        False, "--without-asterisk", help="Leave out the packages of the private Asterisk, 95 MB."
    ),
    to: list[str] = typer.Option(
        None,
        "--to",
        metavar="age1…",
        help="Encrypt to this public key of age, instead of those of site.toml; repeatable.",
    ),
    json: bool = JSON,
) -> None:
    """Save the line's data in one file, while the line runs: database, secrets, site, messages and recordings.

    Whoever has the file has everything, passwords too, unless it is encrypted: it is readable by its owner only.
    """
    parts = Composition()
    try:
        recipients = [check_recipient(key) for key in to] if to else parts.site.backups.recipients
    except ValueError as error:
        raise BackupError(f"Nothing was saved: --to: {error}.") from None
    out = file or making.default_file(parts.settings, parts.site.node, datetime.now(UTC))
    # A full disk must not prevent that what is on it is saved.
    put_on_record(parts, Read.EXPORT, "export:backup", needed=False, file=str(out), encrypted=bool(recipients))
    with Bar() as bar:
        if not json:
            bar.step("Database, secrets, site, messages and recordings")
        site, progress = parts.site, bar.update
        made = making.make(
            parts.settings, site.node, site.name, parts.database_url, out, progress,
            asterisk=not without_asterisk, recipients=recipients,
        )  # fmt: skip
    deliver_unless_served(
        parts.settings.journal, parts.database_url
    )  # the record, which else keeps `caller erase` waiting
    if json:
        as_json({"file": str(made.file), "files": made.files, "bytes": made.bytes, "encrypted_to": list(recipients)})
        return
    encrypted = f", encrypted to {len(recipients)} public key{'s' * (len(recipients) > 1)}" if recipients else ""
    console.print(f"{made.file}: {made.files} files, {made.bytes / 1e6:,.1f} MB{encrypted}", markup=False)
    settings = parts.settings
    if not without_asterisk and settings.asterisk_packages.exists() and not settings.asterisk_archives.exists():
        console.print(
            "Asterisk's packages are not in it, since this line did not keep them: `hatif asterisk upgrade` does."
        )


def restore(
    file: Path = typer.Argument(help="A file that `hatif backup` made."),
    database: str = typer.Option(
        None, "--database", help="The URL of an empty database.  [default: HATIF_DATABASE, or SQLite in HATIF_HOME]"
    ),
    replace: bool = typer.Option(False, "--replace", help="Move the line that is in HATIF_HOME aside."),
    key: Path = typer.Option(
        None,
        "--key",
        help="The private key of an encrypted backup, which is not stored; - reads it from standard input.",
    ),
    json: bool = JSON,
) -> None:
    """Restore a backup into HATIF_HOME, in which nothing runs.

    HATIF_PORT_OFFSET and HATIF_ASTERISK replace those of the backup. The site comes into HATIF_HOME/site.
    """
    home = Path(os.environ.get("HATIF_HOME") or USUAL_HOME).expanduser().resolve()
    refuse_strangers(home)
    refuse_running(home)
    if (there := restoring.existing(home)) and not replace:
        raise ControlError(
            f"Nothing was restored: {home} already has a line ({', '.join(there[:3])}): set HATIF_HOME to another "
            "folder, or give --replace, which moves what is there aside."
        )
    keys = encryption.load_keys(key, sys.stdin) if key else ()
    url = database or os.environ.get("HATIF_DATABASE") or None
    with Bar() as bar:
        if not json:
            bar.step(f"Restoring into {home}")
        restored = restoring.restore(file, home, url=url, environment=os.environ, progress=bar.update, keys=keys)
    about = restored.about
    if json:
        as_json({"made": about.made, "node": about.node, "site": about.site,
                 "database": restored.database, "aside": restored.aside and str(restored.aside)})  # fmt: skip
        return
    console.print(
        f"Restored {about.site} (node {about.node}) as it was at {about.made:%Y-%m-%d %H:%M:%S} UTC; "
        f"its database is {restored.database}.", markup=False,
    )  # fmt: skip
    if restored.aside is not None:
        console.print(f"What was there before is in {restored.aside}.", markup=False)
    if restored.erased_again:
        console.print(f"{restored.erased_again} numbers that had been erased since the backup were erased again.")
    console.print(
        "`hatif setup` brings Asterisk and the audio, `hatif up` starts the line. Never run it beside the line that it "
        "was copied from with the same carrier: both would call the same people back."
    )


def refuse_running(home: Path) -> None:
    """Raise ControlError if a process of the line in `home` runs."""
    alive = [name for name, info in processes(home / "run").items() if info.alive]
    if not alive and (home in running_homes() or any(pid_lock.holders(home / "journal" / "deliver.lock"))):
        alive = ["a process"]
    if alive:
        raise ControlError(f"The line in {home} runs ({', '.join(alive)}): stop it first.")
