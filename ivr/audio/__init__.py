"""Which clip is played for a prompt, how times, numbers and names are put together from clips, and WAV files."""
