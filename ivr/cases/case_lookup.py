"""Case files for callers: checks a reference and its PIN, and returns the state of the file.

A wrong pair gets the same answer after the same time, whether the file exists, has no PIN, or has another one. An
attempt is on the disk before its PIN is checked, so that neither parallel calls nor `kill -9` allow more attempts.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import structlog

from db import pin_hashes
from ivr.cases import attempts
from ivr.cases.guessing import Guessing
from ivr.records.database import Database
from ivr.records.pin_records import record_pin_failures
from ivr.records.recorder import Recorder
from ivr.site import operators

if TYPE_CHECKING:
    from db.case_files import Claim, Failures, File, FileByTelephone

log = structlog.get_logger()

WITHHELD = "withheld"
"""In place of a number, for all callers who hide theirs."""

_CHECKS = 2
"""How many PINs are checked at once; each check takes a core and 32 MiB for some 70 ms."""


@dataclass(frozen=True, slots=True)
class CaseStatus:
    """The part of a case file that the caller may hear.

    `missing` holds the parts after `missing_` in the ids of texts, and `owner` is the operator who has the file.
    """

    reference: str
    state: str
    missing: tuple[str, ...]
    expected: date | None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class NoMatch:
    """Reference and PIN do not match; `locked` says that it was the last attempt for some time."""

    locked: bool


@dataclass(frozen=True, slots=True)
class Locked:
    """Too many attempts, or guessing on the line; the caller hears nothing about the file.

    Attributes:
        own: Whether the call shows the number that the file was opened for. That can be forged, and is locked, too; but
            the applicant can be called on it.
        right: Whether the PIN was right, if `own`. Nothing that the caller hears may depend on it.
    """

    own: bool = False
    right: bool = False


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The database is away, or slower than a caller can wait; nothing was counted."""


Answer = CaseStatus | NoMatch | Locked | Unavailable


