"""The random secrets of an installation: generated at the first start, readable by their owner only."""

import json
import secrets
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ivr.home.folder_lock import locked, write_private
from wire.errors import UserError


class CredentialsError(UserError):
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
    outer: dict[str, str] = field(default_factory=dict)  # name to our password at that carrier, which it chose
    factor_key: str = ""  # without it, no code of a second factor can be checked


_SECRETS = ("ari_password", "ami_password", "control_token", "pin_pepper", "factor_key")


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


def kept(home: Path, name: str) -> str | None:
    """Return a secret of `Credentials` by its name; None if the file does not have it: `load` then makes it, or says
    what is wrong with the file."""
    try:
        secret = json.loads((home / "secrets.json").read_text())[name]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return secret if isinstance(secret, str) and secret else None


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
        with locked(home):
            kept, found = _read(path, operators, carriers)
            changed = change(found)
            # Also what a later version has added.
            write_private(path, json.dumps({**kept, **asdict(changed)}, indent=1))
    except OSError as error:
        raise CredentialsError(
            f"{path} cannot be written ({error.strerror}); free some space, or make its folder writable."
        ) from None
    return changed


def _read(path: Path, operators: tuple[str, ...], carriers: tuple[str, ...]) -> tuple[dict[str, Any], Credentials]:
    """Return what the file has, and the secrets with those that are missing in it."""
    try:
        kept = json.loads(path.read_text()) if path.exists() else {}
        known, trunks, outer = kept.get("operators", {}), kept.get("carriers", {}), kept.get("outer", {})
        texts = (*known.values(), *trunks.values(), *outer.values(), *(kept.get(name, "") for name in _SECRETS))
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
            outer=outer,
            factor_key=str(kept.get("factor_key") or _password()),
        )
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise CredentialsError(
            f"{path} cannot be read ({error}). Restore it, or delete it: new secrets are generated at the next start, "
            "and every telephone then needs its new password (`hatif operators phone ID`), every case file a new PIN "
            "(`hatif case pin REF`), everybody with a second factor a new one (`hatif accounts remove-factor ID`)."
        ) from None
    return kept, credentials


def known_outer(home: Path) -> frozenset[str] | None:
    """Return the carriers whose password is known; None if there are no secrets yet. Nothing is generated."""
    try:
        return frozenset(json.loads((home / "secrets.json").read_text()).get("outer", {}))
    except (OSError, ValueError, AttributeError):
        return None


def set_outer(home: Path, carrier: str, password: str) -> None:
    """Keep our password at a carrier.

    Raises:
        CredentialsError: As for `load`.
    """
    _change(home, (), (), lambda found: replace(found, outer={**found.outer, carrier: password}))
