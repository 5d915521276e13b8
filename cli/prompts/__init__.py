"""Commands about prompts, recordings, voices and texts."""