class CaseLookup:
    """Answers callers who enter a reference and a PIN. Belongs to one event loop; the creator calls `close`.

    Args:
        pepper: The secret that the stored hashes were sealed with.
        guessing: Notices that many files are tried.
    """

    def __init__(self, database: Database, recorder: Recorder, pepper: str, guessing: Guessing | None = None) -> None:
        self._database = database
        self._recorder = recorder
        self._pepper = pepper
        self.guessing = guessing or Guessing()
        self._attempts = attempts.Attempts()
        self._checks = ThreadPoolExecutor(_CHECKS, "pin")
        self._dummy_hash = ""  # matches no PIN

    async def warm(self) -> None:
        """Make the first caller's answer as quick as the next ones."""
        await self._make_dummy_hash()
        await self._database.warm()

    def close(self) -> None:
        self._checks.shutdown(wait=False, cancel_futures=True)

    async def ask(self, reference: str, entered: str, *, caller: str, call: str, dialled: bool = False) -> Answer:
        """Return what a caller who entered a reference and a PIN may hear.

        Args:
            caller: Their number, empty if it is hidden.
            dialled: Whether we have dialled that number, so that it is not forged.
        """
        dummy_hash = await self._make_dummy_hash()
        claim = await self._claim(reference, caller or WITHHELD)
        if claim is None:
            return Unavailable()
        began = time.time()
        own = claim.file is not None and (dialled or claim.file.applicants_number == claim.number)
        if self.guessing.operators_only(began) and not own:
            return Locked()
        accounts = self._accounts(claim, reference, call, began, own=own, dialled=dialled)
        counts = self._attempts.begin(accounts, began)
        pin_hash = claim.file.pin_hash if claim.file is not None else None
        if counts is None:
            if dialled or not own:
                return Locked()
            return Locked(own=True, right=await self._matches(entered, pin_hash or dummy_hash))
        self._keep(claim, accounts, counts, own=own, dialled=dialled)
        matches = await self._matches(entered, pin_hash or dummy_hash)
        if claim.file is None or pin_hash is None or not matches:
            self._failed(reference, claim.number)
            return NoMatch(self._attempts.locked(accounts, time.time()))
        file, *others = accounts
        counts = self._attempts.succeed(file, others, began, time.time())
        self._keep(claim, accounts, counts, own=own, dialled=dialled)
        return case_status(claim.file)

    def _failed(self, reference: str, number: str) -> None:
        noticed = self.guessing.failed(reference, number, time.time())
        if noticed is not None:
            log.error("Somebody guesses the PINs of case files", files=noticed.files, numbers=noticed.numbers)
            data = {"files": noticed.files, "numbers": noticed.numbers}
            self._recorder.journal.put("audit", by="service", act="pin_guessing", data=data)

    async def _claim(self, reference: str, number: str) -> "Claim | None":
        return await self._database.claim(reference, number)

    async def _make_dummy_hash(self) -> str:
        if not self._dummy_hash:
            # In a thread: it loads Argon2.
            loop = asyncio.get_running_loop()
            self._dummy_hash = await loop.run_in_executor(self._checks, pin_hashes.hash_of_nothing, self._pepper)
        return self._dummy_hash

    async def _matches(self, entered: str, pin_hash: str) -> bool:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._checks, pin_hashes.matches, entered, pin_hash, self._pepper)

    def _keep(
        self,
        claim: "Claim",
        accounts: Sequence[attempts.Account],
        counts: Sequence[attempts.Count],
        *,
        own: bool,
        dialled: bool,
    ) -> None:
        """Record the failures of the file and the number for the next start; those of the call end with it.

        So do those of calls that we make: how many of these there are has limits of its own.
        """
        if dialled:
            return
        of_file, of_number = (
            (count.failures, count.locked_until(account.limit) if count.failures else None)
            for account, count in zip(accounts[:2], counts[:2], strict=True)
        )
        if claim.file is not None:
            record_pin_failures(self._recorder, "case_file", claim.file.reference, *of_file, own=own)
        if not own:
            record_pin_failures(self._recorder, "caller", claim.number, *of_number)

    def _accounts(
        self, claim: "Claim", reference: str, call: str, now: float, *, own: bool, dialled: bool
    ) -> tuple[attempts.Account, attempts.Account, attempts.Account]:
        """Return the accounts of an attempt: the file, the number, the call.

        The applicant's own number has an account of its own at their file: what others do there, or do elsewhere under
        this number, does not lock them out. Nor does what others do there under this number: in a call that we make it
        has another one. No number locks, since it can be forged or hidden: one with too many failures has one attempt a
        call.
        """
        file, of_number = claim.file, attempts.OF_WITHHELD if claim.number == WITHHELD else attempts.OF_NUMBER
        tried = (file.tried_by_applicant if own else file.tried) if file is not None and not dialled else None
        number = attempts.Account(f"number {claim.number}", of_number, _stored(claim.tried, of_number), locks=False)
        is_suspect = not own and self._attempts.exceeded(number, now)
        return (
            attempts.Account(
                f"file {reference}{f' dialled {claim.number}' if dialled else ' own' if own else ''}",
                attempts.OF_FILE,
                _stored(tried, attempts.OF_FILE) if tried is not None else attempts.NOTHING,
                of=(file.pin_hash if file is not None else None) or "",
            ),
            number,
            attempts.Account(f"call {call}", attempts.OF_SUSPECT_CALL if is_suspect else attempts.OF_CALL),
        )


def _stored(tried: "Failures", limit: attempts.Limit) -> attempts.Count:
    until = tried.locked_until.timestamp() if tried.locked_until is not None else None
    return attempts.stored_count(tried.failures, until, limit)


def case_status(file: "FileByTelephone | File") -> CaseStatus:
    """Return what its applicant may hear of a file."""
    missing = tuple(re.findall(r"[a-z0-9_]+", file.missing or ""))
    owner = file.owner if file.owner is not None and operators.is_id(file.owner) else None
    return CaseStatus(file.reference, file.state, missing, file.expected, owner)
