"""`hatif prompts listen`: a page for native speakers to judge a voice."""

from pathlib import Path

import typer

from cli.composition import Composition
from cli.output import Bar, console
from cli.prompts.voices import voice_for
from prompts import catalogue, listening


def register(prompts: typer.Typer) -> None:
    prompts.command()(listen)


def listen(
    language: str = typer.Option(..., "--language", help="The code of a language of the site."),
    out: Path = typer.Option(..., "--out", help="The folder for the page and its audio; it is created.", metavar="DIR"),
    text: list[str] = typer.Option(
        [], "--text", help="The id of a text; may be repeated.  [default: twelve sentences with many different sounds]"
    ),
) -> None:
    """Write a page with twelve spoken sentences, as by telephone, and a form for a native speaker's judgement."""
    # Imported here: reading the catalogues takes a while.
    parts = Composition()
    voice = voice_for(parts, language)
    with Bar() as bar:
        bar.step("Sentences")
        listening.make(
            catalogue.load(parts.settings.site),
            language,
            out,
            voice=voice,
            ids=text,
            progress=lambda done, total, _: bar.update(done, total),
        )
    console.print(f"Open {out / listening.PAGE} in a browser.", markup=False)
