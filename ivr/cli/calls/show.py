"""Commands that show what was and what is: `numbers`, `calls`, `call`."""

import asyncio
from typing import cast

import typer

from ivr.cli.calls.calls import calls
from ivr.cli.composition import Composition
from ivr.cli.output import JSON, as_json, as_table, console


def register(app: typer.Typer) -> None:
    for command in (numbers, calls, call):
        app.command()(command)


def numbers(json: bool = JSON) -> None:
    """The numbers that callers dial, with country and order of languages."""
    site = Composition().site
    rows = [
        {"number": each.number, "country": each.country, "languages": list(site.language_order(each.country))}
        for each in site.number
    ]
    if json:
        as_json(rows)
    else:
        as_table(
            "Numbers",
            ("number", "country", "languages"),
            ((row["number"], row["country"], " ".join(cast(list[str], row["languages"]))) for row in rows),
        )


def call(identity: str = typer.Argument(help="The id, or its beginning."), json: bool = JSON) -> None:
    """The whole story of a call, decisions included."""
    from db import read
    from ivr.cli.calls.story import told

    parts = Composition()
    story = asyncio.run(parts.read(read.call, identity))
    if json:
        as_json({**story.pop("call"), **story})
        return
    as_table("Call", ("what", "value"), story["call"].items())
    for sentence in told(story, texts_of(parts)):
        console.print(sentence, markup=False, soft_wrap=True)


def texts_of(parts: Composition) -> dict[tuple[str, str], str]:
    from prompts import manifest

    try:
        heard = manifest.load(parts.settings.sounds / manifest.FILE)
    except manifest.ManifestError:
        return {}
    return {
        (language, prompt): audio.text
        for language, prompts in heard.prompts.items()
        for prompt, audio in prompts.items()
    }
