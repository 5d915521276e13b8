"""The random secrets of an installation: generated at the first start, readable by their owner only."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path


class CredentialsError(Exception):
    """A problem with the file of secrets; the message is one sentence with a remedy."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """All secrets of an installation."""

    ari_user: str
    ari_password: str
    ami_user: str
    ami_password: str
    control_token: str
    operators: dict[str, str]  # id to the telephone's password
    carriers: dict[str, str]  # name to password, for carriers with one


_SECRETS = ("ari_password", "ami_password", "control_token")


def _password() -> str:
    return secrets.token_urlsafe(24)


def load(home: Path, operators: tuple[str, ...], carriers: tuple[str, ...] = ()) -> Credentials:
    """Return the installation's secrets; missing ones (all, or those of a new operator or carrier) are generated.

    Raises:
        CredentialsError: The file cannot be read or written, or has an unknown format; it is left unchanged.
    """
    path = home / "secrets.json"
    try:
        kept = json.loads(path.read_text()) if path.exists() else {}
        known, trunks = kept.get("operators", {}), kept.get("carriers", {})
        texts = (*known.values(), *trunks.values(), *(kept.get(name, "") for name in _SECRETS))
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("a password is not a string")
        credentials = Credentials(
            ari_user="hatif",
            ari_password=str(kept.get("ari_password") or _password()),
            ami_user="hatif",
            ami_password=str(kept.get("ami_password") or _password()),
            control_token=str(kept.get("control_token") or _password()),
            operators={**known, **{text: _password() for text in operators if text not in known}},
            carriers={**trunks, **{text: _password() for text in carriers if text not in trunks}},
        )
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise CredentialsError(
            f"{path} cannot be read ({error}). Restore it, or delete it: new secrets are generated at the next start, "
            "and every telephone then needs its new password (`hatif operators phone ID`)."
        ) from None
    if asdict(credentials) != kept:
        try:
            _write(path, json.dumps(asdict(credentials), indent=1))
        except OSError as error:
            raise CredentialsError(
                f"{path} cannot be written ({error.strerror}); free some space, or make its folder writable."
            ) from None
    return credentials


def _write(path: Path, text: str) -> None:
    """Write the file atomically, and never readable by others, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
