"""What is heard in a trial: the audio that there is, and for all other texts of the catalogues audio that might be."""

from collections.abc import Iterable

from ivr.audio.audible import Audible
from prompts.catalogue import Catalogues
from prompts.manifest import Audio, Manifest

_LETTERS_S = 14.0
"""Letters a second, spoken slowly."""

_UNMADE = "unmade"


def imagined(languages: Iterable[str], texts: Catalogues, made: Manifest | None) -> Manifest:
    """Texts as they are spoken in the audio that was `made`, else as the catalogues have them today."""
    prompts = {}
    for language in languages:
        there = dict(made.prompts.get(language, {})) if made is not None else {}
        for prompt in texts.ids:
            text = texts.text(language, prompt)
            if prompt not in there and text is not None:
                seconds = 0.5 + len(text) / _LETTERS_S
                there[prompt] = Audio(f"hatif/{language}/{prompt}", text, _UNMADE, seconds)
        prompts[language] = there
    return Manifest(prompts)


class AllThere(Audible):
    """Audio that nobody looks for on a disk."""

    def _is_complete(self, audio: Audio) -> bool:
        return True
