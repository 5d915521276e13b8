"""What people have typed, as it is kept."""


def one_line(text: str, limit: int) -> str:
    """Return the printable characters of a text, at most `limit`."""
    return "".join(character for character in text if character.isprintable())[:limit]
