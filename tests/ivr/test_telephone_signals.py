"""Whether a telephone has rung, as Asterisk says it of the leg."""

from types import SimpleNamespace
from typing import Any

import pytest

from ivr.asterisk.ari.link import LinkLost
from ivr.controller.telephone_signals import TelephoneSignals


@pytest.mark.parametrize(
    ("answer", "rung"),
    [
        ("Ringing", True),
        ("Up", True),
        ("Down", False),  # the telephone has not even answered that it rings
        (None, True),  # the leg is over
        (LinkLost("gone"), True),
        (TimeoutError(), True),
    ],
)
async def test_a_telephone_counts_as_not_reached_only_if_asterisk_says_so(answer: Any, *, rung: bool) -> None:
    async def ask(_: object) -> list[SimpleNamespace]:
        if isinstance(answer, Exception):
            raise answer
        return [SimpleNamespace(ok=answer is not None, body={"state": answer})]

    nothing: Any = None
    services: Any = SimpleNamespace(link=SimpleNamespace(ask=ask))
    signals = TelephoneSignals(services, nothing, nothing, {}, nothing, nothing)
    assert await signals.has_rung("leg") is rung
