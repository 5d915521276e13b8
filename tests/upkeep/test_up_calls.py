"""Whether anybody is on the line: callers and operators count, our own channels do not."""

from cli.upkeep.up_calls import UpCalls, count_up, until_empty
from ivr.asterisk.ami import Fields


def channels(*names: str) -> list[Fields]:
    return [{"Channel": name} for name in names] + [{"EventList": "Complete"}]


def test_callers_and_operators_are_told_apart_and_our_own_channels_are_nobody() -> None:
    up = count_up(
        channels("PJSIP/carrier-example-00000001", "PJSIP/trunk-example-00000002", "PJSIP/1018-web-00000003")
        + channels("Local/s@hatif-last-hold-00000000;1", "Local/+33800212000@hatif-carrier-00000001;2", "Recorder/ARI")
    )
    assert (up, up.all, str(up)) == (UpCalls(2, 1), 3, "2 callers, 1 operator's channel")
    assert not count_up(channels("Local/s@hatif-last-hold-00000000;1")).all


async def test_each_change_is_shown_once_until_nobody_is_left() -> None:
    seen = [UpCalls(2, 1), UpCalls(2, 1), UpCalls(1, 0), UpCalls(0, 0)]
    shown: list[UpCalls] = []

    async def read() -> UpCalls:
        return seen.pop(0)

    assert await until_empty(read, shown.append, None)
    assert shown == [UpCalls(2, 1), UpCalls(1, 0)]


async def test_waiting_ends_when_it_takes_too_long() -> None:
    async def read() -> UpCalls:
        return UpCalls(1, 0)

    assert not await until_empty(read, lambda _: None, 0.0)
