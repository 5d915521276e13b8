"""A page on which a native speaker hears a voice as by telephone, writes down what they hear, and judges it.

A recogniser (`bench.intelligibility`) cannot tell what sounds foreign or unpleasant. The page needs no server and loads
nothing else; judgements stay in the browser until they are saved as a file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from prompts.build import TIME_LIMIT
from prompts.catalogue import CatalogueError, Catalogues
from prompts.listening_words import LABELS
from prompts.say import say
from prompts.script import letters, name_and_direction
from prompts.voices import Voice
from prompts.voices.process import VoicePool

PAGE = "index.html"
COUNT = 12
_SHORTEST, _LONGEST = 20, 90
"""Letters: a sentence of three to ten seconds, which a listener can write down."""
_TEMPLATES = Environment(
    loader=PackageLoader("prompts"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One text of the page."""

    id: str
    text: str
    file: str


def choose(texts: Catalogues, language: str, count: int = COUNT) -> list[str]:
    """Return the ids of sentences that together contain as many different pairs of sounds as possible.

    Always the same ones for the same texts. Raises CatalogueError if the language has no sentences.
    """
    left = {
        prompt: {text[place : place + 2] for place in range(len(text) - 1)}
        for prompt in texts.ids
        if (text := _sentence(texts.text(language, prompt)))
    }
    if not left:
        raise CatalogueError(f"{texts.file(language)}: there is no whole sentence in {language}; name texts by --text")
    chosen: list[str] = []
    known: set[str] = set()
    while left and len(chosen) < count:
        best = max(left, key=lambda prompt: len(left[prompt] - known))
        chosen.append(best)
        known |= left.pop(best)
    return chosen


def _sentence(text: str | None) -> str | None:
    """Return a text in lower case if it is a sentence of the right length, else None."""
    if text is None or not text.rstrip().endswith((".", "?", "؟")) or not _SHORTEST <= letters(text) <= _LONGEST:
        return None
    return text.casefold()


def make(
    texts: Catalogues,
    language: str,
    out: Path,
    *,
    voice: Voice,
    ids: Sequence[str] = (),
    progress: Callable[[int, int, str], None] = lambda done, total, prompt: None,
) -> list[Sentence]:
    """Write the page and its audio into a folder, and return its sentences.

    Args:
        ids: The texts; if empty, those of `choose`.

    Raises:
        CatalogueError: A text does not exist in this language.
        TextError, VoiceError, AudioError: A text cannot be spoken.
        OSError: `out` cannot be written.
    """
    if language not in texts.languages:
        known = ", ".join(texts.languages)
        raise CatalogueError(f"{texts.file(language)}: no such catalogue; choose one of {known}")
    sentences = []
    for number, prompt in enumerate(ids or choose(texts, language), start=1):
        text = texts.text(language, prompt)
        if text is None:
            raise CatalogueError(f"{texts.file(language)}: there is no released text {prompt}; `hatif prompts list`")
        sentences.append(Sentence(prompt, text, f"{number:02}-{re.sub(r'[^a-z0-9_]', '_', prompt)}.wav"))
    out.mkdir(parents=True, exist_ok=True)
    with VoicePool(TIME_LIMIT) as pool:
        for done, sentence in enumerate(sentences):
            progress(done, len(sentences), sentence.id)
            say(sentence.text, language, out / sentence.file, narrow=True, voice=voice, pool=pool)
    progress(len(sentences), len(sentences), "")
    spoken = "\0".join((voice.fingerprint, *(sentence.text for sentence in sentences)))
    made = hashlib.sha256(spoken.encode()).hexdigest()[:8]
    (out / PAGE).write_bytes(page(language, sentences, voice.source, made))
    return sentences


def page(language: str, sentences: Sequence[Sentence], voice: str, made: str) -> bytes:
    """Return the page, in the direction of the language's script.

    Args:
        made: Names what is spoken and how, so that judgements of an older voice are not taken for judgements of this
            one.
    """
    of_labels = language if language in LABELS else "en"
    name, direction = name_and_direction(language, of_labels)
    labels = LABELS[of_labels]
    questions = [
        (key, labels[key], list(enumerate(labels[f"{key}_choices"].split("|"), start=1)))
        for key in ("clear", "sound", "speed")
    ]
    template = _TEMPLATES.get_template("listening.html.jinja")
    return template.render(
        language=language,
        name=name,
        direction=direction,
        labels=labels,
        of_labels=of_labels,
        questions=questions,
        sentences=sentences,
        voice=voice,
        made=made,
    ).encode()
