"""The audio of a trial: the files that exist, and assumed ones for all other texts of the catalogues."""

from collections.abc import Iterable

from ivr.audio.audible import Audible
from prompts.catalogue import Catalogues
from prompts.lengths import estimate
from prompts.manifest import Audio, Manifest

UNMADE = "unmade"
"""The source of assumed audio."""


def imagine_manifest(languages: Iterable[str], texts: Catalogues, made: Manifest | None) -> Manifest:
    """Return a manifest with the audio that was `made`, and assumed audio for the catalogues' other texts."""
    prompts = {}
    for language in languages:
        known = dict(made.prompts.get(language, {})) if made is not None else {}
        for prompt in texts.ids:
            text = texts.text(language, prompt)
            if prompt not in known and text is not None:
                known[prompt] = Audio(f"hatif/{language}/{prompt}", text, UNMADE, estimate(text))
        prompts[language] = known
    return Manifest(prompts)


class AssumedAudio(Audible):
    """Audio that is not looked for on disk."""

    def _is_complete(self, audio: Audio) -> bool:
        return True
