"""A carrier outside the house, which is a second real Asterisk: registration, digest, TLS, SRTP, names and IPv6."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest
from asterisk_example import SECRETS, example
from asterisk_sip import Telephone
from certificates import Authority
from name_server import NameServer
from offsets import LONE_OFFSET as OFFSET
from second_asterisk import PASSWORD, Asterisk, carrier
from sipp import Sipp, calls, is_called, is_refused, is_registered_with, refuses

from asterisk_conf.carrier import Carrier
from asterisk_conf.conf import Conf, write
from asterisk_conf.sip import Sip
from dialplan.plan import Account, Number, Plan, render
from ivr.asterisk.ami import Ami
from ivr.asterisk.carrier_registrations import REGISTERED, read_registrations

NUMBER = "33800000001"
USER = "line-4711"
EARLY = "33800000009"
PLAN = Plan(
    "test1",
    (Number(f"+{EARLY}", "FR", "fr", early=True),),
    ("fr",),
    (),
    tries_s=1,
    accounts=(Account(USER, "+33800000009"),),
)
EXTENSIONS = f"""
[hatif-carrier]
exten => {NUMBER},1,Gosub(hatif-limits,tls,1)
 same => n,Gosub(hatif-caller,s,1)
 same => n,Set(DB(calls/caller)=${{CALLERID(num)}})
 same => n,Set(DB(calls/carrier)=${{CHANNEL(endpoint)}})
 same => n,Set(DB(calls/where)=${{CHANNEL(pjsip,remote_addr)}})
 same => n,Answer()
 same => n,MusicOnHold(hatif)
"""
CRYPTO = f"1 AES_CM_128_HMAC_SHA1_80 inline:{'A' * 40}"
CALLING = "of-the-carrier-at-us"
"""The password of the carrier that calls."""
PLAIN = OFFSET + 5070
"""The port of a transport without TLS in the site's own pjsip.conf."""
ELSEWHERE = "127.0.0.66"
"""An address from which no carrier calls."""


@dataclass(frozen=True)
class Both:
    ours: Asterisk
    theirs: Asterisk
    names: NameServer | None
    sipp: Sipp

    async def call(self, endpoint: str, shown: str = "+33800000009") -> None:
        """Ring somebody from our Asterisk, as the controller does."""
        login = {"Authorization": aiohttp.encode_basic_auth(SECRETS.ari_user, SECRETS.ari_password)}
        url = f"http://127.0.0.1:{self.ours.conf.ports.http}/ari/channels"
        body = {"endpoint": endpoint, "extension": "s", "context": "music", "callerId": shown}
        async with (
            aiohttp.ClientSession(headers=login, trust_env=False) as session,
            session.post(url, json=body) as answer,
        ):
            assert answer.status == 200, await answer.text()

    async def hang_up(self) -> None:
        self.theirs.ask("channel request hangup all")
        await self.ours.until(lambda: not self.ours.calls(), "no call is left with us")
        await self.theirs.until(lambda: not self.theirs.calls(), "no call is left with them")
        for side in (self.ours, self.theirs):
            side.ask("database deltree calls")

    async def both_hear(self) -> None:
        await self.ours.until(
            lambda: all(min(side.heard(), default=0) > 20 for side in (self.ours, self.theirs)), "both sides hear"
        )


def safe(name: str, *hosts: str, transport: str = "tls", **more: Any) -> Carrier:
    """Return a carrier with TLS, encrypted audio, and our password."""
    return Carrier(name, hosts, transport=transport, srtp=True, user=USER, user_password=PASSWORD, **more)


