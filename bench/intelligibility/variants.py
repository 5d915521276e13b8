"""What is tried with Kokoro's Arabic: each variant differs from the voice in use in one respect."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from prompts.voices.kokoro import SPEEDS
from prompts.voices.kokoro.arabic import SOUNDS, Sounds

IN_USE = "in use"


@dataclass(frozen=True, slots=True)
class Variant:
    """Arabic as it might be spoken."""

    sounds: Sounds = SOUNDS
    speed: float = SPEEDS["ar"]
    styles: tuple[str, ...] = ()
    """Styles of kokoro-js, of which the mean speaks; if empty, the style in use."""
    row: int | None = None
    """The row of the style for every text, instead of the one for its length."""
    breaks: int = 0
    """A comma after so many words without one."""
    commas: bool = True
    """Whether the text's own commas are spoken."""
    short: float | None = None
    """The speed of phrases of up to three words; then each phrase is spoken alone."""

    def parts(self, spoken: str) -> Iterator[tuple[str, float]]:
        """Yield what the model speaks at a time, and how fast."""
        text = spoken if self.commas else re.sub(r"[,;:](?= )", "", spoken)
        if self.breaks:
            text = re.sub(rf"((?:[^ .,;:?!]+ ){{{self.breaks - 1}}}[^ .,;:?!]+)(?= [^ ]+ )", r"\1,", text)
        if self.short is None:
            yield text, self.speed
            return
        for phrase in re.split(r"(?<=[.,;:?!]) ", text):
            yield phrase, self.short if len(phrase.split()) <= 3 else self.speed


def _consonant(sound: str, symbol: str) -> Variant:
    return Variant(replace(SOUNDS, consonants={**SOUNDS.consonants, sound: symbol}))


def _vowels(symbols: Mapping[str, str]) -> Variant:
    return Variant(replace(SOUNDS, vowels={**SOUNDS.vowels, **symbols}))


def _dark(symbols: Mapping[str, str]) -> Variant:
    return Variant(replace(SOUNDS, dark={**SOUNDS.dark, **symbols}))


VARIANTS: Mapping[str, Variant] = {
    IN_USE: Variant(),
    **{f"ʕ as {symbol or 'nothing'}": _consonant("H", symbol) for symbol in ("ɐ", "ɑ", "ʔɐ", "")},
    **{f"q as {symbol}": _consonant("q", symbol) for symbol in ("q", "k")},
    **{f"ɣ as {symbol}": _consonant("G", symbol) for symbol in ("ʁ", "ɣ", "ɡ")},
    **{f"r as {symbol}": _consonant("r", symbol) for symbol in ("r", "ɾ")},
    **{f"emphatic ð as {symbol}": _consonant("z.", symbol) for symbol in ("ð", "z")},
    "glottal stops": _consonant("?", "ʔ"),
    "a as æ": _vowels({"a": "æ", "aː": "æː"}),
    "i and u as ɪ and ʊ": _vowels({"i": "ɪ", "u": "ʊ"}),
    **{f"dark a as {symbol}": _dark({"a": symbol, "aː": f"{symbol}ː"}) for symbol in ("ɑ", "ɒ")},
    "dark i and u like the others": _dark({"i": "i", "u": "u", "iː": "iː", "uː": "uː"}),
    "vowels dark beside q, kh and gh": Variant(replace(SOUNDS, darken=frozenset("qxG"))),
    "vowels beside q not dark": Variant(replace(SOUNDS, darken=frozenset())),
    **{f"speed {speed:g}": Variant(speed=speed) for speed in (0.7, 0.75, 0.8, 0.85, 0.9)},
    "no commas": Variant(commas=False),
    **{f"a comma after {words} words": Variant(breaks=words) for words in (3, 5)},
    "each phrase alone": Variant(short=SPEEDS["ar"]),
    **{f"short phrases at speed {speed:g}": Variant(short=speed) for speed in (0.7, 0.9)},
    "style row 80": Variant(row=80),
    **{
        f"style {name}": Variant(styles=(name,))
        for name in ("ef_dora", "em_alex", "hf_alpha", "im_nicola", "if_sara", "pm_alex")
    },
    "style mean of four": Variant(styles=("if_sara", "pm_alex", "hf_alpha", "ef_dora")),
    "style of the six languages": Variant(styles=("bf_emma", "ef_dora", "ff_siwis", "if_sara")),
}
