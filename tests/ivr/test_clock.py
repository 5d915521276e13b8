"""Durations by the machine's clock."""

import time

import pytest

from ivr.model import clock


@pytest.mark.parametrize(("step_s", "found_s"), [(0, 5.0), (-3600, 0.0), (60, 65.0)])
def test_a_clock_that_is_put_back_makes_no_negative_duration(
    step_s: float, found_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a telephone that rings when the controller is restarted would ring on for an hour."""
    began = time.time()
    monkeypatch.setattr(time, "time", lambda: began + 5 + step_s)
    assert clock.seconds_since(began) == pytest.approx(found_s)
