"""However something is saved, the next question notices it; while nothing is saved, no file is examined."""

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ivr.flow import saved
from ivr.flow.saved import SavedFiles


@dataclass
class House:
    """A flow, a list of audio in another directory, and a guide, all of them watched."""

    site: Path
    flow: Path
    sounds: Path
    guide: Path
    saved: SavedFiles


def rewrite(path: Path, text: str) -> None:
    """Save like an editor that writes a new file and gives it the old one's name."""
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.replace(path)


def made(folder: Path) -> House:
    site, sounds = folder / "site", folder / "sounds"
    (site / "guide").mkdir(parents=True)
    sounds.mkdir()
    for file in (site / "flow.yaml", sounds / "list.json", site / "guide" / "visa.yaml"):
        file.write_text("first")
    found = SavedFiles([site / "flow.yaml", sounds / "list.json"], site / "guide")
    return House(site, site / "flow.yaml", sounds / "list.json", site / "guide", found)


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    # So that only the kernel's reports count.
    monkeypatch.setattr(saved, "_TRUSTED_S", 3600.0)
    house = made(tmp_path)
    await house.saved.watch()
    assert not house.saved.stale()
    yield house
    house.saved.close()


def another_guide(house: House) -> None:
    house.guide.rename(house.site / "former")
    house.guide.mkdir()
    (house.guide / "visa.yaml").write_text("another")


def another_site(house: House) -> None:
    house.site.rename(house.site.with_name("former"))
    house.guide.mkdir(parents=True)
    house.flow.write_text("another")
    (house.guide / "visa.yaml").write_text("another")


def by_another_name(house: House) -> None:
    """Write a file through another of its names, in another directory."""
    (house.site.parent / "link").hardlink_to(house.flow)
    assert house.saved.stale() is False
    with (house.site.parent / "link").open("a") as file:
        file.write("more")


WAYS: dict[str, Callable[[House], object]] = {
    "in place": lambda house: house.flow.write_text("second"),
    "by a new file": lambda house: rewrite(house.flow, "second"),
    "with nothing but a later time": lambda house: os.utime(house.flow, (1, 1)),
    "under another name of the file": by_another_name,
    "the flow goes": lambda house: house.flow.unlink(),
    "the list of audio": lambda house: rewrite(house.sounds, "second"),
    "a file of the guide, in place": lambda house: (house.guide / "visa.yaml").write_text("second"),
    "a file of the guide, by a new one": lambda house: rewrite(house.guide / "visa.yaml", "second"),
    "a new file of the guide": lambda house: (house.guide / "passport.yaml").write_text("first"),
    "a file of the guide goes": lambda house: (house.guide / "visa.yaml").unlink(),
    "another guide": another_guide,
    "another site": another_site,
}


@pytest.mark.parametrize("way", WAYS)
async def test_every_save_is_noticed_at_the_next_question(house: House, way: str) -> None:
    WAYS[way](house)
    assert house.saved.stale()
    assert house.saved.stale(), "nobody has seen it yet"
    house.saved.note()
    assert not house.saved.stale()
    for later in ("third", "the fourth"):
        house.guide.joinpath("visa.yaml").write_text(later)
        assert house.saved.stale()
        house.saved.note()
        rewrite(house.flow, later)
        assert house.saved.stale()
        house.saved.note()
    assert not house.saved.stale()


async def test_a_guide_directory_created_later_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "_TRUSTED_S", 3600.0)
    (tmp_path / "flow.yaml").write_text("first")
    found = SavedFiles([tmp_path / "flow.yaml"], tmp_path / "guide")
    await found.watch()
    assert not found.stale()
    (tmp_path / "guide").mkdir()
    assert not found.stale(), "there is nothing in it"
    (tmp_path / "guide" / "visa.yaml").write_text("first")
    assert found.stale()
    found.close()


async def test_no_file_is_examined_while_nothing_was_saved(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    look = saved._stamp_of

    def looked(path: str) -> tuple[int, int]:
        looks.append(path)
        return look(path)

    monkeypatch.setattr(saved, "_stamp_of", looked)
    assert not any(house.saved.stale() for _ in range(3))
    assert looks == []
    (house.site / "notes").write_text("of no account")
    assert not house.saved.stale()
    assert len(looks) == 3
    # What the kernel may not have reported is noticed a second later.
    monkeypatch.setattr(saved, "_TRUSTED_S", 0.0)
    assert not house.saved.stale()
    assert len(looks) == 6


async def test_files_behind_a_symbolic_link_are_examined_at_every_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "_TRUSTED_S", 3600.0)
    made(tmp_path / "one")
    made(tmp_path / "two").flow.write_text("the second one")
    current = tmp_path / "current"
    current.symlink_to(tmp_path / "one")
    found = SavedFiles([current / "site" / "flow.yaml"], current / "site" / "guide")
    assert not found.stale()
    await found.watch()
    for release in ("two", "one"):
        assert not found.stale()
        current.unlink()
        current.symlink_to(tmp_path / release)
        assert found.stale()
        found.note()
    assert not found.stale()
    found.close()
