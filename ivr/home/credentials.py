"""The random secrets of an installation: generated at the first start, readable by their owner only."""

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any


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
    pin_pepper: str  # without it, no PIN of a case can be checked
    operators: dict[str, str]  # id to the telephone's password
    carriers: dict[str, str]  # name to password, for carriers with one


_SECRETS = ("ari_password", "ami_password", "control_token", "pin_pepper")


def _password() -> str:
    return secrets.token_urlsafe(24)


def load(home: Path, operators: tuple[str, ...], carriers: tuple[str, ...] = ()) -> Credentials:
    """Return the installation's secrets; missing ones (all, or those of a new operator or carrier) are generated.

    Raises:
        CredentialsError: The file cannot be read or written, or has an unknown format; it is left unchanged.
    """
    path = home / "secrets.json"
    kept, credentials = _read(path, operators, carriers)
    if kept.items() >= asdict(credentials).items():
        return credentials
    return _change(home, operators, carriers, lambda found: found)


def renew(home: Path, operator: str) -> str:
    """Give an operator's telephone a new password; return it.

    Raises:
        CredentialsError: As for `load`; the former password stays.
    """
    password = _password()
    _change(home, (), (), lambda found: replace(found, operators={**found.operators, operator: password}))
    return password


def forget_others(home: Path, operators: Collection[str]) -> tuple[str, ...]:
    """Remove the passwords of all operators but these; return whose were removed.

    Raises:
        CredentialsError: As for `load`; nothing is removed then.
    """
    gone = tuple(text for text in _read(home / "secrets.json", (), ())[1].operators if text not in operators)
    if gone:
        _change(home, (), (), lambda found: replace(found, operators=_without(found.operators, gone)))
    return gone


def _without(passwords: dict[str, str], gone: Collection[str]) -> dict[str, str]:
    return {text: password for text, password in passwords.items() if text not in gone}


def _change(
    home: Path, operators: tuple[str, ...], carriers: tuple[str, ...], change: Callable[[Credentials], Credentials]
) -> Credentials:
    """Read the file, with what is missing, change it, and write it; nobody else writes meanwhile."""
    path = home / "secrets.json"
    try:
        with _locked(home):
            kept, found = _read(path, operators, carriers)
            changed = change(found)
            _write(path, json.dumps({**kept, **asdict(changed)}, indent=1))  # also what a later version has added
    except OSError as error:
        raise CredentialsError(f"{path} cannot be written ({error}); make its folder writable.") from None
    return changed


def _read(path: Path, operators: tuple[str, ...], carriers: tuple[str, ...]) -> tuple[dict[str, Any], Credentials]:
    """Return what the file has, and the secrets with those that are missing in it."""
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
            pin_pepper=str(kept.get("pin_pepper") or _password()),
            operators={**known, **{text: _password() for text in operators if text not in known}},
            carriers={**trunks, **{text: _password() for text in carriers if text not in trunks}},
        )
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise CredentialsError(
            f"{path} cannot be read ({error}). Restore it, or delete it: new secrets are generated at the next start, "
            "and every telephone then needs its new password (`hatif operators phone ID`), every case file a new PIN "
            "(`hatif case pin REF`)."
        ) from None
    return kept, credentials


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Hold the lock for writing: on the folder itself, so that nothing is left behind."""
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, text: str) -> None:
    """Write the file atomically, and never readable by others, not even for a moment."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
