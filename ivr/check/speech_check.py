"""Findings of `hatif check` about what callers may say, for a site that hears them."""

from collections.abc import Iterator
from pathlib import Path

from ivr.call import said
from ivr.flow.file import Draft
from ivr.flow.nodes.menu import Menu
from ivr.site.findings import Finding, count_and_name
from ivr.site.site import Site, line_in
from prompts import site_files
from prompts.catalogue import Catalogues
from speech.words import plain


def speech_findings(folder: Path, site: Site, flow: Draft | None, texts: Catalogues) -> Iterator[Finding]:
    """Yield E_SPEECH_TEXT, E_SPEECH_DIGITS, E_SPEECH_WORDS and E_SPEECH_TWICE findings."""
    if not site.speech.menus:
        return
    path = folder / "site.toml"
    line = line_in(site_files.text(path), ("speech", "menus"))
    if missing := [text for text in (*said.SPEECH_TEXTS, *said.WORDS) if text not in (*texts.ids, *texts.words_ids)]:
        found = f"{count_and_name(missing)} texts of callers who speak are in no catalogue"
        yield Finding("E_SPEECH_TEXT", str(path), line, found, "add them to texts.yaml, as in the example site")
    for language in site.languages:
        if (count := len(texts.words.get(language, {}).get(said.DIGITS, ()))) % 10:
            found = f"{said.DIGITS} has {count} words in {language}, so that some stand for other keys"
            remedy = "write ten, for the keys 0 to 9 in this order; then, if you like, ten others"
            yield Finding("E_SPEECH_DIGITS", str(path), line, found, remedy)
    if flow is None:
        return
    for name, node in flow.flow.nodes.items():
        if isinstance(node, Menu):
            yield from _menu_findings(flow, name, node, site, texts)


def _menu_findings(flow: Draft, name: str, menu: Menu, site: Site, texts: Catalogues) -> Iterator[Finding]:
    for number, option in enumerate(menu.options):
        if option.words is not None and option.words not in texts.words_ids:
            found = f"{name}: callers may say {option.words!r}, which is in no catalogue"
            place = flow.line("nodes", name, "options", number)
            yield Finding("E_SPEECH_WORDS", flow.where, place, found, "write that text in the section texts")
    for language in site.languages:
        words = texts.words.get(language, {})
        keys: dict[str, str] = {}
        for number, option in enumerate(menu.options):
            for way in words.get(option.words or "", ()):
                if keys.setdefault(plain(way), option.key) != option.key:
                    found = f"{name}: {way!r} in {language} stands for the keys {keys[plain(way)]} and {option.key}"
                    place = flow.line("nodes", name, "options", number)
                    yield Finding("E_SPEECH_TWICE", flow.where, place, found, "let it stand for one option only")
