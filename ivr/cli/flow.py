"""Commands about the flow: taking a changed one into use, and its picture."""

from pathlib import Path
from typing import Any, cast

import typer

from ivr.cli.check import IGNORE, checked
from ivr.cli.composition import Composition, ControlError
from ivr.cli.output import JSON, as_json, console

_NEXT_CALL = "The next call still takes what is saved of flow, guide and audio, if these three are in order."


def register(app: typer.Typer) -> None:
    flow = typer.Typer(help="The flow: what callers hear and do.", no_args_is_help=True, rich_markup_mode=None)
    flow.command()(reload)
    flow.command()(draw)
    app.add_typer(flow, name="flow")


def reload(json: bool = JSON, ignore: list[str] = IGNORE) -> None:
    """Take the saved flow, guide and audio into use for new calls; calls in progress end on what they began with.

    The whole site is checked first (`hatif check`); with an error in it the controller is not asked. It takes flow,
    guide and audio by itself for the next call, if these three are in order.
    """
    parts = Composition()
    result = checked(parts, ignore)
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
        console.print(f"Version {answer['version']} is in use already.")
    else:
        console.print(f"New calls use version {answer['version']} (before: {answer['former']}).")


def draw(
    out: Path = typer.Option(Path("flow.svg"), "--out", help="The SVG file that is written; - is standard output."),
    language: str = typer.Option("en", "--language", help="The code of the language in which texts are shown."),
) -> None:
    """Draw the flow as a picture (SVG): its nodes, what is spoken there, and where the keys lead."""
    from ivr.flow import model
    from ivr.flow.draw.draw import draw_flow
    from ivr.flow.file import read_draft
    from prompts import catalogue

    parts = Composition(bound=False)
    folder = parts.settings.site
    texts, errors = catalogue.examine(folder)  # a picture helps most while something is wrong
    if texts is None:
        raise errors[0]
    if language not in texts.languages:
        there = ", ".join(texts.languages)
        raise catalogue.CatalogueError(f"There are no texts in {language!r}; there are some in {there}.")

    def spoken(code: str, text: str) -> str:
        """Where a translation is missing, the English, and where that is missing, the id."""
        return texts.text(code, text) or texts.text(catalogue.SOURCE, text) or text

    path = folder / "flow.yaml"
    written = read_draft(model.read(path), str(path))
    picture = draw_flow(written.flow, language, spoken, f"{parts.site.name}: the flow ({language})")
    if str(out) == "-":
        print(picture, end="")
        return
    try:
        out.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise DrawingError(f"{out}: {error.strerror}; name another file with --out.") from None
    console.print(f"{out}: {len(written.flow.nodes)} nodes, texts in {language}.", markup=False)
    if written.faults:
        console.print(f"{len(written.faults)} mistakes in {path} are left out; `hatif check` names them.", markup=False)


class DrawingError(Exception):
    """A sentence about a picture that cannot be written."""
