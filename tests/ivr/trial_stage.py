"""The stages of trials: the example site, and what may be different about it on a day."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from db.case_files import Claim, Failures, FileByTelephone
from db.enums import CaseState
from ivr.call.services import Opening
from ivr.cases.case_lookup import CaseLookup
from ivr.flow import model
from ivr.flow.versions import Version
from ivr.records.database import Database
from ivr.records.database_client import SharedEngine
from ivr.records.recorder import Recorder
from ivr.site import consulates
from ivr.site import guide as guides
from ivr.site import site as sites
from ivr.trial.opening import planned_hours
from ivr.trial.records import FakeReferences, MemoryJournal
from ivr.trial.sounds import imagine_manifest
from ivr.trial.trial import Stage
from prompts import catalogue
from routing.hours import Force, Override

CONSULATE = Path(__file__).parents[2] / "sites" / "consulate"

REFERENCE, OTHER_REFERENCE, PIN = "912345676", "100000016", "271828"

OPEN = datetime(2026, 11, 25, 11, tzinfo=UTC)
NIGHT = datetime(2026, 11, 25, 22, tzinfo=UTC)
HOLIDAY = datetime(2026, 7, 30, 11, tzinfo=UTC)  # Throne Day
JUST_OPEN = datetime(2026, 11, 25, 19, 59, 40, tzinfo=UTC)


def nobody_keeps() -> Recorder:
    return Recorder(MemoryJournal("node1"), FakeReferences(1))


@cache
def stage(records_conversations: bool = False, remembers: bool = True, folder: Path = CONSULATE) -> Stage:
    site = sites.load(folder)
    recording = site.recording.model_copy(update={"conversations": records_conversations})
    site = site.model_copy(update={"recording": recording, "caller_memory": remembers})
    texts = catalogue.load(folder)
    countries = tuple(site.countries)
    guide = guides.parse(guides.read(folder / "guide"), folder / "guide", countries)
    path = folder / "flow.yaml"
    flow = model.parse(model.read(path), str(path), site.languages, None, guide)
    # As long as a real version's name, since the state's size is checked.
    sounds, listed = imagine_manifest(site.languages, texts, None), consulates.load(folder, countries)
    return Stage(site, Version("0123456789ab", flow, guide, sounds, consulates=listed))


@cache
def openings() -> Mapping[str, Opening]:
    """Return opening hours with each kind of override, by name."""
    chosen = stage()
    site, sounds = chosen.site, chosen.version.sounds

    def ruled(*overrides: Override, announced: str | None = None) -> Opening:
        opening = planned_hours(site, nobody_keeps())
        for override in overrides:
            opening.force(override)
        if announced is not None:
            opening.announce(announced, sounds, "", "test")
        return opening

    ends = datetime(2026, 11, 26, 15, 10, tzinfo=UTC)
    return {
        "plan": ruled(),
        "forced open": ruled(Override(Force.OPEN)),
        "forced closed": ruled(Override(Force.CLOSED, "strike")),
        "forced closed until a time": ruled(Override(Force.CLOSED, "strike", ends)),
        "announcement": ruled(announced="emergency"),
    }


@dataclass(frozen=True)
class OneFile:
    """The state of the case file REFERENCE. `applicant`: their number."""

    state: CaseState
    missing: str | None = None
    expected: date | None = None
    has_pin: bool = True
    applicant: str | None = None


class Cabinet(CaseLookup):
    """Case files of which one exists, or a database that is away.

    Attempts are counted as usual; only the database and the cost of a hash are left out.
    """

    def __init__(self, file: OneFile | None) -> None:
        super().__init__(Database(SharedEngine("")), nobody_keeps(), "")
        self._file = file

    async def _claim(self, reference: str, number: str) -> Claim | None:
        await asyncio.sleep(0.1)  # a caller may press a key meanwhile, or hang up
        file, nothing = self._file, Failures(0, None)
        if file is None:
            return None
        kept = PIN if file.has_pin else None
        there = FileByTelephone(
            reference, file.state, file.missing, file.expected, kept, nothing, applicants_number=file.applicant
        )
        return Claim(there if reference == REFERENCE else None, number, nothing)

    async def _make_dummy_hash(self) -> str:
        return "nobody's"

    async def _matches(self, entered: str, kept: str) -> bool:
        return entered == kept
