"""The case files of a trial: those of the database, read only, or one sample file if there is no database."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from db import pin_hashes, references
from db.case_files import Claim, Failures, FileByTelephone
from db.enums import CaseState
from ivr.cases.case_lookup import Answer, CaseLookup
from ivr.model import clock
from ivr.records.database import Database
from ivr.records.database_client import SharedEngine
from ivr.records.recorder import Recorder

SAMPLE_REFERENCE = references.make_reference(9, 1_234_567)
SAMPLE_PIN = "271828"
_EXPECTED_DAYS = 14


class DatabaseCaseFiles:
    """Asks the database in a loop of its own with the real clock. Its `recorder` must not store anything."""

    def __init__(self, url: str, recorder: Recorder, pepper: str) -> None:
        self._shared = SharedEngine(url, 1)
        self._files = CaseLookup(Database(self._shared), recorder, pepper)
        self._thread = ThreadPoolExecutor(1, "case files")
        self._runner = asyncio.Runner()
        self._warm = False

    async def ask(self, reference: str, entered: str, *, caller: str, call: str, dialled: bool = False) -> Answer:
        def ask() -> Answer:
            if not self._warm:
                self._runner.run(self._files.warm())
                self._warm = True
            return self._runner.run(self._files.ask(reference, entered, caller=caller, call=call, dialled=dialled))

        return await asyncio.get_running_loop().run_in_executor(self._thread, ask)

    def close(self) -> None:
        self._files.close()
        self._thread.submit(self._runner.run, self._shared.close()).result()
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()


class SampleCaseFile(CaseLookup):
    """One case file, of an application that lacks a photograph."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(Database(SharedEngine("")), recorder, "")
        self._pin_hash = ""

    async def _claim(self, reference: str, number: str) -> Claim:
        nothing = Failures(0, None)
        return Claim(await self._file(nothing) if reference == SAMPLE_REFERENCE else None, number, nothing)

    async def _file(self, tried: Failures) -> FileByTelephone:
        if not self._pin_hash:
            loop = asyncio.get_running_loop()
            self._pin_hash = await loop.run_in_executor(self._checks, pin_hashes.hash_pin, SAMPLE_PIN, self._pepper)
        expected = clock.now().date() + timedelta(days=_EXPECTED_DAYS)
        return FileByTelephone(SAMPLE_REFERENCE, CaseState.INCOMPLETE, "photograph", expected, self._pin_hash, tried)