@pytest.fixture(scope="module")
async def both(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Both]:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    certificate, key = authority.sign("ours", "IP:127.0.0.1", "IP:::1")
    sip = Sip(certificate.read_text(), key.read_text(), authority.file, bind_ipv6="::1")
    own = f"[more]\ntype = transport\nprotocol = udp\nbind = 127.0.0.1:{PLAIN}\n"
    conf = example(tmp_path_factory.mktemp("home"), sip=sip, own_pjsip=own)
    theirs = carrier(conf, tmp_path_factory.mktemp("carrier"), authority, user=USER)
    sips, plain = theirs.conf.ports.sips, theirs.conf.ports.sip
    conf = replace(
        conf,
        carriers=(
            safe("named", registrar=f"localhost:{sips}", dial=(f"localhost:{sips}",)),
            safe("sixth", "::1", dial=(f"[::1]:{sips}",), trust_identity=True, codecs=("ulaw",)),
            # Its certificate is not for this address.
            safe("stranger", "127.0.0.9", dial=(f"127.0.0.1:{sips}",)),
            # Known by its name only; see `name_server`.
            safe("service", "127.0.0.7", dial=("carrier.example",)),
            # SIPp's.
            safe("sipp", "127.0.0.10", dial=(f"127.0.0.10:{plain + 6}",), password=CALLING),
            # The first server does not exist.
            safe("two", "127.0.0.8", user_in_from=True, dial=("127.0.0.1:9", f"127.0.0.1:{plain}"), transport="udp"),
            safe("wide", "127.0.0.12", dial=(f"127.0.0.1:{plain}",), transport="udp", codecs=("g722",)),
        ),
    )
    write(conf)
    (conf.home / "sounds/fr").mkdir(parents=True)
    (conf.home / "sounds/fr/closed.alaw").write_bytes(bytes(range(256)) * 32)
    (conf.etc / "extensions.conf").write_text(
        EXTENSIONS + render(replace(PLAN, plain_ports=(conf.ports.sip, PLAIN))) + MUSIC
    )
    ours = Asterisk(conf)
    names = name_server(conf, plain, sips)
    folder = tmp_path_factory.mktemp("sipp")
    sipp = Sipp(folder, "127.0.0.10", plain + 6, authority.sign("sipp", "IP:127.0.0.10", "DNS:carrier.example"))
    try:
        await theirs.start()  # first, since we register with it
        await ours.start()
        # It takes connections and closes them.
        async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", plain + 5):
            yield Both(ours, theirs, names, sipp)
    finally:
        if names is not None:
            names.close()
        await ours.stop()
        await theirs.stop()


def name_server(conf: Conf, plain: int, sips: int) -> NameServer | None:
    """Start a name server that Asterisk will ask, on port 53; None without the right to have that port."""
    address = f"127.53.{plain // 256}.{plain % 256}"  # of this run's own
    hosts = {"carrier.example": "127.0.0.1", "one.carrier.example": "127.0.0.1", "two.carrier.example": "127.0.0.10"}
    # The first closes the connection, the second is SIPp, the third is the other Asterisk.
    targets = ((1, plain + 5, "one"), (2, plain + 6, "two"), (3, sips, "one"))
    services = tuple((priority, port, f"{name}.carrier.example") for priority, port, name in targets)
    try:
        names = NameServer(address, 53, hosts, {"_sips._tcp.carrier.example": services})
    except PermissionError:
        return None
    (conf.etc / "resolv.conf").write_text(f"nameserver {address}\n")
    (conf.etc / "resolver_unbound.conf").write_text(f"[general]\nresolv = {conf.etc / 'resolv.conf'}\n")
    return names


MUSIC = """
[music]
exten => s,1,Answer()
 same => n,MusicOnHold(hatif)
"""


async def test_a_call_to_our_user_is_for_the_number_in_to_or_for_the_one_of_the_account(both: Both) -> None:
    with Telephone("127.0.0.8", both.ours.conf.ports.sip, "+33612345678") as caller:
        for to, known in ((f"<sip:{NUMBER}@hatif>", True), (f"<sip:{USER}@hatif>", False), ("<sip:x%0d@hatif>", False)):
            answer = caller.invite(USER, f"To: {to}\r\n", crypto=CRYPTO)
            assert answer.status == 200, to
            assert (both.ours.stored("calls/carrier") == "carrier-two") == known, to
            assert caller.hang_up(answer, USER).status == 200
            both.ours.ask("database deltree calls")


async def test_our_calls_have_our_password_and_go_over_tls_to_the_name(both: Both) -> None:
    await both.call("PJSIP/+33612345678@trunk-named")
    await both.both_hear()
    assert both.theirs.stored("calls/number") == "+33612345678"
    assert both.theirs.stored("calls/where") == f"127.0.0.1:{both.theirs.conf.ports.sips}"
    assert both.theirs.stored("calls/sip-from").startswith("<sip:+33800000009@localhost>")
    assert not both.theirs.stored("calls/asserted")  # it is not trusted, so it gets what any telephone shows
    assert both.theirs.codecs() == both.ours.codecs() == {"alaw"}  # the usual one
    await both.hang_up()


