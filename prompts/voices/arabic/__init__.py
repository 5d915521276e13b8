"""Vowelled Arabic to sounds, and two ways to speak them: `pico.speak` and `pho.mbrola`."""

from prompts.voices.arabic.pho import mbrola as mbrola
