"""How much call-backs may take: of the operators' time, and of a day's calls and minutes to a country."""

from dataclasses import replace
from datetime import UTC, datetime, time

import pytest
from test_callbacks_states import new_request
from trial_stage import stage

from db.callback_requests import DialCounts
from db.enums import CallbackKind, CallbackState
from ivr.callbacks.volume import Volume
from ivr.records.limit_counts import Limit, LimitCounts
from ivr.site.callback_facts import country_limit, counts_minutes, facts_of
from ivr.site.callback_rules import Not, why_not
from ivr.site.callbacks import Callbacks, CountrySum
from ivr.site.site import Site

NOW = datetime(2026, 11, 25, 11, tzinfo=UTC)


class Duty:
    def __init__(self, operators: int) -> None:
        self.operators_on_duty = operators


@pytest.mark.parametrize(
    ("share", "on_duty", "most"),
    [(0.5, 10, 5), (0.5, 3, 1), (0.5, 1, 1), (0.5, 0, 1), (0.25, 40, 10), (1.0, 2, 1000)],
)
def test_at_most_a_share_of_the_operators_on_duty_calls_back_at_once_and_one_always_may(
    share: float, on_duty: int, most: int
) -> None:
    volume = Volume(Duty(on_duty), share, LimitCounts())
    assert not volume.is_full(most - 1)
    assert volume.is_full(most) is (share < 1)


def test_conversations_and_what_other_nodes_do_count_as_well_and_calls_without_an_operator_do_not() -> None:
    talks = replace(new_request(), state=CallbackState.CONNECTED.value)
    ours = replace(new_request(), state=CallbackState.RINGING_OPERATOR.value)
    about_file = replace(new_request(CallbackKind.CASE), state=CallbackState.RINGING_CALLER.value)
    volume = Volume(Duty(6), 0.5, LimitCounts())
    volume.look([talks, ours, about_file, new_request()], [str(ours.id)])
    assert not volume.is_full(1)  # two of three
    volume.connected()
    assert volume.is_full(1)


def test_a_request_that_a_limit_holds_back_is_counted_once_as_long_as_it_does() -> None:
    counts, request = LimitCounts(), new_request()
    volume = Volume(Duty(1), 0.5, counts)
    for why in (Not.SHARE, Not.SHARE, None, Not.SHARE, Not.LIMIT_COUNTRY, Not.NIGHT, Not.LIMIT_COUNTRY):
        volume.look([request], [])
        volume.note(request, why)
    assert counts.reached == {Limit.CALLBACKS_SHARE: 2, Limit.OUTGOING_COUNTRY: 2}


def limited(**callbacks: object) -> Site:
    site = stage().site
    return site.model_copy(update={"callbacks": site.callbacks.model_copy(update=callbacks)})


@pytest.mark.parametrize(
    ("callbacks", "why"),
    [
        ({}, None),
        ({"most_a_country": 4}, None),
        ({"most_a_country": 3}, Not.LIMIT_COUNTRY),
        ({"most_a_country": 3, "country": {"FR": CountrySum(calls=9)}}, None),
        ({"country": {"FR": CountrySum(calls=3)}}, Not.LIMIT_COUNTRY),
        ({"country": {"FR": CountrySum(minutes=10)}}, Not.LIMIT_COUNTRY),
        ({"country": {"FR": CountrySum(minutes=11)}}, None),
        (
            {"country": {"FR": CountrySum(minutes=10), "BE": CountrySum(calls=9)}, "most_a_country": 99},
            Not.LIMIT_COUNTRY,
        ),
        ({"country": {"NL": CountrySum(calls=0)}}, None),
    ],
)
def test_no_number_of_a_country_is_dialled_once_the_days_calls_or_minutes_to_it_are_used_up(
    callbacks: dict[str, object], why: Not | None
) -> None:
    site = limited(hours=("00:00-24:00",), **callbacks)
    dialled = DialCounts(
        {"+33612345670": 2, "+33142345678": 1, "+31612345678": 9}, 12, {"+33612345670": 400, "+33142345678": 200.0}
    )
    request = replace(new_request(), number="+33612345678", due=NOW)
    facts = facts_of(site, request, dialled, NOW, is_open=True)
    assert facts.windows == ((time(0), time.max),)
    assert why_not(request.number, due=NOW, tries=0, ended=False, facts=facts) is why
    limit = country_limit(site, request.number)
    assert (limit is not None and limit.is_reached(dialled)) is (why is Not.LIMIT_COUNTRY)


def test_minutes_are_counted_only_if_a_country_has_a_limit_of_them() -> None:
    assert not counts_minutes(limited(country={"FR": CountrySum(calls=3)}))
    assert counts_minutes(limited(country={"FR": CountrySum(minutes=3)}))


def test_a_territory_shares_the_sum_of_the_country_whose_code_it_has() -> None:
    chosen = Callbacks(country={"GB": CountrySum(calls=5)}, most_a_country=7)
    assert [chosen.sum_for(number).calls for number in ("+441481250123", "+447400123456", "+33612345678")] == [5, 5, 7]
