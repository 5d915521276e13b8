"""What a browser says of itself, in plain words."""

import re

_BROWSERS = (
    ("Edge", r"Edg(e|A|iOS)?/"),
    ("Opera", r"OPR/"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"(Firefox|FxiOS)/"),
    ("Chrome", r"(Chrome|CriOS|Chromium)/"),
    ("Safari", r"Version/[0-9.]+ .*Safari/"),
)
"""In this order: most of them also name those that follow."""

_SYSTEMS = (
    ("Android", r"Android"),
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Windows", r"Windows"),
    ("ChromeOS", r"CrOS"),
    ("macOS", r"Macintosh"),
    ("Linux", r"Linux|X11"),
)


def name_of(user_agent: str | None) -> str:
    """Return the names of a browser and its system, such as "Firefox, Windows"; nothing of what is not known."""
    known = [
        next((name for name, pattern in names if re.search(pattern, user_agent or "")), None)
        for names in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(name for name in known if name is not None)
