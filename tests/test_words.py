"""The database and routing use the same words, though neither imports the other."""

from db import enums
from routing import states


def test_operators_and_offers_have_the_same_states_in_the_database_and_in_routing() -> None:
    assert {item.value for item in enums.OperatorState} == {item.value for item in states.OperatorState}
    assert {item.value for item in enums.OfferState} == {item.value for item in states.OfferState}
