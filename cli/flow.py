"""`hatif flow`: reload a changed flow, draw it."""

from pathlib import Path
from typing import Any, cast

import typer

from cli.asterisk_parts import AsteriskParts
from cli.check import IGNORE, check_site
from cli.composition import ControlError
from cli.groups import add_group
from cli.output import JSON, as_json, console
from ivr.flow import model
from ivr.flow.draw.draw import draw_flow
from ivr.flow.file import read_draft
from prompts import catalogue
from wire.errors import UserError

_NEXT_CALL = "The next call still uses the saved flow, guide and audio, if these three are without errors."


def register(app: typer.Typer) -> None:
    flow = add_group(app, "flow", "Reload and draw the flow, which defines what callers hear and can do.")
    flow.command()(reload)
    flow.command()(draw)


def reload(json: bool = JSON, ignore: list[str] = IGNORE) -> None:
    """Use the saved flow, guide and audio for new calls; calls in progress keep the version that they began with.

    Checks the whole site first (`hatif check`) and does not ask the controller to reload if there are errors. For the
    next call, the controller loads flow, guide and audio by itself, if these three are without errors.
    """
    parts = AsteriskParts()
    result = check_site(parts, ignore)
    document = {"reloaded": False, **result.document}
    if result.errors:
        if json:
            as_json(document)
            raise typer.Exit(1)
        result.show()
        raise ControlError(f"Not reloaded: {parts.settings.site} has {result.counts}. {_NEXT_CALL}")
    try:
        answer = cast(dict[str, Any], parts.ask_controller("POST", "/flow/reload"))
    except ControlError as error:
        if not json:
            raise
        as_json({**document, "error": str(error)})
        raise typer.Exit(1) from None
    if json:
        as_json({**document, "reloaded": True, **answer})
        return
    result.show()
    if answer["version"] == answer["former"]:
        console.print(f"Version {answer['version']} is already in use.")
    else:
        console.print(f"New calls use version {answer['version']} (before: {answer['former']}).")


def draw(
    out: Path = typer.Option(Path("flow.svg"), "--out", help="The SVG file to write; - for standard output."),
    language: str = typer.Option("en", "--language", help="The code of the language of the texts."),
) -> None:
    """Draw the flow as SVG: its nodes, their texts, and where the keys lead."""
    # Drawing is needed by this command only.
    parts = AsteriskParts(bound=False)
    folder = parts.settings.site
    texts, errors = catalogue.examine(folder)  # a picture helps most while something is wrong
    if texts is None:
        raise errors[0]
    if language not in texts.languages:
        there = ", ".join(texts.languages)
        raise catalogue.CatalogueError(f"There are no texts in {language!r}; the languages are {there}.")

    def find_text(code: str, text: str) -> str:
        """Return the translation, else the English text, else the id."""
        return texts.text(code, text) or texts.text(catalogue.SOURCE, text) or text

    path = folder / "flow.yaml"
    written = read_draft(model.read(path), str(path))
    picture = draw_flow(written.flow, language, find_text, f"{parts.site.name}: the flow ({language})")
    if str(out) == "-":
        print(picture, end="")
        return
    try:
        out.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise DrawingError(f"{out}: {error.strerror}; name another file with --out.") from None
    console.print(f"{out}: {len(written.flow.nodes)} nodes, texts in {language}.", markup=False)
    if written.faults:
        console.print(f"{len(written.faults)} mistakes in {path} are left out; `hatif check` lists them.", markup=False)


class DrawingError(UserError):
    """A sentence that says why a picture cannot be written."""
