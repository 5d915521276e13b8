"""Whether callers understand the voices: an independent recogniser listens at telephone band."""