async def test_both_ways_over_ipv6(both: Both) -> None:
    await both.call("PJSIP/+33612345678@trunk-sixth")
    await both.both_hear()
    assert both.theirs.stored("calls/where") == f"[::1]:{both.theirs.conf.ports.sips}"
    assert both.theirs.stored("calls/asserted") == "<sip:+33800000009@[::1]>"  # it is trusted
    assert both.theirs.codecs() == {"ulaw"}  # its codec
    await both.hang_up()
    both.theirs.ask(f"channel originate PJSIP/{NUMBER}@ours-sixth extension s@music")
    await both.both_hear()
    assert both.ours.stored("calls/carrier") == "carrier-sixth"
    assert both.ours.stored("calls/where").startswith("[::1]:")
    assert both.ours.codecs() == {"ulaw"}  # although the carrier offers another one first
    await both.hang_up()


async def test_a_server_whose_certificate_is_for_another_name_gets_no_call(both: Both) -> None:
    await both.call("PJSIP/+33612345678@trunk-stranger")
    await both.ours.until(lambda: not both.ours.calls(), "the call has failed")
    assert not both.theirs.stored("calls/number")


async def test_a_call_goes_to_the_server_that_answers(both: Both) -> None:
    await both.ours.until(lambda: "Unavail" in both.ours.ask("pjsip show contacts"), "the first one is known as gone")
    await both.call("PJSIP/+33612345678@trunk-two")
    await both.both_hear()
    assert both.theirs.stored("calls/where") == f"127.0.0.1:{both.theirs.conf.ports.sip}"
    # This one wants our user in From.
    assert both.theirs.stored("calls/sip-from").startswith(f"<sip:{USER}@")
    assert both.theirs.stored("calls/asserted").startswith("<sip:+33800000009@")
    await both.hang_up()


async def test_a_carriers_own_codec_is_the_one_of_our_calls(both: Both) -> None:
    await both.call("PJSIP/+33612345678@trunk-wide")
    await both.both_hear()
    assert both.theirs.codecs() == both.ours.codecs() == {"g722"}
    await both.hang_up()


async def test_a_name_leads_to_its_servers_and_past_those_that_do_not_answer_or_refuse(both: Both) -> None:
    if both.names is None:
        pytest.skip("port 53 of the loopback needs root")
    busy = await both.sipp.listen(refuses())
    await both.call("PJSIP/+33612345678@trunk-service")
    await both.both_hear()
    assert both.theirs.stored("calls/where") == f"127.0.0.1:{both.theirs.conf.ports.sips}"
    await both.sipp.ends(busy)
    await both.hang_up()


@pytest.mark.parametrize("own_transport", [False, True])
async def test_a_call_without_tls_is_refused_where_tls_is_required(both: Both, own_transport: bool) -> None:
    port = PLAIN if own_transport else both.ours.conf.ports.sip
    with Telephone("127.0.0.9", port, "+33612345678") as caller:
        assert caller.invite(NUMBER, crypto=CRYPTO).status == 403
    assert not both.ours.stored("calls/carrier")


async def test_our_contact_is_of_no_use_without_its_word(both: Both) -> None:
    with Telephone(ELSEWHERE, both.ours.conf.ports.sip, USER) as stranger:
        assert stranger.invite(NUMBER).status == 401


async def test_without_a_controller_a_closed_line_is_heard_and_never_answered(both: Both) -> None:
    for key, value in (("open_until", "0"), ("opens_next", "9999999999")):
        both.ours.ask(f"database put hatif-hours {key} {value}")
    with Telephone("127.0.0.8", both.ours.conf.ports.sip, "+33612345678") as caller:
        caller.signalling.settimeout(10)
        answer = await asyncio.to_thread(caller.invite, EARLY, crypto=CRYPTO)
        assert [answer.status, *{early.status for early in caller.before}] == [480, 100, 183]
        assert len(caller.hear(0.5)) > 8000  # a second of it, encrypted


async def test_another_asterisk_hears_the_closed_line_before_any_answer(both: Both) -> None:
    for key, value in (("open_until", "0"), ("opens_next", "9999999999")):
        both.ours.ask(f"database put hatif-hours {key} {value}")
    both.theirs.ask(f"channel originate PJSIP/{EARLY}@ours-sixth extension s@music")
    await both.theirs.until(lambda: max(both.theirs.heard(), default=0) > 20, "they hear it")
    assert "!Up!" not in both.theirs.ask("core show channels concise")
    await both.theirs.until(lambda: not both.theirs.calls(), "the call has ended")


