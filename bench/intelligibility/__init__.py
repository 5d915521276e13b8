"""The intelligibility of the voices for callers: an independent recogniser listens at telephone band."""
