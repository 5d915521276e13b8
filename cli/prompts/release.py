"""`hatif prompts release`: release texts that are marked fuzzy."""

import getpass
from collections.abc import Iterator
from datetime import UTC, datetime

import typer

from cli.composition import Composition
from cli.output import cell, console, errors
from prompts import catalogue, po, text_rules
from prompts.catalogue import Catalogues, Entry
from prompts.release import draft_comment, mark_released
from wire.errors import UserError


class ReleaseError(UserError):
    """A sentence that says why nothing was released, and what would be right."""


def register(prompts: typer.Typer) -> None:
    prompts.command()(release)


def release(
    ids: list[str] = typer.Argument(metavar="ID...", help="The ids of texts that are marked fuzzy."),
    language: str | None = typer.Option(None, "--language", help="Release them in this language only."),
    by: str | None = typer.Option(
        None, "--by", help="The person who proofread the text.  [default: the user who is logged in]"
    ),
) -> None:
    """Show texts that are marked fuzzy and release them to be spoken; a comment records by whom and when."""
    texts = catalogue.load(Composition().settings.site)
    if language and language not in texts.languages:
        raise ReleaseError(f"{language!r} has no texts; the languages are {', '.join(texts.languages)}.")
    fuzzy = [entry for prompt in dict.fromkeys(ids) for entry in _fuzzy_entries(texts, prompt, language)]
    contents = {code: po.read(texts.file(code)) for code, _ in fuzzy}
    refused = 0
    for code, entry in fuzzy:
        console.print(f"{code} {entry.id}", style="bold", markup=False)
        console.print(f"  {cell(entry.source)}\n  {cell(entry.text)}", markup=False, soft_wrap=True)
        if comment := draft_comment(contents[code], entry.id):
            console.print(f"  {cell(comment)}", markup=False, soft_wrap=True)
        if _show_findings(code, entry):
            refused += 1
        elif typer.confirm("  Is this right, and may it be spoken?"):
            after = mark_released(contents[code], entry.id, by or getpass.getuser(), datetime.now(UTC).date())
            po.replace(texts.file(code), contents[code], after)
            contents[code] = after
            console.print("  released")
    if refused:
        raise typer.Exit(1)


def _fuzzy_entries(texts: Catalogues, prompt: str, language: str | None) -> Iterator[tuple[str, Entry]]:
    codes = [language] if language else texts.languages
    entries = [(code, entry) for code in codes if (entry := texts.entry(code, prompt)) and entry.fuzzy and entry.text]
    if not entries:
        if not any(texts.entry(code, prompt) for code in codes):
            raise ReleaseError(f"There is no text {cell(prompt)}; `hatif prompts list` lists the ids.")
        raise ReleaseError(
            f"{prompt} is not marked fuzzy in {language or 'any language'}: there is nothing to release."
        )
    yield from entries


def _show_findings(language: str, entry: Entry) -> bool:
    """Print the findings about a text; return True if no voice can speak it."""
    findings = text_rules.findings(entry.text, language)
    for finding in findings:
        colour = "red" if finding.code.startswith("E_") else "yellow"
        errors.print(f"  {finding.code} {finding.found}; {finding.remedy}.", style=colour, markup=False, soft_wrap=True)
    return any(finding.code.startswith("E_") for finding in findings)
