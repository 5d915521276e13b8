"""A controller whose connections to Asterisk keep failing does not claim to serve calls."""

from ivr.controller.connection_health import STABLE_S, ConnectionHealth


def test_after_three_connections_that_do_not_last_calls_are_served_only_once_one_lasts() -> None:
    now = 1000.0
    health = ConnectionHealth(lambda: now)
    for _ in range(3):
        health.connected()
        assert health.serves
        now += STABLE_S / 2
        health.ended()
    health.connected()
    assert not health.serves
    now += STABLE_S + 1
    assert health.serves
    health.ended()
    health.connected()
    assert health.serves
