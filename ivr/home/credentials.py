"""The random secrets of an installation: made at the first start, readable by their owner only."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path


class CredentialsError(Exception):
    """A sentence that says what is wrong with the file of secrets and what to do."""


@dataclass(frozen=True, slots=True)
class Credentials:
    ari_user: str
    ari_password: str
    ami_user: str
    ami_password: str
    control_token: str
    operators: dict[str, str]  # id to the password of the telephone
    carriers: dict[str, str]  # name to the password of those that bring one


_SECRETS = ("ari_password", "ami_password", "control_token")


def _password() -> str:
    return secrets.token_urlsafe(24)


def load(home: Path, operators: tuple[str, ...], carriers: tuple[str, ...] = ()) -> Credentials:
    """The installation's secrets; what is missing (all, or a new operator's or carrier's password) is made and kept.

    Raises CredentialsError where the file cannot be read or written, or is not what we wrote; it is left as it is then.
    """
    path = home / "secrets.json"
    try:
        kept = json.loads(path.read_text()) if path.exists() else {}
        known, trunks = kept.get("operators", {}), kept.get("carriers", {})
        texts = (*known.values(), *trunks.values(), *(kept.get(name, "") for name in _SECRETS))
        if not all(isinstance(each, str) for each in texts):
            raise TypeError("a password in it is no text")
        credentials = Credentials(
            ari_user="hatif",
            ari_password=str(kept.get("ari_password") or _password()),
            ami_user="hatif",
            ami_password=str(kept.get("ami_password") or _password()),
            control_token=str(kept.get("control_token") or _password()),
            operators={**known, **{each: _password() for each in operators if each not in known}},
            carriers={**trunks, **{each: _password() for each in carriers if each not in trunks}},
        )
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise CredentialsError(
            f"{path} cannot be read ({error}). Restore it, or delete it: new secrets are made at the next start, "
            "and every telephone then needs its new password (`hatif operators phone ID`)."
        ) from None
    if asdict(credentials) != kept:
        try:
            _write(path, json.dumps(asdict(credentials), indent=1))
        except OSError as error:
            raise CredentialsError(f"{path} cannot be written ({error}); make its folder writable.") from None
    return credentials


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
