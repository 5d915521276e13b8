"""Callers' numbers as carriers send them: one number in four spellings is one caller; withheld numbers are not kept."""

import asyncio
import contextlib
import json
import re
from pathlib import Path

import pytest
from asterisk_sip import Telephone
from every import every
from hypothesis import given
from hypothesis import strategies as st
from left import begins, newest
from line import FRENCH_NUMBER, Line
from quick_site import OTHER_CARRIER

from db import references
from ivr.model.e164 import NumberRules, country_of, groups_of, normalise
from ivr.site.site import load
from ivr.softphone.sound import RATE
from ivr.softphone.telephone import Call, Caller, Telephones

DUTCH_NUMBER, GERMAN_NUMBER = "+31800212002", "+49800212003"
DUTCH, SPANISH, ITALIAN = NumberRules("NL"), NumberRules("ES"), NumberRules("IT")
EXAMPLE = Path(__file__).resolve().parents[2] / "sites" / "consulate"


@every(
    ("written", "rules", "number"),
    [
        *((number, DUTCH, "+31612345678") for number in ("+31612345678", "0031612345678", "31612345678", "0612345678")),
        ("+31 (6) 12-34.56/78", DUTCH, "+31612345678"),
        ("612345678", DUTCH, "+31612345678"),
        ("33612345678", DUTCH, "+33612345678"),  # from abroad, and no national number
        ("00330612345678", DUTCH, "+33612345678"),
        ("612345678", SPANISH, "+34612345678"),
        ("31612345678", SPANISH, "+31612345678"),
        ("0612345678", ITALIAN, "+390612345678"),  # there the 0 belongs to the number
        ("3331234567", ITALIAN, "+393331234567"),
        ("06201234567", NumberRules("HU"), "+36201234567"),
        ("01481720000", NumberRules("GB"), "+441481720000"),
        ("9612345678", NumberRules("FR", national_prefix="9"), "+33612345678"),
        ("612345678", NumberRules("FR", national_prefix=""), "+33612345678"),
        ("01133612345678", NumberRules("US", international_prefix="011"), "+33612345678"),
        ("+80012345678", DUTCH, "+80012345678"),
        ("+31600000000", DUTCH, "+31600000000"),  # in a range that is not assigned yet
        ("4520123456", NumberRules(), "+4520123456"),
        ("0612345678", NumberRules(), None),  # which country's?
        ("+336", DUTCH, None),
        ("+99912345678", DUTCH, None),
        ("316123456789", DUTCH, None),
        *((number, DUTCH, None) for number in ("", "+", "112", "1234", "anonymous", "Unavailable", "SIPVICIOUS")),
        *(
            (number, DUTCH, None)
            for number in ("abc123", "abc0612345678", "0612345678a", "+31612345678;ext=1", "٠٦١٢٣٤٥٦٧٨")
        ),
    ],
)
def test_a_callers_number_is_read_by_the_rules_of_its_carrier(
    written: str, rules: NumberRules, number: str | None
) -> None:
    assert normalise(written, rules) == number


@every(
    ("written", "country", "groups"),
    [
        ("0612345678", "FR", "06 12 34 56 78"),
        ("0033612345678", "BE", "0033 6 12 34 56 78"),
        ("33612345678", "BE", "33 6 12 34 56 78"),
        ("00212661234567", "FR", "00212 6 61 23 45 67"),
        ("612345678", "ES", "612 34 56 78"),
        ("0470123456", "BE", "0470 12 34 56"),
        ("3331234567", "IT", "333 123 4567"),
        ("07911123456", "GB", "07911 123 456"),
        ("015123456789", "DE", "01512 345 6789"),  # seven digits at once are too many
        ("0612345678", None, "061 234 5678"),  # which country's?
        ("123", "FR", "123"),
        ("", "FR", ""),
    ],
)
def test_a_number_that_was_entered_is_grouped_as_in_its_country_without_changing_a_digit(
    written: str, country: str | None, groups: str
) -> None:
    assert groups_of(written, country) == tuple(groups.split())


@given(st.text("0123456789", max_size=20), st.sampled_from(["FR", "MA", "DE", "IT", "GB", None]))
def test_the_groups_of_any_entry_have_its_digits_and_none_is_long(written: str, country: str | None) -> None:
    groups = groups_of(written, country)
    assert "".join(groups) == written
    assert all(0 < len(group) <= 5 for group in groups)


