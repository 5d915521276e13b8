"""The clip for a prompt; times, numbers and names as sequences of clips; WAV files."""
