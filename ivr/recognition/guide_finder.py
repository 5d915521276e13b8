"""Which procedures of the guide an answer is about: by titles, translators' synonyms, and all that callers hear.

For the workers that hear callers, not for the controller. The texts are those of the audio, from its list.
"""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from prompts import manifest, spoken_words
from prompts.guide_answers import Answers
from prompts.manifest import ManifestError
from prompts.sources import GUIDE, guide_text_id
from prompts.spoken_words import Words

SYNONYMS = f"{spoken_words.PREFIX}{GUIDE}_"
"""Before a procedure: the id of the text with other words for it."""
_TITLE = "title"


class GuideFinder:
    """The guide as its audio was built into `sounds`, which is read again once it has changed."""

    def __init__(self, sounds: Path) -> None:
        self._manifest, self._words = sounds / manifest.FILE, sounds / spoken_words.FILE
        self._answers: Mapping[str, Answers] = {}
        self._stamps: tuple[int, ...] = ()
        self._reading = threading.Lock()

    def prepare(self) -> None:
        """Read the texts, unless they are the same. What cannot be read leaves the former ones."""
        with self._reading:
            try:
                stamps = tuple(file.stat().st_mtime_ns for file in (self._manifest, self._words))
                if stamps == self._stamps:
                    return
                built = manifest.load(self._manifest).prompts
                words = spoken_words.parse(self._words.read_bytes())
            except (OSError, ManifestError):
                return
            texts = {code: {name: one.text for name, one in prompts.items()} for code, prompts in built.items()}
            self._answers, self._stamps = answers(texts, words), stamps

    def find(self, language: str, texts: Sequence[str]) -> tuple[str, ...]:
        """Return the procedures that an answer is about, as `Answers.find`; nothing in a language without texts."""
        with self._reading:
            found = self._answers.get(language)
        return found.find(texts) if found is not None else ()


def answers(texts: Mapping[str, Mapping[str, str]], words: Words) -> dict[str, Answers]:
    """Return what finds the procedures, by language.

    Args:
        texts: By language and id.
        words: The synonyms are among them.
    """
    return {language: _answers(of, words.get(language, {})) for language, of in texts.items()}


def _answers(texts: Mapping[str, str], words: Mapping[str, Sequence[str]]) -> Answers:
    before, after = guide_text_id("|", _TITLE).split("|")
    names = [text[len(before) : -len(after)] for text in texts if text.startswith(before) and text.endswith(after)]
    titles = {name: [texts[guide_text_id(name, _TITLE)], *words.get(f"{SYNONYMS}{name}", ())] for name in names}
    spoken: dict[str, list[str]] = {name: [] for name in names}
    for text_id, text in texts.items():
        # The longest: the texts of "passport_renewal" are none of "passport".
        of = max((name for name in names if text_id.startswith(f"{before}{name}_")), key=len, default=None)
        if of is not None:
            spoken[of].append(text)
    return Answers(titles, spoken)
