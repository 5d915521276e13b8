"""`hatif numbers` and `hatif call`."""

import asyncio
from typing import cast

import typer

from cli.calls.calls import calls
from cli.calls.story import format_story
from cli.composition import Composition
from cli.on_record import put_on_record
from cli.output import JSON, as_json, as_table, console
from db import read
from db.traces import Read
from prompts import manifest


def register(app: typer.Typer) -> None:
    for command in (numbers, calls, call):
        app.command()(command)


def numbers(json: bool = JSON) -> None:
    """List the numbers that callers dial, with country and languages in the order in which they are offered."""
    site = Composition().site
    rows = [
        {"number": entry.number, "country": entry.country, "languages": list(site.language_order(entry.country))}
        for entry in site.number
    ]
    if json:
        as_json(rows)
    else:
        as_table(
            "Numbers",
            ("number", "country", "languages"),
            ((row["number"], row["country"], " ".join(cast(list[str], row["languages"]))) for row in rows),
        )


def call(identity: str = typer.Argument(help="The call's id, or the beginning of it."), json: bool = JSON) -> None:
    """Show everything that happened in a call, including the routing decisions."""
    parts = Composition()
    story = asyncio.run(parts.read(read.call, identity))
    put_on_record(parts, Read.CALL, f"call:{story['call']['id']}")
    if json:
        as_json({**story.pop("call"), **story})
        return
    as_table("Call", ("what", "value"), story["call"].items())
    for line in format_story(story, prompt_texts(parts)):
        console.print(line, markup=False, soft_wrap=True)


def prompt_texts(parts: Composition) -> dict[tuple[str, str], str]:
    """Return the text of each prompt that has audio, by language and prompt id; nothing without a manifest."""
    try:
        audio = manifest.load(parts.settings.sounds / manifest.FILE)
    except manifest.ManifestError:
        return {}
    return {
        (language, prompt): clip.text for language, prompts in audio.prompts.items() for prompt, clip in prompts.items()
    }
