"""Operators' calls are counted the same in both databases."""

from pathlib import Path

from test_report_rows import DAY, NEXT, Book

from db.enums import OfferState
from db.ids import uuid7
from db.report_operators import OperatorWork, operators_work

pytest_plugins = ["db_fixtures"]


async def test_conversations_are_credited_to_the_operators_who_had_them(url: str, folder: Path) -> None:
    book = Book(folder, url)
    handed_on = book.call(0, connected=DAY)
    book.pairing(handed_on, "1001", 10, 110, role="operator", reason="transfer")
    book.pairing(handed_on, "1003", 50, 70, role="interpreter", reason="operator")
    book.pairing(handed_on, "1002", 120, 320, role="operator", reason="transfer")
    book.pairing(handed_on, "1001", 330, 340, role="operator", reason="caller")  # back, and finished
    going_on = book.call(0, connected=DAY)
    book.pairing(going_on, "1002", 400, None, role="operator")
    lost = book.call(0, connected=DAY)
    book.pairing(lost, "1002", 500, 510, role="operator", reason="lost")
    led = book.call(0, connected=DAY, ended=DAY.replace(minute=2), outcome="fallback", operator_id="1003")
    test = book.call(0, connected=DAY, live=False)
    book.pairing(test, "1001", 10, 20, role="operator", reason="caller")
    book.pairing(led, "1004", 90_000, 90_010)  # tomorrow
    for state in ("refused", "no_answer", "withdrawn"):
        book.put("offer", id=uuid7(), call_id=uuid7(), operator_id="1002", state=state, offered=DAY)  # of call backs
    book.put("offer", id=uuid7(), call_id=test, operator_id="1002", state="refused", offered=DAY)
    engine = await book.opened()
    found = await operators_work(engine, DAY, NEXT)
    offers = found["1002"].offers
    assert found["1001"] == OperatorWork(2, 2, 110.0, 1, 1, 1, 0)
    assert found["1002"] == OperatorWork(3, 2, 210.0, 1, 1, 1, 0, offers)
    assert offers == {OfferState.REFUSED: 1, OfferState.NO_ANSWER: 1, OfferState.WITHDRAWN: 1}
    assert found["1003"] == OperatorWork(consulted=1)
    assert "1004" not in found
    assert (await operators_work(engine, DAY, NEXT, tests=True))["1001"].conversations == 3
    await engine.dispose()


async def test_calls_that_the_dialplan_served_are_credited_without_a_pairing(url: str, folder: Path) -> None:
    book = Book(folder, url)
    book.call(0, connected=DAY, ended=DAY.replace(minute=2), outcome="fallback", operator_id="1003")
    engine = await book.opened()
    assert await operators_work(engine, DAY, NEXT) == {"1003": OperatorWork(1, 1, 120.0, finished=1)}
    await engine.dispose()


def test_operators_work_can_be_added() -> None:
    one = OperatorWork(1, 1, 2.0, 1, 0, 1, 0)
    one.offers[OfferState.REFUSED] += 1
    both = one + one
    assert (both.conversations, both.talked_s, both.offers) == (2, 4.0, {OfferState.REFUSED: 2})
    assert one.offers == {OfferState.REFUSED: 1}
