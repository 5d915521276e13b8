"""A drained line is closed, remembers it, and forgets nothing that was in force before."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from opening_house import House, utc

from ivr.asterisk.ami import AmiError
from ivr.hours.drain import Drain
from routing.hours import Force, Override


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    house = House(tmp_path, monkeypatch)
    yield house
    house.journal.close()


async def test_a_drained_line_is_closed_until_the_drain_ends_and_the_override_applies_again(house: House) -> None:
    opening = house.opening()
    await opening.restore()
    opening.force(Override(Force.OPEN, "by day and night"))
    await opening.set_drained(Drain(refuse=True, since=utc("2026-11-25T12:00"), by="carob"))
    assert not opening.answer().open and opening.answer(line="+33800212000", language="fr").why.endswith("drain)")
    assert house.db.kept["hatif-hours", "drain_refuse"] == "1" and house.db.kept["hatif-hours", "open_until"] == "0"

    again = await house.restarted()
    assert again.drained == Drain(refuse=True, since=utc("2026-11-25T12:00"), by="carob") and not again.answer().open
    await again.set_drained(None)
    assert again.answer().open and not any(key.startswith("drain") for _, key in house.db.kept)


async def test_a_line_that_announces_does_not_refuse(house: House) -> None:
    opening = await house.restarted()
    await opening.set_drained(Drain(refuse=False, since=utc("2026-11-25T12:00"), by="carob"))
    assert not opening.answer().open and ("hatif-hours", "drain_refuse") not in house.db.kept
    assert (await house.restarted()).drained == opening.drained


async def test_a_drain_that_asterisk_did_not_take_is_none(house: House) -> None:
    opening = await house.restarted()
    house.db.away = True
    with pytest.raises(AmiError):
        await opening.set_drained(Drain(refuse=True, since=utc("2026-11-25T12:00"), by="carob"))
    assert opening.drained is None and opening.answer().open


async def test_damage_in_astdb_does_not_drain_the_line(house: House) -> None:
    house.db.kept["hatif-hours", "drain"] = '{"since": 7}'
    assert (await house.restarted()).drained is None
