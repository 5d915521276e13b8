"""Problems of languages that have only recordings and no voice."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from prompts.catalogue import Catalogues, Problem
from prompts.manifest import Manifest


def problems(
    catalogues: Catalogues, heard: Manifest, recordings: Path, on: Collection[str], recorded_only: Collection[str]
) -> Iterator[Problem]:
    """Yield the problems of the languages in `recorded_only`; one that is not in `on` may be incomplete."""
    for language in recorded_only:
        folder, catalogue = recordings / language, catalogues.file(language)
        if language not in catalogues.languages:
            remedy = "create it as in docs/add-a-language.md, or remove the language from recorded_only in site.toml"
            yield Problem("E_LANGUAGE_FOLDER", catalogue, 1, language, language, "no such catalogue", remedy)
        elif not folder.is_dir():
            remedy = "create it, or remove the language from recorded_only in site.toml"
            yield Problem("E_LANGUAGE_FOLDER", folder, 1, language, language, "no such folder", remedy)
        elif language in on and (missing := [prompt for prompt in catalogues.ids if not heard.file(language, prompt)]):
            found = f"{len(missing)} of {len(catalogues.ids)} texts have no recording ({', '.join(missing[:5])})"
            remedy = (
                f"put the recordings into {folder} and run `hatif prompts build`; until then remove the language from "
                "languages in site.toml"
            )
            yield Problem("E_LANGUAGE_INCOMPLETE", catalogue, 1, language, language, found, remedy)
