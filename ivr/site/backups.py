"""Who can read backups: `[backups]` of `site.toml`."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def check_recipient(text: str) -> str:
    """Return a public key of age as it is. Raises ValueError, with what would be right."""
    import pyrage  # few lines have recipients; the others do without the library

    if text.upper().startswith("AGE-SECRET-KEY-"):
        raise ValueError(
            "this is a private key, which must not be on this machine; write its public key (age1…), which "
            "`age-keygen -y` shows, and make a new pair if others could read this one"
        )
    try:
        pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise ValueError(
            f"{text[:80]!r} is not a public key of age; write all of what `age-keygen` shows, age1 and 58 letters and "
            "digits"
        ) from None
    return text


Recipient = Annotated[str, AfterValidator(check_recipient)]


class Backups(BaseModel):
    """The public keys to which `hatif backup` encrypts; without one it does not."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipients: tuple[Recipient, ...] = Field((), max_length=20)  # any one of their private keys opens a backup
