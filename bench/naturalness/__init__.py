"""How natural the built audio sounds, as far as a machine can tell: predicted scores, melody, speed, clicks."""
