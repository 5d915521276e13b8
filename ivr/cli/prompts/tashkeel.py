"""Commands about drafted texts: draft Arabic vowels, release texts that are marked fuzzy."""

import getpass
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import as_json, cell, console, errors
from wire.errors import UserError

# Imports in functions: the model and the catalogues take a while to load.
if TYPE_CHECKING:
    from prompts.catalogue import Catalogues, Entry
    from prompts.tashkeel import Draft

IDS = typer.Argument(None, metavar="[ID]...", help="The ids of texts.", show_default=False)


class DraftError(UserError):
    """A sentence that says why nothing was drafted or released, and what would be right."""


def register(prompts: typer.Typer) -> None:
    prompts.command()(tashkeel)
    prompts.command()(release)


def tashkeel(
    ids: list[str] | None = IDS,
    all_: bool = typer.Option(False, "--all", help="Draft all Arabic texts that lack vowels."),
    text: str | None = typer.Option(None, "--text", help="Draft this text instead of the site's."),
    write: bool = typer.Option(False, "--write", help="Write the drafts into the catalogue, marked fuzzy."),
    json: bool = typer.Option(False, "--json", help="Print one JSON document, a list."),
) -> None:
    """Draft the vowels of Arabic texts. A [word] in brackets is one of which the model is unsure.

    Texts that --write puts into the catalogue are not spoken until `hatif prompts release`; until then the old audio
    stays in use.
    """
    from prompts import catalogue, po, release, vowels
    from prompts.tashkeel import Memory, draft
    from prompts.vowel_model import ModelError, Text2Tashkeel

    if sum((bool(ids), all_, text is not None)) != 1:
        raise DraftError("Write the ids of texts, or --all, or --text TEXT.")
    if write and text is not None:
        raise DraftError("--write puts a draft into the catalogue; write the id of the text instead of --text.")
    parts = Composition()
    texts = catalogue.load(parts.settings.site)
    before = po.read(texts.file(release.ARABIC)) if write else ""
    wanted = {"": text} if text is not None else _wanted(texts, ids or [])
    try:
        model = Text2Tashkeel()
    except ModelError as error:
        raise DraftError(f"{error}.") from None
    memory = Memory(known for prompt in texts.ids if (known := texts.text(release.ARABIC, prompt)))
    drafts = {prompt: draft(words, model, memory) for prompt, words in wanted.items() if vowels.WORD.search(words)}
    for prompt in wanted.keys() - drafts.keys():
        raise DraftError(f"There is no Arabic word in {prompt or 'the text'}: {cell(wanted[prompt][:60])}.")
    if json:
        as_json([_document(prompt, drafted) for prompt, drafted in drafts.items()])
    else:
        _show(drafts)
    changed = {prompt: drafted for prompt, drafted in drafts.items() if drafted.text != drafted.written}
    if write and changed:
        file = texts.file(release.ARABIC)
        po.replace(file, before, release.add_drafts(before, changed.items()))
        errors.print(
            f"{file}: {len(changed)} drafted, marked fuzzy. `hatif prompts release ID` releases them.",
            markup=False,
            soft_wrap=True,
        )


def _wanted(texts: "Catalogues", ids: Sequence[str]) -> dict[str, str]:
    """Return the Arabic texts with these ids; without ids, those that lack vowels."""
    from prompts import release, vowels

    if release.ARABIC not in texts.languages:
        raise DraftError(f"The site has no Arabic catalogue; it would be {texts.file(release.ARABIC)}.")
    if ids:
        return {prompt: _entry(texts, release.ARABIC, prompt).text for prompt in ids}
    entries = (texts.entry(release.ARABIC, prompt) for prompt in texts.ids)
    return {entry.id: entry.text for entry in entries if entry and vowels.unvowelled(entry.text)}


def _entry(texts: "Catalogues", language: str, prompt: str) -> "Entry":
    entry = texts.entry(language, prompt)
    if entry is None:
        raise DraftError(f"{texts.file(language)} has no text {cell(prompt)}; `hatif prompts list` lists the ids.")
    if not entry.text:
        raise DraftError(f"{texts.file(language)}:{entry.line}: {prompt} is not translated; write its msgstr first.")
    return entry


def _show(drafts: "dict[str, Draft]") -> None:
    if not drafts:
        console.print("No vowels are missing.")
    for prompt, drafted in drafts.items():
        if prompt:
            console.print(prompt, style="bold", markup=False)
        console.print(cell(drafted.marked), markup=False, soft_wrap=True)
        if not drafted.words:
            console.print("  has all its vowels")
        for word in drafted.unsure:
            console.print(f"  unsure: {cell(word.drafted)} ({word.doubt})", markup=False, soft_wrap=True)


def _document(prompt: str, draft: "Draft") -> dict[str, Any]:
    unsure = [
        {"word": word.drafted, "written": word.written, "at": word.at, "doubt": word.doubt} for word in draft.unsure
    ]
    return {"id": prompt or None, "written": draft.written, "text": draft.text, "unsure": unsure}


def release(
    ids: list[str] = typer.Argument(metavar="ID...", help="The ids of texts that are marked fuzzy."),
    language: str | None = typer.Option(None, "--language", help="Release them in this language only."),
    by: str | None = typer.Option(
        None, "--by", help="The person who proofread the text.  [default: the user who is logged in]"
    ),
) -> None:
    """Show texts that are marked fuzzy and release them to be spoken; a comment records by whom and when."""
    from prompts import catalogue, po
    from prompts.release import draft_comment, mark_released

    texts = catalogue.load(Composition().settings.site)
    if language and language not in texts.languages:
        raise DraftError(f"{language!r} has no texts; the languages are {', '.join(texts.languages)}.")
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


def _fuzzy_entries(texts: "Catalogues", prompt: str, language: str | None) -> "Iterator[tuple[str, Entry]]":
    codes = [language] if language else texts.languages
    found = [(code, entry) for code in codes if (entry := texts.entry(code, prompt)) and entry.fuzzy and entry.text]
    if not found:
        if not any(texts.entry(code, prompt) for code in codes):
            raise DraftError(f"There is no text {cell(prompt)}; `hatif prompts list` lists the ids.")
        raise DraftError(f"{prompt} is not marked fuzzy in {language or 'any language'}: there is nothing to release.")
    yield from found


def _show_findings(language: str, entry: "Entry") -> bool:
    """Print the findings about a text; return True if no voice can speak it."""
    from prompts import text_rules

    found = text_rules.findings(entry.text, language)
    for finding in found:
        colour = "red" if finding.code.startswith("E_") else "yellow"
        errors.print(f"  {finding.code} {finding.found}; {finding.remedy}.", style=colour, markup=False, soft_wrap=True)
    return any(finding.code.startswith("E_") for finding in found)
