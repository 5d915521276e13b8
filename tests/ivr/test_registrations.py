"""A telephone whose registration has a new Call-ID has been restarted, unless it takes a new one at each refresh."""

import pytest

from ivr.telephones.registrations import Proof, Registrations

HERE, ELSEWHERE = "IPV4/UDP/127.0.0.3/5060", "IPV4/UDP/127.0.0.3/5062"


def judged(*registrations: tuple[float, str, str]) -> list[bool]:
    """Return whether each registration shows a restart: given as seconds, Call-ID and address."""
    found = Registrations(lambda call_id: None if call_id == "call" else 100.0)
    return [found.restarted(Proof("1001", call_id, address, at)) for at, call_id, address in registrations]


@pytest.mark.parametrize(
    ("registrations", "restarts"),
    [
        pytest.param([(0, "a", HERE), (90, "a", HERE), (180, "a", HERE)], [False] * 3, id="only refreshed"),
        pytest.param([(0, "a", HERE), (5, "b", HERE), (8, "c", HERE)], [False, True, True], id="crashed twice"),
        pytest.param([(0, "a", HERE), (90, "a", HERE), (170, "b", HERE)], [False, False, True], id="crashed late"),
        pytest.param(
            [(0, "a", HERE), (50, "b", HERE), (140, "c", HERE), (200, "d", HERE)], [False] * 4, id="new at each refresh"
        ),
        pytest.param(
            [(at, f"{at}", HERE) for at in range(0, 70, 10)] + [(70, "60", HERE), (80, "b", HERE)],
            [False] + [True] * 3 + [False] * 4 + [True],
            id="new at each early one, until it keeps one",
        ),
        pytest.param(
            [(0, "a", HERE), (90, "a", HERE), (180, "b", HERE), (270, "c", HERE)],
            [False, False, True, False],
            id="exchanged for one that is new at each refresh",
        ),
        pytest.param([(0, "a", HERE), (5, "b", ELSEWHERE), (9, "a", HERE)], [False] * 3, id="two telephones"),
        pytest.param([(0, "a", HERE), (5, "call", HERE), (9, "a", HERE)], [False] * 3, id="a code is dialled"),
        pytest.param([(5, "call", HERE), (9, "a", HERE)], [False] * 2, id="nothing known of before"),
    ],
)
def test_a_restart_is_distinguished_from_a_refresh(
    registrations: list[tuple[float, str, str]], restarts: list[bool]
) -> None:
    assert judged(*registrations) == restarts