@pytest.mark.parametrize(
    ("number", "country", "first_language"),
    [
        ("+441481720000", "GG", "en"),
        ("+441534720000", "JE", "en"),
        ("+441624720000", "IM", "en"),
        ("+3581812345", "AX", "en"),
        ("+34928123456", "ES", "es"),  # the Canaries
        ("+390669812345", "VA", "it"),
        ("+38344123456", "XK", "ar"),  # a country of its own, which the site does not list
    ],
)
def test_a_territory_is_itself_and_has_the_languages_of_the_country_whose_code_it_shares(
    number: str, country: str, first_language: str
) -> None:
    assert country_of(number) == country
    assert load(EXAMPLE).language_order(country)[0] == first_language


async def test_a_number_in_four_writings_is_one_caller_with_one_memory(line: Line, telephones: Telephones) -> None:
    number, *others, last = "+31612777001", "0031612777001", "31612777001", "0612777001"

    async def dial(written: str) -> Call:
        call = await telephones.caller(written).dial(f"sip:{DUTCH_NUMBER}@{line.sip}")
        await call.established()
        return call

    async def asks(call: Call, key: str, reference: int) -> None:
        """The caller asks for a file, with a PIN that is wrong."""
        await call.press(f"{key}1{references.make_reference(9, reference)}000000")
        await begins(call, line.audio("es", "case_no_match"))
        await call.hangup()

    async def asks_in_spanish(reference: int, written: str) -> None:
        await asks(await dial(written), "3", reference)

    async def known(written: str) -> Call:
        """A call whose caller is greeted in Spanish. The line waits 0.15 s for its memory; a busy one may be late."""
        for _ in range(3):
            call = await dial(written)
            with contextlib.suppress(TimeoutError):
                await begins(call, line.audio("es", "go_on_in_language"), timeout_s=4)
                return call
            await call.hangup()
        raise AssertionError("the caller is not known")

    # 3 is Spanish in the menu; whoever is known goes on in Spanish by 1, which is Arabic in the menu.
    first = enumerate((number, *others), 5001)
    await asyncio.gather(*(asks_in_spanish(*item) for item in first))
    before = await newest(line, 3)
    await asks(await known(last), "1", 5004)  # a number may be forged: it locks nobody
    story = await line.story(number)
    found = [story["call"], *before]
    assert {(row["caller"], row["language"]) for row in found} == {(number, "es")}
    assert {row["caller_raw"] for row in found} == {number, *others, last}
    assert [event["data"]["result"] for event in story["events"] if event["kind"] == "case"] == ["no_match"]
    assert line.run("caller", "erase", "06-12 77 70 01").returncode == 0  # in any spelling of that caller's number
    assert line.run("caller", "show", number).returncode == 1


async def test_a_withheld_number_is_nowhere_and_a_word_is_no_number(line: Line, telephones: Telephones) -> None:
    """The digits 614777 stand for a withheld number: afterwards no file of the line has them."""

    def of_carrier(**says: object) -> Caller:
        return telephones.caller(**says)  # type: ignore[arg-type]

    callers = {
        "asserted": (of_carrier(asserted="+33614777001"), None),  # From is anonymous, Privacy: id
        "id": (of_carrier(number="+33614777002", asserted="+33614777003", privacy="id;critical"), None),
        "user": (of_carrier(number="+33614777004", privacy="user"), None),
        "header": (of_carrier(number="0614777005", privacy="header"), None),
        "host": (of_carrier(identity=b'"x" <sip:+33614777006@Anonymous.Invalid>'), None),
        "anonymous": (of_carrier(identity=b"<sip:anonymous@127.0.0.2>", asserted="+33614777007"), None),
        "untrusted": (of_carrier(number="+33614777008", privacy="id", address=OTHER_CARRIER), None),
        "none": (of_carrier(number="+33614000101", asserted="+33614000102", privacy="none"), "+33614000102"),
        "other": (of_carrier(number="+33614000103", asserted="+33614000104", address=OTHER_CARRIER), "+33614000103"),
        "word": (of_carrier(identity=b"<sip:abc123@127.0.0.2>"), None),
        "scanner": (of_carrier(identity=b"<sip:SIPVICIOUS@127.0.0.2>"), None),
    }
    calls: list[Call] = []
    for caller, _ in callers.values():
        calls.append(await caller.dial(f"sip:{GERMAN_NUMBER}@{line.sip}"))
        await calls[-1].established()
    unknown = await of_carrier(number="+33614777009", privacy="id").dial(f"sip:+33899999999@{line.sip}")
    assert (await unknown.ended(5)).status == 404  # which is in two logs
    await asyncio.gather(*(call.press("60") for call in calls))
    await line.until(lambda: len(line.control("GET", "/queue")) == len(calls), 8, "all wait")
    phone = await line.phone(telephones, line.speaks("de"))
    ringing = await phone.next_call()
    texts = [json.dumps(line.control("GET", "/queue")), json.dumps(line.ari("GET", "/channels")), ringing.peer]
    await asyncio.gather(*(call.hangup() for call in calls))
    found = sorted(((row["caller"], row["caller_raw"]) for row in await newest(line, len(calls))), key=str)
    assert [caller for caller, _ in found if caller] == ["+33614000102", "+33614000103"]
    assert {raw for caller, raw in found if caller is None} == {None, "abc123", "SIPVICIOUS"}
    texts += [
        line.run(*arguments).stdout for arguments in (("calls", "--json"), ("report", "--json"), ("cases", "--json"))
    ]
    assert [text for text in texts if "614777" in text] == []
    kept = [path for path in line.home.rglob("*") if path.is_file() and not path.is_relative_to(line.home / "sounds")]
    for path in kept:
        with contextlib.suppress(FileNotFoundError):  # SQLite's journals come and go
            assert not re.search(rb"614777\d{3}", path.read_bytes()), path  # six digits alone can be microseconds


