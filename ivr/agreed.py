"""The consent to a recording, as it stands in the call's state and then beside the recording."""

from dataclasses import dataclass
from datetime import UTC, datetime

ASKED = "no"
"""In place of a consent: he was asked and did not agree."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What the caller heard, what he pressed, and when."""

    text: str
    language: str
    key: str
    at: datetime

    def encode(self) -> str:
        return f"{self.key}:{self.language}:{int(self.at.timestamp())}:{self.text}"


def decode(text: str | None) -> Consent | None:
    """What stands in the call's state; None unless it is a consent."""
    try:
        key, language, seconds, question = (text or "").split(":", 3)
        return Consent(question, language, key, datetime.fromtimestamp(int(seconds), UTC))
    except (ValueError, OverflowError):
        return None
