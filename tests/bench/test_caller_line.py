"""What virtual time predicts is what a telephone hears: one short journey; `bench.caller --line` makes them all."""

import asyncio

from line import Line

from bench.caller.ground import load_ground
from bench.caller.journeys import Journey
from bench.caller.line import CARRIER, agrees, document, predict_all
from bench.caller.listener import Listeners


async def test_a_telephone_hears_each_clip_when_virtual_time_says(line: Line) -> None:
    ground = load_ground(line.site, line.home / "sounds", spoken=())
    journey = Journey("the first option", "L1h")
    predicted = await predict_all(ground, [(journey, "fr"), (journey, "en")])
    callers = Listeners(CARRIER, ("127.0.0.1", 5060 + line.offset), line.home / "sounds")
    try:
        made = await asyncio.gather(*(callers.make(call) for call in predicted))
    finally:
        callers.close()
    assert [len(call.heard) > 3 for call in made] == [True, True]
    assert all(agrees(call) for call in made), document(made)
