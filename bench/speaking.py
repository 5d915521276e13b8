"""Speak for ever at the background's priority, as while slow voices are made, but without its pauses for calls."""

import sys

from ivr.home import settings
from ivr.site import site as sites
from prompts import catalogue
from prompts.spare_time import lower_priority
from prompts.voices import VoiceMissingError, kokoro
from prompts.voices.process import VoicePool

LIMIT_S = 3_600.0
"""Seconds for one text: `bench.menu` stops this process between its blocks."""


def main() -> None:
    lower_priority()
    chosen = settings.read(bound=False)
    language = next(language for language in sites.load(settings.EXAMPLE).languages if language in kokoro.SPEEDS)
    try:
        voice = kokoro.voice(language, chosen.voices / kokoro.NAME)
    except VoiceMissingError as error:
        sys.exit(f"{kokoro.NAME}: {error}")
    texts = catalogue.load(settings.EXAMPLE)
    with VoicePool(LIMIT_S) as pool:
        while True:
            for prompt in texts.ids:
                if text := texts.text(language, prompt):
                    pool.speak(voice, text)
                    print("spoken", flush=True)


if __name__ == "__main__":
    main()
