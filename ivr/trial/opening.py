"""The opening hours of a trial: those of the site's files and the calendar, without forced states."""

from ivr.hours.opening import Opening
from ivr.records.recorder import Recorder
from ivr.site.site import Site


def planned_hours(site: Site, recorder: Recorder) -> Opening:
    """Return opening hours that nothing overrides."""
    return Opening(site, recorder, _NoAstDb())


class _NoAstDb:
    """In place of AstDB; a trial never asks it."""

    async def db_put(self, family: str, key: str, value: str) -> None:
        raise NotImplementedError

    async def db_tree(self, family: str) -> dict[str, str]:
        raise NotImplementedError

    async def db_delete(self, family: str, key: str) -> None:
        raise NotImplementedError
