"""What a flow says and has no audio: what callers would miss, and whether that is a menu."""

import os
from collections import Counter
from collections.abc import Collection, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ivr.flow import model
from ivr.flow.model import Flow
from ivr.site import consulates
from ivr.site import guide as guides
from ivr.site.consulates import Consulates
from ivr.site.guide import Guide
from ivr.site.site import Site
from prompts import manifest
from prompts.manifest import Manifest

_MENUS = ("language", "menu")
_FLOW, _GUIDE = "flow.yaml", "guide"


@dataclass(frozen=True, slots=True)
class MissingAudio:
    """How many texts have no audio, by language: those of menus and of the choice of a language, and all others."""

    menus: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.menus or self.others)


def needed_texts(flow: Flow, guide: Guide, listed: Consulates) -> set[str]:
    """Return the ids of all texts that callers may hear. `listed`: the consulates, of which the flow may speak."""
    texts = flow.texts | set(flow.announcements) | guides.text_ids(guide)
    return texts | listed.text_ids if flow.speaks_of_consulates else texts


def find_missing(
    needed: Set[str], heard: Manifest, languages: Collection[str], sounds: Path | None = None
) -> dict[str, set[str]]:
    """Return which of the texts have no audio, by language. `sounds`: the folder in which the files must be."""
    found: dict[str, set[str]] = {}
    for language in languages:
        clips = heard.prompts.get(language, {})
        missing = set(needed - clips.keys())
        if sounds is not None:
            present = _files(sounds, {clips[text].file.rpartition("/")[0] for text in needed if text in clips})
            missing |= {
                text
                for text in needed & clips.keys()
                if any(f"{clips[text].file}.{ending}" not in present for ending in manifest.FORMATS)
            }
        if missing:
            found[language] = missing
    return found


def count_missing(
    flow: Flow, guide: Guide, listed: Consulates, heard: Manifest, languages: Collection[str], sounds: Path
) -> MissingAudio:
    """Return how much of what a flow says has no audio. What a build has left for later on purpose does not count."""
    missing = find_missing(needed_texts(flow, guide, listed), heard, languages, sounds)
    menus = {text for node in flow.nodes.values() if node.kind in _MENUS for text in node.texts()}
    later = guides.text_ids(guide) - menus if manifest.is_left(sounds) else set()
    of_menus, others = Counter[str](), Counter[str]()
    for language, texts in missing.items():
        of_menus[language] = len(texts & menus)
        others[language] = len(texts - menus - later)
    return MissingAudio(dict(+of_menus), dict(+others))


def missing_on_disk(folder: Path, sounds: Path, site: Site) -> MissingAudio:
    """Return how much of what a saved flow says has no audio. Raises SiteError for a flow that is not valid."""
    countries = tuple(site.countries)
    guide = guides.parse(guides.read(folder / _GUIDE), folder / _GUIDE, countries)
    path = folder / _FLOW
    flow = model.parse(model.read(path), str(path), site.languages, None, guide)
    listed, heard = consulates.load(folder, countries), manifest.load_if_any(sounds / manifest.FILE)
    return count_missing(flow, guide, listed, heard, site.languages, sounds)


def _files(sounds: Path, folders: Collection[str]) -> set[str]:
    """Return the files in folders of audio, as the list of audio names them."""
    found: set[str] = set()
    for folder in folders:
        with suppress(OSError), os.scandir(sounds / folder.removeprefix(f"{manifest.PREFIX}/")) as entries:
            found.update(f"{folder}/{entry.name}" for entry in entries)
    return found
