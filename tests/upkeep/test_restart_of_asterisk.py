"""A restart of Asterisk leaves the line as it was: taking calls, or drained, whatever the controller is doing."""

from collections.abc import Callable
from typing import Any, Self

import pytest

from cli.composition import ControlError
from cli.upkeep import restart
from ivr.hours import drain

REFUSE = {drain.REFUSE: "1"}
DRAINED = {drain.KEY: '{"since": "2026-11-28T12:00:00+00:00", "by": "carob"}'}


class AstDb:
    """Asterisk's manager, of which only the family of the opening hours is asked."""

    def __init__(self, **kept: str) -> None:
        self.kept = kept

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def db_tree(self, family: str) -> dict[str, str]:
        assert family == drain.FAMILY
        return dict(self.kept)

    async def db_delete(self, family: str, key: str) -> None:
        assert family == drain.FAMILY
        self.kept.pop(key, None)


Restart = Callable[..., None]


@pytest.fixture
def restarted(monkeypatch: pytest.MonkeyPatch) -> Restart:
    """Restarts an Asterisk with this AstDB, which comes `back` or not. There is no controller to be asked."""

    def run(astdb: AstDb, *, back: bool = True, now: bool = False) -> None:
        async def end(*_: Any, **options: Any) -> bool:
            if not options["now"]:
                astdb.kept.update(REFUSE)
            return True

        def wait(*_: Any) -> float:
            if not back:
                raise ControlError("asterisk is not back after 60 s")
            return 1.0

        monkeypatch.setattr(restart, "Composition", lambda: None)
        monkeypatch.setattr(restart, "find", lambda *_: None)
        monkeypatch.setattr(restart, "manager", lambda _: astdb)
        monkeypatch.setattr(restart, "_end", end)
        monkeypatch.setattr(restart, "wait_until_back", wait)
        restart.restart("asterisk", when_idle=not now, now=now, within=0.0)

    return run


def test_calls_are_taken_again_after_a_restart(restarted: Restart) -> None:
    astdb = AstDb(announcement="storm")
    restarted(astdb)
    assert astdb.kept == {"announcement": "storm"}


def test_a_line_whose_controller_does_not_come_back_takes_calls_again_all_the_same(restarted: Restart) -> None:
    astdb = AstDb()
    with pytest.raises(ControlError):
        restarted(astdb, back=False)
    assert not astdb.kept


@pytest.mark.parametrize("now", [True, False])
def test_a_drained_line_stays_drained_though_no_controller_says_so(restarted: Restart, now: bool) -> None:
    astdb = AstDb(**DRAINED, **REFUSE)
    restarted(astdb, now=now)
    assert astdb.kept == DRAINED | REFUSE


def test_a_line_that_announces_does_not_begin_to_refuse(restarted: Restart) -> None:
    astdb = AstDb(**DRAINED)
    restarted(astdb)
    assert astdb.kept == DRAINED
