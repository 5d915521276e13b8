"""A page on which a native speaker hears a voice as by telephone, writes down what they hear, and judges it.

A recogniser (`bench.intelligibility`) cannot tell what sounds foreign or unpleasant. The page needs no server and loads
nothing else; judgements stay in the browser until they are saved as a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from prompts.build import TIME_LIMIT
from prompts.catalogue import CatalogueError, Catalogues
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

_LABELS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Listening test",
        "how": "Listen to each sentence once, if possible by telephone or with a small loudspeaker, and write down "
        "what you heard. Only then show the text, and judge. At the end, save your judgements and send the file back.",
        "heard": "What did you hear?",
        "show": "Show the text",
        "clear": "Understood",
        "clear_choices": "at once|with an effort|partly|not at all",
        "sound": "Sounds",
        "sound_choices": "natural|foreign but pleasant|foreign|unacceptable",
        "speed": "Speed",
        "speed_choices": "right|too slow|too fast",
        "wrong": "Which words or sounds are wrong?",
        "judge": "Would you accept this voice on an official telephone line? Why?",
        "who": "Your first language and where you grew up",
        "save": "Save the judgements",
    },
    "ar": {
        "title": "اختبار الاستماع",
        "how": "استمعوا إلى كل جملة مرة واحدة، عبر الهاتف أو بمكبر صوت صغير إن أمكن، واكتبوا ما سمعتم. بعد ذلك فقط "
        "اعرضوا النص واحكموا عليه. في النهاية احفظوا أحكامكم وأرسلوا الملف.",
        "heard": "ماذا سمعتم؟",
        "show": "عرض النص",
        "clear": "الفهم",
        "clear_choices": "فورا|بجهد|جزئيا|غير مفهوم",
        "sound": "الصوت",
        "sound_choices": "طبيعي|أجنبي لكنه مقبول|أجنبي|غير مقبول",
        "speed": "السرعة",
        "speed_choices": "مناسبة|بطيئة|سريعة",
        "wrong": "ما الكلمات أو الأصوات الخاطئة؟",
        "judge": "هل تقبلون هذا الصوت في خط هاتفي رسمي؟ ولماذا؟",
        "who": "لغتكم الأم وأين نشأتم",
        "save": "حفظ الأحكام",
    },
}
"""The page's own words. Judgements are saved with the English keys and the number of the choice."""


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
    (out / PAGE).write_bytes(page(language, sentences, voice.source))
    return sentences


def page(language: str, sentences: Sequence[Sentence], voice: str) -> bytes:
    """Return the page, in the direction of the language's script."""
    labels = _LABELS.get(language, _LABELS["en"])
    questions = [
        (key, labels[key], list(enumerate(labels[f"{key}_choices"].split("|"), start=1)))
        for key in ("clear", "sound", "speed")
    ]
    name, direction = name_and_direction(language)
    template = _TEMPLATES.get_template("listening.html.jinja")
    return template.render(
        language=language,
        name=name,
        direction=direction,
        labels=labels,
        of_labels=language if language in _LABELS else "en",
        questions=questions,
        sentences=sentences,
        voice=voice,
    ).encode()
