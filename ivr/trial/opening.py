"""The hours of a trial: those of the plan and the calendar; what is not in the site's files does not count."""

from ivr.hours.opening import Opening
from ivr.records.recorder import Recorder
from ivr.site.site import Site


def by_plan(site: Site, recorder: Recorder) -> Opening:
    return Opening(site, recorder, _NoAstDb())


class _NoAstDb:
    """There is no Asterisk that could be asked, and nothing does."""

    async def db_put(self, family: str, key: str, value: str) -> None:
        raise NotImplementedError

    async def db_tree(self, family: str) -> dict[str, str]:
        raise NotImplementedError

    async def db_delete(self, family: str, key: str) -> None:
        raise NotImplementedError
