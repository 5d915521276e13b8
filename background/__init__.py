"""Background work that outlives its failures. Everybody may import this; it imports nothing of ours."""
