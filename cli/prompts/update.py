"""`hatif prompts update`: bring new and changed texts to the translators."""

import typer

from cli.composition import Composition
from cli.output import console
from prompts.update import update as update_catalogues


def register(prompts: typer.Typer) -> None:
    prompts.command()(update)


def update() -> None:
    """Bring new, changed and deleted texts of the site's files into the catalogues of all languages.

    A text whose English has changed gets the most similar old translation, marked fuzzy: it is not spoken until
    `hatif prompts release`.
    """
    done = list(update_catalogues(Composition(bound=False).settings.site))
    for catalogue in done:
        counts = f"{catalogue.added} new, {catalogue.removed} removed, {catalogue.fuzzy} marked fuzzy"
        console.print(f"{catalogue.language}: {counts}.", markup=False)
    if not done:
        console.print("The catalogues have all texts already.")
