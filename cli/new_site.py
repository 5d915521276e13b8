"""`hatif site new`: a site of one's own, from an example."""

import os
import re
import shutil
from pathlib import Path

import typer

from cli.groups import add_group
from cli.output import console
from ivr.home.settings import SITES
from wire.errors import UserError


class NewSiteError(UserError):
    """The site cannot be made; the message is one sentence with a remedy."""


def register(app: typer.Typer) -> None:
    group = add_group(app, "site", "Begin a site of your own.")
    group.command()(new)


def new(
    folder: Path = typer.Argument(..., help="The folder to make."),
    source: str = typer.Option("consulate", "--from", help="The example that is copied."),
) -> None:
    """Copy an example site into a new folder, for you to change."""
    examples = sorted(path.name for path in SITES.iterdir() if (path / "site.toml").is_file()) if SITES.is_dir() else []
    if source not in examples:
        known = ", ".join(examples) or "none is installed"
        raise NewSiteError(f"There is no example {source!r}; choose one of: {known}.")
    folder = folder.expanduser().absolute()
    try:
        if folder.exists() and any(folder.iterdir()):
            raise NewSiteError(f"{folder} is there already and not empty; choose another folder.")
        # The contents only: an example of a system-wide installation is not writable, and a copy must be.
        shutil.copytree(SITES / source, folder, copy_function=shutil.copyfile, dirs_exist_ok=True)
        for name, _, _ in os.walk(folder):
            Path(name).chmod(0o755)
        _without_try(folder / "site.toml")
    except shutil.Error as error:  # several files, each with its reason
        (_, _, reason), *_ = error.args[0]
        raise NewSiteError(f"{folder} cannot be made ({reason}); free some space, or choose another folder.") from None
    except OSError as error:
        raise NewSiteError(f"{folder} cannot be made ({error.strerror}); choose a folder that you may write.") from None
    console.print(
        f"{folder} has the site. Next: edit its site.toml and operators.csv, set HATIF_SITE={folder}, then run"
        " `hatif setup` and `hatif check`.",
        markup=False,
        soft_wrap=True,
    )


def _without_try(path: Path) -> None:
    """Switch the page *Try the line* off, which the examples have for newcomers: the copy is for production."""
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"(?m)^try = true\b", "try = false", text), encoding="utf-8")
