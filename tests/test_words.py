"""The words of the database and of routing are the same, though neither imports the other."""

from db import enums
from routing import states


def test_the_states_of_operators_and_offers_are_the_same_words() -> None:
    assert {each.value for each in enums.OperatorState} == {each.value for each in states.OperatorState}
    assert {each.value for each in enums.OfferState} == {each.value for each in states.OfferState}
