"""Languages that no voice speaks: how far their recordings are, and what keeps one from being switched on."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from prompts.catalogue import Catalogues, Problem
from prompts.manifest import Manifest


def problems(
    catalogues: Catalogues, heard: Manifest, recordings: Path, on: Collection[str], recorded_only: Collection[str]
) -> Iterator[Problem]:
    """What is wrong with the languages of `recorded_only`; those that are not `on` may be incomplete."""
    for language in recorded_only:
        folder, catalogue = recordings / language, catalogues.file(language)
        if language not in catalogues.languages:
            remedy = "make it as docs/add-a-language.md says, or take the language out of recorded_only in site.toml"
            yield Problem("E_LANGUAGE_FOLDER", catalogue, 1, language, language, "there is no such catalogue", remedy)
        elif not folder.is_dir():
            remedy = "make it, or take the language out of recorded_only in site.toml"
            yield Problem("E_LANGUAGE_FOLDER", folder, 1, language, language, "there is no such folder", remedy)
        elif language in on and (missing := [each for each in catalogues.ids if not heard.file(language, each)]):
            found = f"{len(missing)} of {len(catalogues.ids)} texts have no recording ({', '.join(missing[:5])})"
            remedy = (
                f"record them in {folder} and run `hatif prompts build`; until then take the language out of languages "
                "in site.toml"
            )
            yield Problem("E_LANGUAGE_INCOMPLETE", catalogue, 1, language, language, found, remedy)