ASSERTED = {
    # The headers P-Asserted-Identity of a call whose From is +33614000200, and the caller's number.
    ('"A" <sip:+33614000201@c.example>, <tel:+33614000202>',): "+33614000201",
    ("<sip:alice@c.example>, <tel:+33614000202>",): "+33614000202",
    ("<tel:+33-614-000-203>,<sip:+33614000204@c.example;user=phone>",): "+33614000203",
    ("<sip:alice@c.example>", "<tel:+33614000205>"): "+33614000205",
    ("<SIPS:0614000209;phone-context=+33:secret@c.example:5061>;a=b , <tel:+33614000204>",): "0614000209",
    ("tel:+33614000206;phone-context=x, sip:alice@c.example",): "+33614000206",
    # A caller may write their own name: what is in it is not the carrier's word.
    ('"Doe, <tel:+33614000299>, John" <sip:0614000207@c.example>, <sip:+33614000298@c.example>',): "0614000207",
    (r'"a\", <tel:+33614000299>" <sip:alice@c.example>, <tel:+33614000208>',): "+33614000200",
    ("<sip:alice@c.example>, <sip:bob@c.example>",): "+33614000200",
    ("<sip:+33614000299>, <http://+33614000299>, <sip:1a@c.example>, <sip:@c.example>, tel:+33x",): "+33614000200",
}


async def test_of_several_asserted_identities_the_first_that_is_a_number_is_the_callers(line: Line) -> None:
    def caller(identities: tuple[str, ...], address: str, number: str = "+33614000200") -> str:
        headers = "".join(f"P-Asserted-Identity: {identity}\r\n" for identity in identities)
        with Telephone(address, 5060 + line.offset, number) as carrier:
            answer = carrier.invite(FRENCH_NUMBER, headers)
            (channel,) = line.ari("GET", "/channels")
            assert carrier.hang_up(answer, FRENCH_NUMBER).status == 200
        return str(channel["caller"]["number"])

    for identities, number in ASSERTED.items():
        assert await asyncio.to_thread(caller, identities, "127.0.0.2") == number, identities
        await line.until(lambda: not line.ari("GET", "/channels"), 5, "the call is over")
    last = "+33614000210"
    assert await asyncio.to_thread(caller, next(iter(ASSERTED)), OTHER_CARRIER, last) == last
    await line.story(last)  # the controller has seen the ends of all of them


async def test_the_fallback_keeps_no_withheld_number_and_cuts_none_out_of_a_word(
    line: Line, telephones: Telephones
) -> None:
    identities = (b"<sip:abc123@127.0.0.2>", b'"x" <sip:+33614888001@anonymous.invalid>', b"<sip:0614000111@127.0.0.2>")
    # Not the newest three later: the fallback's records have whole seconds, so a call of the test before may be newer.
    before = {row["id"] for row in await newest(line, 20)}
    await line.without_controller()
    calls = [
        await telephones.caller(identity=identity).dial(f"sip:{FRENCH_NUMBER}@{line.sip}") for identity in identities
    ]
    await asyncio.gather(*(call.hears(line.audio("fr", "moment")[:RATE]) for call in calls))
    kept = await line.astdb("hatif-fallback")
    await asyncio.gather(*(call.hangup() for call in calls))
    await line.controller_again()
    assert "614888" not in json.dumps(kept)
    await line.story("+33614000111", limit_s=10)
    found = {(row["caller"], row["caller_raw"]) for row in await newest(line, 20) if row["id"] not in before}
    assert found == {(None, "abc123"), (None, None), ("+33614000111", "0614000111")}