async def test_sipp_gets_183_and_480_from_a_closed_line_and_488_for_a_codec_that_is_not_the_carriers(
    both: Both,
) -> None:
    for key, value in (("open_until", "0"), ("opens_next", "9999999999")):
        both.ours.ask(f"database put hatif-hours {key} {value}")
    there = f"127.0.0.1:{both.ours.conf.ports.sips}"
    login = ("carrier-sipp", CALLING)
    early = is_refused(*login, before=("183",), final="480")
    await both.sipp.ends(await both.sipp.start(early, "-s", EARLY, there))
    refused = is_refused(*login, final="488", codec="9 G722")
    await both.sipp.ends(await both.sipp.start(refused, "-s", NUMBER, there))


async def test_sipp_calls_over_tls_with_its_password(both: Both) -> None:
    arguments = ("-s", NUMBER, f"127.0.0.1:{both.ours.conf.ports.sips}")
    await both.sipp.ends(await both.sipp.start(calls("carrier-sipp", CALLING), *arguments, calls=3))
    assert both.ours.stored("calls/carrier") == "carrier-sipp"


async def test_sipp_is_called_over_tls_and_challenges_as_a_proxy_does(both: Both) -> None:
    listening = await both.sipp.listen(is_called(USER))
    await both.call("PJSIP/+33612345678@trunk-sipp")
    await both.ours.until(lambda: "Up" in both.ours.ask("core show channels concise"), "the call is answered")
    await asyncio.sleep(0.5)
    both.ours.ask("channel request hangup all")
    await both.sipp.ends(listening)


async def test_we_register_by_name_over_tls_and_are_called_there_encrypted(both: Both) -> None:
    # Asterisk spreads its first registrations over ten seconds.
    await both.ours.until(lambda: "Registered" in both.ours.ask("pjsip show registrations"), "we are registered", 15)
    contact = both.theirs.ask("pjsip show contacts")
    assert f"sip:{USER}@127.0.0.1:" in contact and "transport=" in contact, contact
    both.theirs.ask(f"channel originate PJSIP/{NUMBER}@{USER} extension s@music")
    await both.both_hear()
    assert both.ours.stored("calls/carrier") == "carrier-named"
    assert both.ours.stored("calls/where").startswith("127.0.0.1:")
    await both.hang_up()


async def test_a_call_over_tls_and_srtp_goes_on_while_its_carrier_is_changed_by_a_reload(both: Both) -> None:
    def registered_as(user: str) -> bool:
        return f"{user}@localhost" in both.ours.ask("pjsip show registration trunk-named")

    conf = both.ours.conf
    await both.ours.until(lambda: "Registered" in both.ours.ask("pjsip show registrations"), "we are registered", 15)
    both.theirs.ask(f"channel originate PJSIP/{NUMBER}@{USER} extension s@music")
    await both.both_hear()
    other, codecs = "line-4712", ("ulaw", "alaw")
    named = replace(conf.carriers[0], user=other, codecs=codecs)
    write(replace(conf, carriers=(named, *conf.carriers[1:])))
    both.ours.ask("module reload res_pjsip.so")
    await both.ours.until(lambda: registered_as(other), "the carrier was changed")
    sides, before = (both.ours, both.theirs), [side.heard() for side in (both.ours, both.theirs)]
    assert all(before), before
    await both.ours.until(
        lambda: all(min(side.heard()) > max(heard) + 50 for side, heard in zip(sides, before, strict=True)),
        "both still hear",
    )
    write(conf)
    both.ours.ask("module reload res_pjsip.so")
    await both.ours.until(lambda: registered_as(USER), "the carrier is as before")
    await both.hang_up()
    await both.ours.until(lambda: "Registered" in both.ours.ask("pjsip show registrations"), "we register again", 15)


async def test_a_carrier_that_is_added_by_a_reload_gets_our_registration_and_none_when_it_is_gone(both: Both) -> None:
    conf = both.ours.conf
    registrar = f"127.0.0.10:{both.sipp.port}"
    added = replace(conf, carriers=(*conf.carriers, safe("added", "127.0.0.11", registrar=registrar)))
    listening = await both.sipp.listen(is_registered_with(USER, PASSWORD))
    assert write(added) == ("pjsip.conf",)
    both.ours.ask("module reload res_pjsip.so")
    await both.sipp.ends(listening)
    async with Ami("127.0.0.1", conf.ports.ami, SECRETS.ami_user, SECRETS.ami_password) as ami:
        found = await read_registrations(ami)
        assert found.keys() == {"named", "added"} and found["named"] == REGISTERED
        write(conf)
        both.ours.ask("module reload res_pjsip.so")
        assert await read_registrations(ami) == {"named": REGISTERED}
