"""Vowelled Arabic to sounds, which Kokoro speaks, or Pico (`pico.speak`)."""
