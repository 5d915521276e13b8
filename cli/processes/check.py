"""One check of `hatif status`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

START = "start the line with `hatif up`, or `systemctl start hatif.target`"
"""The remedy for what does not run."""


class Phrase(str):
    """What a check found, with the text and the values that it is made of: a page says it in other languages."""

    text: str
    values: Mapping[str, str | int | float]


def phrase(text: str, **values: str | int | float) -> Phrase:
    """Return a text with its values, as in `%(name)s`. Texts are also extracted for the desk's catalogues."""
    made = Phrase(text % values if values else text)
    made.text, made.values = text, values
    return made


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check. `fatal`: while it is not `ok`, calls are not served."""

    name: str
    ok: bool
    fatal: bool
    found: str
    remedy: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return the JSON form. `text` and `values` are those of a phrase; others are said in English only."""
        translatable = {"text": self.found.text, "values": self.found.values} if isinstance(self.found, Phrase) else {}
        return {
            "name": self.name,
            "ok": self.ok,
            "fatal": self.fatal,
            "found": str(self.found),
            "remedy": self.remedy,
            **translatable,
        }
