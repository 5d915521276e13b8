"""Amendments as the pages show them: read from the control API, with the languages that lag behind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from desk.amend.library import Cell, TextRow
from desk.control import ControlClient

LATEST = 300


class Amendment(msgspec.Struct, frozen=True):
    """New texts of a procedure, by the text's id and language, and what became of them."""

    id: str
    procedure: str
    texts: dict[str, dict[str, str]]
    before: dict[str, dict[str, str]]
    meaning: bool
    proposed: datetime
    proposed_by: str
    state: str
    why: str | None = None
    decided: datetime | None = None
    decided_by: str | None = None
    reason: str | None = None
    change: str | None = None
    taken_back: datetime | None = None
    taken_back_by: str | None = None

    @property
    def languages(self) -> list[str]:
        return sorted({language for texts in self.texts.values() for language in texts})


class Effect(msgspec.Struct, frozen=True):
    """How far the line is with a release: `waiting`, `running`, `done` or `failed`."""

    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """An amendment and how far its release is; `is_moving`: this will change by itself."""

    amendment: Amendment
    effect: Effect | None = None

    @property
    def is_moving(self) -> bool:
        return self.amendment.state == "releasing" or (
            self.effect is not None and self.effect.state in ("waiting", "running")
        )


async def read(control: ControlClient, actor: str, procedure: str | None = None) -> list[Amendment]:
    """Return the latest amendments, the newest first. Raises ControlError."""
    only = f"&procedure={procedure}" if procedure is not None else ""
    return [parse(row) for row in await control.ask("GET", f"/guide/amendments?last={LATEST}{only}", actor)]


def parse(row: object) -> Amendment:
    """Return an amendment from the control API's answer."""
    return msgspec.convert(row, Amendment)


async def shown(control: ControlClient, actor: str, amendment: Amendment) -> Shown:
    """Return an amendment with how far its release is. Raises ControlError."""
    if amendment.change is None or amendment.state not in ("released", "releasing"):
        return Shown(amendment)
    answer = await control.ask("GET", f"/site/changes/{amendment.change}", actor)
    effect = answer.get("effect")
    return Shown(amendment, msgspec.convert(effect, Effect) if effect else None)


def with_lag(rows: Iterable[TextRow], amendments: Sequence[Amendment]) -> list[TextRow]:
    """Return texts with the languages marked that have not followed an amendment of the facts."""
    followed = _followed(amendments)
    return [
        replace(row, cells=tuple(_marked(cell, followed[row.id]) for cell in row.cells)) if row.id in followed else row
        for row in rows
    ]


def _marked(cell: Cell, followed: set[str]) -> Cell:
    return cell if cell.state or cell.language in followed else replace(cell, state="behind")


def _followed(amendments: Sequence[Amendment]) -> dict[str, set[str]]:
    """Return the languages that have the facts of the last amendment of each text whose facts were amended."""
    found: dict[str, set[str]] = {}
    for amendment in sorted(amendments, key=lambda row: (row.decided or row.proposed, row.id)):
        if amendment.state != "released":
            continue
        for text_id, texts in amendment.texts.items():
            if amendment.meaning:
                found[text_id] = {*texts}
            elif text_id in found:
                found[text_id].update(texts)
    return found
