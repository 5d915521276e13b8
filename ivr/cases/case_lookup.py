"""Case files for callers: whether reference and PIN belong together, and what the file says then.

A wrong pair gets the same answer after the same time, whether the file exists, has no PIN, or has another one. An
attempt is on the disk before its PIN is checked, so that neither parallel calls nor `kill -9` give more of them.
"""

import asyncio
import os
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from ivr.cases import pin
from ivr.records.database import Database
from ivr.records.recorder import Recorder
from ivr.site import operators

if TYPE_CHECKING:
    from db.case_files import Claim, Failures, File, FileByTelephone

WITHHELD = "withheld"
"""In place of a number, for all callers who hide theirs."""

_CHECKS = 2
"""PINs checked at once; each takes a core and 32 MiB for some 70 ms."""


@dataclass(frozen=True, slots=True)
class CaseStatus:
    """What the caller may hear. `missing`: the words after `missing_` in the ids of texts; `owner`: the operator who
    has the file."""

    reference: str
    state: str
    missing: tuple[str, ...]
    expected: date | None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class NoMatch:
    """`locked`: it was the last attempt for some time."""

    locked: bool


@dataclass(frozen=True, slots=True)
class Locked:
    """Too many attempts; nothing was checked."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The database is away, or slower than a caller can wait; nothing was counted."""


Answer = CaseStatus | NoMatch | Locked | Unavailable


class CaseLookup:
    """For one event loop; who made it calls `close`."""

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._database = database
        self._recorder = recorder
        self._attempts = pin.Attempts()
        self._checks = ThreadPoolExecutor(_CHECKS, "pin")
        self._nobodys = ""  # a hash that no PIN of anybody has made

    async def warm(self) -> None:
        """Makes the first caller's answer as quick as the next one's."""
        await self._hash_of_nobody()
        await self._database.warm()

    def close(self) -> None:
        self._checks.shutdown(wait=False, cancel_futures=True)

    async def ask(self, reference: str, entered: str, *, caller: str, call: str) -> Answer:
        """What he may hear who enters a reference and its PIN. `caller`: his number, empty if it is hidden."""
        nobodys = await self._hash_of_nobody()
        claim = await self._claim(reference, caller or WITHHELD)
        if claim is None:
            return Unavailable()
        file, number, this_call = accounts = _accounts(claim, reference, call)
        began = time.time()
        counts = self._attempts.begin(accounts, began)
        if counts is None:
            return Locked()
        self._keep(claim, accounts, counts)
        kept = claim.file.pin_hash if claim.file is not None else None
        right = await self._matches(entered, kept or nobodys)
        if claim.file is None or kept is None or not right:
            return NoMatch(self._attempts.locked(accounts, time.time()))
        self._keep(claim, accounts, self._attempts.right(file, (number, this_call), began, time.time()))
        return told(claim.file)

    async def _claim(self, reference: str, number: str) -> "Claim | None":
        return await self._database.claim(reference, number)

    async def _hash_of_nobody(self) -> str:
        if not self._nobodys:
            loop = asyncio.get_running_loop()
            self._nobodys = await loop.run_in_executor(self._checks, pin.hashed, os.urandom(16).hex())
        return self._nobodys

    async def _matches(self, entered: str, kept: str) -> bool:
        return await asyncio.get_running_loop().run_in_executor(self._checks, pin.matches, entered, kept)

    def _keep(self, claim: "Claim", accounts: Sequence[pin.Account], counts: Sequence[pin.Count]) -> None:
        """What stands against the file and the number, for the next start; a call has none then."""
        of_file, of_number = (
            (count.failures, count.locked_until(account.limit) if count.failures else None)
            for account, count in zip(accounts[:2], counts[:2], strict=True)
        )
        if claim.file is not None:
            self._recorder.pin_failures("case_file", claim.file.reference, *of_file)
        self._recorder.pin_failures("caller", claim.number, *of_number)


def _accounts(claim: "Claim", reference: str, call: str) -> tuple[pin.Account, pin.Account, pin.Account]:
    file, of_number = claim.file, pin.OF_WITHHELD if claim.number == WITHHELD else pin.OF_NUMBER
    return (
        pin.Account(
            f"file {reference}",
            pin.OF_FILE,
            _stored(file.tried, pin.OF_FILE) if file is not None else pin.NOTHING,
            of=(file.pin_hash if file is not None else None) or "",
        ),
        pin.Account(f"number {claim.number}", of_number, _stored(claim.tried, of_number)),
        pin.Account(f"call {call}", pin.OF_CALL),
    )


def _stored(tried: "Failures", limit: pin.Limit) -> pin.Count:
    until = tried.locked_until.timestamp() if tried.locked_until is not None else None
    return pin.stored(tried.failures, until, limit)


def told(file: "FileByTelephone | File") -> CaseStatus:
    """What its applicant may hear of a file."""
    missing = tuple(re.findall(r"[a-z0-9_]+", file.missing or ""))
    owner = file.owner if file.owner is not None and operators.is_id(file.owner) else None
    return CaseStatus(file.reference, file.state, missing, file.expected, owner)
