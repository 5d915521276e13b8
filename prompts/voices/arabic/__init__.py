"""Vowelled Arabic to sounds, and the two ways to speak them: `pico.speak` and `mbrola.mbrola`."""

from prompts.voices.arabic.pho import mbrola as mbrola
