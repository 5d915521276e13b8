"""Whom we may call, when and how often: numbers, hours in all zones that a number may be in, limits."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from every import every
from hypothesis import assume, given
from hypothesis import strategies as st
from line import CHECKOUT
from site_files import edited, line_of, refusal

from db.callback_states import MOST_TRIES, next_try
from ivr.site import callback_rules, site
from ivr.site.callback_rules import Facts, Limits, Not, Refusal
from routing.hours import Span

SITE = site.load(CHECKOUT / "sites" / "consulate")
OWN = tuple(line.number for line in SITE.number)
DAY = (time(8), time(20))
ZONES = ("Europe/Paris", "Atlantic/Canary", "Europe/Athens", "Africa/Casablanca", "America/Los_Angeles", "Asia/Tokyo")


@every(
    ("number", "why"),
    [
        ("+33612345678", None),  # mobile
        ("+33142345678", None),  # fixed
        ("+33975123456", None),  # at home, by internet
        ("+31612345678", None),
        ("+212612345678", None),
        ("+33899123456", Refusal.KIND),  # premium
        ("+33810123456", Refusal.KIND),  # shared cost
        ("+33800123456", Refusal.KIND),  # toll-free
        ("+80012345678", Refusal.KIND),  # of no country
        ("+12125551234", Refusal.COUNTRY),
        ("+882165123456", Refusal.COUNTRY),  # satellite
        ("+33012345678", Refusal.NOBODY),
        ("+3361234567", Refusal.NOBODY),  # a digit is missing
        ("+336123456789", Refusal.NOBODY),
        ("0612345678", Refusal.MALFORMED),
        ("33612345678", Refusal.MALFORMED),
        ("+33 6 12 34 56 78", Refusal.MALFORMED),
        ("+33612345678;ext=1", Refusal.MALFORMED),
        ("+33612345678@example.org", Refusal.MALFORMED),
        ("+३३६१२३४५६७८", Refusal.MALFORMED),
        ("+1-800-FLOWERS", Refusal.MALFORMED),
        ("+", Refusal.MALFORMED),
        ("", Refusal.MALFORMED),
        ("anonymous", Refusal.MALFORMED),
        (OWN[1], Refusal.OWN),
    ],
)
def test_a_number_is_allowed_or_refused_with_a_reason(number: str, why: Refusal | None) -> None:
    assert callback_rules.refusal(number, SITE.countries, OWN) is why
    assert why is None or callback_rules.EXPLANATIONS[why]


@pytest.mark.parametrize(("hours", "found"), [("0", "greater than"), ("1441", "less than"), ('"two days"', "number")])
def test_the_time_until_a_request_expires_is_checked(hours: str, found: str, tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    text = (CHECKOUT / "sites" / "consulate" / "site.toml").read_text(encoding="utf-8")
    assert SITE.callbacks.give_up == timedelta(hours=24)
    path.write_text(wrong := edited(text, "give_up_h = 24 ", f"give_up_h = {hours} "), encoding="utf-8")
    ((line, sentence),) = refusal(lambda: site.load(tmp_path), path)
    assert line == line_of(wrong, "give_up_h") and "give_up_h" in sentence and found in sentence


@given(st.text(max_size=20) | st.from_regex(r"\+[0-9]{5,15}", fullmatch=True))
def test_only_valid_numbers_of_the_sites_countries_are_allowed(text: str) -> None:
    if callback_rules.refusal(text, SITE.countries, OWN) is None:
        number = phonenumbers.parse(text, None)
        assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == text
        assert phonenumbers.is_valid_number(number)
        assert phonenumbers.region_code_for_number(number) in SITE.countries
        assert "PREMIUM" not in phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(number))
        assert callback_rules.zones(text)


def test_every_country_of_the_site_has_allowed_numbers_and_refused_premium_numbers() -> None:
    kinds = phonenumbers.PhoneNumberType
    for country in SITE.countries:
        for kind, allowed in ((kinds.MOBILE, True), (kinds.PREMIUM_RATE, False)):
            example = phonenumbers.example_number_for_type(country, kind)
            if example is not None:
                text = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
                assert (callback_rules.refusal(text, SITE.countries, OWN) is None) is allowed, (country, text)


def test_a_spanish_mobile_number_may_be_in_the_canary_islands_and_both_clocks_count() -> None:
    where = [ZoneInfo(name) for name in callback_rules.zones("+34612345678")]
    assert {zone.key for zone in where} >= {"Europe/Madrid", "Atlantic/Canary"}
    at = datetime(2026, 11, 26, 7, 30, tzinfo=UTC)  # 8:30 in Madrid, 7:30 in the islands
    assert not callback_rules.allowed(at, where, [DAY])
    assert callback_rules.allowed(at + timedelta(minutes=30), where, [DAY])
    assert callback_rules.allowed(datetime(2026, 11, 26, 18, 59, tzinfo=UTC), where, [DAY])  # 19:59 in Madrid
    assert not callback_rules.allowed(datetime(2026, 11, 26, 19, 0, tzinfo=UTC), where, [DAY])


spans = st.tuples(st.integers(0, 1438), st.integers(1, 1439)).filter(lambda pair: pair[0] < pair[1]).map(
    lambda pair: (time(pair[0] // 60, pair[0] % 60), time.max if pair[1] == 1439 else time(pair[1] // 60, pair[1] % 60))
)  # fmt: skip
instants = st.integers(0, 2 * 365 * 86_400).map(lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s))


@given(
    instants,
    st.lists(st.sampled_from(ZONES), min_size=1, max_size=4, unique=True),
    st.lists(spans, min_size=1, max_size=3),
)
def test_the_next_allowed_instant_is_the_first_allowed_quarter_of_an_hour(
    at: datetime, names: list[str], windows: list[Span]
) -> None:
    where = [ZoneInfo(name) for name in names]
    found = callback_rules.allowed_next(at, where, windows)
    for quarter in range(4 * 24 * 3):
        moment = at + timedelta(minutes=15 * quarter)
        if found is not None and moment >= found:
            break
        assert not callback_rules.allowed(moment, where, windows)
    if found is not None:
        assert found >= at
        assert callback_rules.allowed(found, where, windows)


facts = st.builds(
    Facts,
    now=instants,
    trunk=st.booleans(),
    open=st.booleans(),
    windows=st.lists(spans, min_size=1, max_size=2),
    limits=st.builds(Limits, st.integers(1, 3), st.integers(1, 5)),
    countries=st.just(SITE.countries),
    own=st.just(OWN),
    dialled_number=st.integers(0, 4),
    dialled=st.integers(0, 6),
)


@given(
    facts,
    st.sampled_from(["+33612345678", "+34612345678", "+33899123456", "+12125551234", "x"]),
    st.none() | instants,
    st.integers(0, 3),
    st.booleans(),
)
def test_a_dialled_number_obeys_every_rule(
    known: Facts, number: str, due: datetime | None, tries: int, ended: bool
) -> None:
    why = callback_rules.why_not(number, due=due, tries=tries, ended=ended, facts=known)
    assert why is None or callback_rules.REASONS[why]
    if why is None:
        assert not ended and tries < MOST_TRIES and known.trunk and known.open
        assert callback_rules.refusal(number, known.countries, known.own) is None
        assert due is not None and due <= known.now
        for zone in callback_rules.zones(number):
            clock = known.now.astimezone(ZoneInfo(zone)).time()
            assert any(begins <= clock and (clock < ends or ends == time.max) for begins, ends in known.windows)
        assert known.dialled_number < known.limits.a_number and known.dialled < known.limits.a_day


@given(facts)
def test_a_request_without_an_obstacle_is_dialled(known: Facts) -> None:
    free = Facts(known.now, True, True, [(time(0), time.max)], Limits(1, 1), known.countries, known.own)
    assert callback_rules.why_not("+34612345678", due=known.now, tries=1, ended=False, facts=free) is None
    assert callback_rules.why_not("+34612345678", due=known.now, tries=2, ended=False, facts=free) is Not.TRIES
    assert callback_rules.why_not("+34612345678", due=None, tries=0, ended=False, facts=free) is Not.UNCHANGED


@given(instants, st.integers(1, 600))
def test_there_are_two_tries_and_not_a_third(tried: datetime, minutes: int) -> None:
    assert next_try(tried, timedelta(minutes=minutes), 1) == tried + timedelta(minutes=minutes)
    assert next_try(tried, timedelta(minutes=minutes), 2) is None


@given(instants, st.sampled_from(ZONES))
def test_a_day_begins_at_midnight_by_the_sites_clock(now: datetime, zone: str) -> None:
    began = callback_rules.midnight(now, zone)
    assume(began.astimezone(ZoneInfo(zone)).time() == time(0))  # a zone may change its clock at midnight
    assert began <= now < began + timedelta(hours=25)
    assert began.astimezone(ZoneInfo(zone)).date() == now.astimezone(ZoneInfo(zone)).date()
