"""The proof that a number was erased, which does not tell the number.

`erasures.json` has a key and, for each erasure, the number's hash with that key: whoever asks about a number can be
answered, and after a backup was restored that still has it, it is erased again.
"""

import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from wire.errors import UserError

FILE = "erasures.json"


class ProofError(UserError):
    """The file of proofs cannot be read or written; one sentence with a remedy."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One erasure. `by`: who had it done; `hash`: of the number, with the key of the file."""

    at: datetime
    by: str
    hash: str


class Proofs:
    """The file in a home."""

    def __init__(self, home: Path) -> None:
        """Read the file. Raises ProofError."""
        self._path = home / FILE
        try:
            kept: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
            self.key = bytes.fromhex(kept["key"])
            self.erased = [_proof(one) for one in kept["erased"]]
        except FileNotFoundError:
            self.key, self.erased = secrets.token_bytes(32), []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ProofError(f"{self._path} cannot be read ({error}): restore it from a backup.") from None

    def hash_of(self, number: str) -> str:
        """Return what stands for a number in E.164."""
        return hmac.digest(self.key, number.encode(), "sha256").hex()

    def of(self, number: str) -> list[Proof]:
        """Return the erasures of a number."""
        wanted = self.hash_of(number)
        return [proof for proof in self.erased if hmac.compare_digest(proof.hash, wanted)]

    def add(self, number: str, by: str, at: datetime) -> None:
        """Note an erasure. Raises ProofError."""
        self.erased.append(Proof(at, by, self.hash_of(number)))
        said: list[Mapping[str, str]] = [
            {"at": proof.at.isoformat(), "by": proof.by, "hash": proof.hash} for proof in self.erased
        ]
        draft = self._path.with_suffix(".new")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(json.dumps({"key": self.key.hex(), "erased": said}, indent=1) + "\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise ProofError(f"{self._path} cannot be written ({error.strerror}); free some space.") from None


def _proof(kept: Mapping[str, Any]) -> Proof:
    """Return an entry of the file, which may come from a backup. Raises ValueError, KeyError, TypeError."""
    at = datetime.fromisoformat(kept["at"])
    if at.tzinfo is None:
        raise ValueError(f"{kept['at']} has no time zone")
    return Proof(at, str(kept["by"]), bytes.fromhex(kept["hash"]).hex())
