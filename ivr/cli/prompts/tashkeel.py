"""Commands about drafted texts: vowels for Arabic, and the release of what is marked fuzzy."""

import getpass
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from ivr.cli.composition import Composition
from ivr.cli.output import as_json, cell, console, errors

if TYPE_CHECKING:
    from prompts.catalogue import Catalogues, Entry
    from prompts.tashkeel import Draft

IDS = typer.Argument(None, metavar="[ID]...", help="Texts, by their ids.", show_default=False)


class DraftError(Exception):
    """A sentence that says why nothing is drafted or released, and what would be right."""


def register(prompts: typer.Typer) -> None:
    prompts.command()(tashkeel)
    prompts.command()(release)


def tashkeel(
    ids: list[str] | None = IDS,
    all_: bool = typer.Option(False, "--all", help="All Arabic texts in which vowels are missing."),
    text: str | None = typer.Option(None, "--text", help="This text instead of the site's."),
    write: bool = typer.Option(False, "--write", help="Put the drafts into the catalogue, marked fuzzy."),
    json: bool = typer.Option(False, "--json", help="One JSON document on standard output: a list."),
) -> None:
    """Draft the vowels of Arabic texts. A [word] in brackets is one that the machine is unsure of.

    What --write puts into the catalogue is not spoken before `hatif prompts release`; the former audio stays in use.
    """
    from prompts import catalogue, po, release, vowels
    from prompts.tashkeel import Memory, draft
    from prompts.vowel_model import ModelError, Text2Tashkeel

    if sum((bool(ids), all_, text is not None)) != 1:
        raise DraftError("Name texts by their ids, or give --all, or --text TEXT.")
    if write and text is not None:
        raise DraftError("--write puts a draft into the catalogue; name the text by its id, not with --text.")
    parts = Composition()
    texts = catalogue.load(parts.settings.site)
    before = po.read(texts.file(release.ARABIC)) if write else ""
    wanted = {"": text} if text is not None else _wanted(texts, ids or [])
    try:
        model = Text2Tashkeel()
    except ModelError as error:
        raise DraftError(f"{error}.") from None
    memory = Memory(each for prompt in texts.ids if (each := texts.text(release.ARABIC, prompt)))
    drafts = {prompt: draft(each, model, memory) for prompt, each in wanted.items() if vowels.WORD.search(each)}
    for prompt in wanted.keys() - drafts.keys():
        raise DraftError(f"There is no Arabic word in {prompt or 'the text'}: {cell(wanted[prompt][:60])}.")
    if json:
        as_json([_document(prompt, each) for prompt, each in drafts.items()])
    else:
        _show(drafts)
    changed = {prompt: each for prompt, each in drafts.items() if each.text != each.written}
    if write and changed:
        file = texts.file(release.ARABIC)
        po.replace(file, before, release.add_drafts(before, changed.items()))
        errors.print(
            f"{file}: {len(changed)} drafted, marked fuzzy. `hatif prompts release ID` has them spoken.",
            markup=False,
            soft_wrap=True,
        )


def _wanted(texts: "Catalogues", ids: Sequence[str]) -> dict[str, str]:
    """The Arabic texts by id; without ids those in which vowels are missing."""
    from prompts import release, vowels

    if release.ARABIC not in texts.languages:
        raise DraftError(f"The site has no Arabic catalogue; it would be {texts.file(release.ARABIC)}.")
    if ids:
        return {prompt: _entry(texts, release.ARABIC, prompt).text for prompt in ids}
    entries = (texts.entry(release.ARABIC, prompt) for prompt in texts.ids)
    return {each.id: each.text for each in entries if each and vowels.unvowelled(each.text)}


def _entry(texts: "Catalogues", language: str, prompt: str) -> "Entry":
    entry = texts.entry(language, prompt)
    if entry is None:
        raise DraftError(f"{texts.file(language)} has no text {cell(prompt)}; `hatif prompts list` has the ids.")
    if not entry.text:
        raise DraftError(f"{texts.file(language)}:{entry.line}: {prompt} is not translated; write its msgstr first.")
    return entry


def _show(drafts: "dict[str, Draft]") -> None:
    if not drafts:
        console.print("No vowels are missing.")
    for prompt, each in drafts.items():
        if prompt:
            console.print(prompt, style="bold", markup=False)
        console.print(cell(each.marked), markup=False, soft_wrap=True)
        if not each.words:
            console.print("  has all its vowels")
        for word in each.unsure:
            console.print(f"  unsure: {cell(word.drafted)} ({word.doubt})", markup=False, soft_wrap=True)


def _document(prompt: str, draft: "Draft") -> dict[str, Any]:
    unsure = [
        {"word": each.drafted, "written": each.written, "at": each.at, "doubt": each.doubt} for each in draft.unsure
    ]
    return {"id": prompt or None, "written": draft.written, "text": draft.text, "unsure": unsure}


def release(
    ids: list[str] = typer.Argument(metavar="ID...", help="Texts that are marked fuzzy, by their ids."),
    language: str | None = typer.Option(None, "--language", help="In this language only."),
    by: str | None = typer.Option(None, "--by", help="Who has read the text; without it, who is logged in here."),
) -> None:
    """Have a text spoken that is marked fuzzy, after showing it: a comment keeps who released it, and when."""
    from prompts import catalogue, po
    from prompts.release import draft_comment, mark_released

    texts = catalogue.load(Composition().settings.site)
    if language and language not in texts.languages:
        raise DraftError(f"{language!r} has no texts; the languages are {', '.join(texts.languages)}.")
    fuzzy = [each for prompt in dict.fromkeys(ids) for each in _fuzzy(texts, prompt, language)]
    contents = {code: po.read(texts.file(code)) for code, _ in fuzzy}
    refused = 0
    for code, entry in fuzzy:
        console.print(f"{code} {entry.id}", style="bold", markup=False)
        console.print(f"  {cell(entry.source)}\n  {cell(entry.text)}", markup=False, soft_wrap=True)
        if told := draft_comment(contents[code], entry.id):
            console.print(f"  {cell(told)}", markup=False, soft_wrap=True)
        if _is_wrong(code, entry):
            refused += 1
        elif typer.confirm("  Is this right, and may it be spoken?"):
            after = mark_released(contents[code], entry.id, by or getpass.getuser(), datetime.now(UTC).date())
            po.replace(texts.file(code), contents[code], after)
            contents[code] = after
            console.print("  released")
    if refused:
        raise typer.Exit(1)


def _fuzzy(texts: "Catalogues", prompt: str, language: str | None) -> "Iterator[tuple[str, Entry]]":
    codes = [language] if language else texts.languages
    found = [(code, each) for code in codes if (each := texts.entry(code, prompt)) and each.fuzzy and each.text]
    if not found:
        if not any(texts.entry(code, prompt) for code in codes):
            raise DraftError(f"No text is called {cell(prompt)}; `hatif prompts list` has the ids.")
        raise DraftError(f"{prompt} is not marked fuzzy in {language or 'any language'}: there is nothing to release.")
    yield from found


def _is_wrong(language: str, entry: "Entry") -> bool:
    """Names what is wrong with the text; True if no voice can say it."""
    from prompts import text_rules

    found = text_rules.findings(entry.text, language)
    for each in found:
        colour = "red" if each.code.startswith("E_") else "yellow"
        errors.print(f"  {each.code} {each.found}; {each.remedy}.", style=colour, markup=False, soft_wrap=True)
    return any(each.code.startswith("E_") for each in found)
