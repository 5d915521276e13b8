"""Addresses that guess passwords: what counts as a guess, who is banned for how long, and who never is."""

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from ivr.asterisk.security_log import Login, SecurityLog, read_login
from ivr.process.ban_list import BanList, BanListError, access_list, nftables
from ivr.process.ban_rules import Ban, BanLimits, Guesses, lifted, worth_keeping

START, MINUTE, DAY = 1_795_600_000.0, 60.0, 86_400.0
LIMITS = BanLimits(after=3, within_s=10 * MINUTE, first_s=10 * MINUTE, longest_s=DAY)
SPARED = [ip_network("192.0.2.0/24"), ip_network("10.0.0.0/8")]
STRANGER = "203.0.113.7"


def line(
    address: str = STRANGER,
    session: str = "a@b",
    response: str = "40f7" * 8,
    challenge: str = "1795876264/" + "1a" * 16,
) -> bytes:
    return (
        "[2026-11-28 14:31:04.130] SECURITY[29792] res_security_log.c: "
        'SecurityEvent="ChallengeResponseFailed",EventTV="2026-11-28T14:31:04.130+0000",Severity="Error",'
        f'Service="PJSIP",EventVersion="1",AccountID="1001",SessionID="{session}",'
        f'LocalAddress="IPV4/UDP/127.0.0.1/5060",RemoteAddress="IPV4/UDP/{address}/35608",'
        f'Challenge="{challenge}",Response="{response}",ExpectedResponse=""'
    ).encode()


PROVED = (
    b'SecurityEvent="SuccessfulAuth",EventTV="2026-11-28T14:31:04.131+0000",Severity="Informational",Service="PJSIP",'
    b'EventVersion="1",AccountID="1001",SessionID="7@test",LocalAddress="IPV4/UDP/127.0.0.1/5060",'
    b'RemoteAddress="IPV4/UDP/203.0.113.7/41380",UsingPassword="1"'
)


# What counts


def test_a_wrong_password_and_a_right_one_are_read_from_asterisks_lines() -> None:
    assert read_login(line()) == Login(ip_address(STRANGER), right=False)
    assert read_login(PROVED) == Login(ip_address(STRANGER), right=True)
    assert read_login(line("2001:db8::7")) == Login(ip_address("2001:db8::7"), right=False)
    assert read_login(line("::ffff:203.0.113.7")) == Login(ip_address(STRANGER), right=False)
    assert read_login(b'SecurityEvent="ChallengeSent",RemoteAddress="IPV4/UDP/203.0.113.7/1",Challenge=""') is None


INNOCENT = '",RemoteAddress="IPV4/UDP/192.0.2.7/5060",Challenge="1/' + "0" * 32


@pytest.mark.parametrize(
    "forged",
    [
        line(session=f'x{INNOCENT}",Response="{"0" * 32}",ExpectedResponse="'),
        line(session='x",RemoteAddress="IPV4/UDP/192.0.2.7/5060'),
    ],
)
def test_what_a_sender_writes_into_a_call_id_does_not_name_somebody_else(forged: bytes) -> None:
    assert read_login(forged) == Login(ip_address(STRANGER), right=False)


@pytest.mark.parametrize(
    "forged",
    [
        line(response=f'x{INNOCENT}",Response="{"0" * 32}'.replace('"', '\\"')),  # as Asterisk keeps a quote of SIP
        line(response="zz"),
        line(challenge="x"),
        line(address="999.0.0.1"),
        line()[:-2],
    ],
)
def test_a_response_that_no_password_has_is_no_guess_whatever_it_names(forged: bytes) -> None:
    found = read_login(forged)
    assert found is None or found.address != ip_address("192.0.2.7")


def test_the_log_is_read_from_now_on_and_also_after_it_was_rotated(tmp_path: Path) -> None:
    path = tmp_path / "security.log"
    path.write_bytes(line("198.51.100.1") + b"\n")
    log = SecurityLog(path)
    assert list(log.new()) == []
    with path.open("ab") as file:
        file.write(line("198.51.100.2") + b"\n" + line("198.51.100.3")[:100])
        file.flush()
        assert [str(login.address) for login in log.new()] == ["198.51.100.2"]
        file.write(line("198.51.100.3")[100:] + b"\n")
    assert [str(login.address) for login in log.new()] == ["198.51.100.3"]
    path.rename(tmp_path / "security.log.0")
    assert list(log.new()) == []
    path.write_bytes(line("198.51.100.4") + b"\n")
    assert [str(login.address) for login in log.new()] == ["198.51.100.4"]


def test_of_a_flood_only_the_last_megabyte_is_read(tmp_path: Path) -> None:
    path = tmp_path / "security.log"
    path.touch()
    log = SecurityLog(path)
    path.write_bytes((line() + b"\n") * 10_000)
    assert 1000 < len(list(log.new())) < 4000
    assert list(log.new()) == []


# Who is banned


def guess(guesses: Guesses, times: int, *, at: float = START, bans: dict[str, Ban] | None = None, who: str = STRANGER):  # type: ignore[no-untyped-def]
    found = None
    for _ in range(times):
        found = guesses.note(Login(ip_address(who), right=False), bans or {}, at)
    return found


def test_the_third_wrong_password_bans_and_an_earlier_one_does_not() -> None:
    guesses = Guesses(LIMITS, SPARED)
    assert guess(guesses, 2) is None
    assert guess(guesses, 1) == (STRANGER, Ban(START, START + 10 * MINUTE))


def test_wrong_passwords_that_are_far_apart_do_not_ban() -> None:
    guesses = Guesses(LIMITS, SPARED)
    for n in range(50):
        assert guess(guesses, 1, at=START + n * 6 * MINUTE) is None


def test_what_an_address_sends_while_it_is_banned_does_not_count_against_it_afterwards() -> None:
    guesses = Guesses(LIMITS, SPARED)
    who, ban = guess(guesses, 3)
    assert guess(guesses, 10, at=START + MINUTE, bans={who: ban}) is None
    ended = {who: lifted(ban, "mina", START + MINUTE)}
    assert guess(guesses, 2, at=START + MINUTE + 1, bans=ended) is None
    assert guess(guesses, 1, at=START + MINUTE + 1, bans=ended) is not None


@pytest.mark.parametrize("who", ["192.0.2.7", "10.1.2.3"])
def test_a_carrier_and_the_own_network_are_never_banned(who: str) -> None:
    assert guess(Guesses(LIMITS, SPARED), 100, who=who) is None


def test_an_address_at_which_a_telephone_is_registered_is_not_banned_though_it_may_be_forged() -> None:
    guesses = Guesses(LIMITS, SPARED)
    assert guess(guesses, 2) is None
    guesses.note(Login(ip_address(STRANGER), right=True), {}, START)
    assert guess(guesses, 100, at=START + 14 * MINUTE) is None
    assert guess(guesses, 3, at=START + 16 * MINUTE) is not None


def test_each_further_ban_within_a_day_lasts_twice_as_long_up_to_a_day() -> None:
    guesses, now, lasted = Guesses(LIMITS, SPARED), START, []
    bans: dict[str, Ban] = {}
    for _ in range(10):
        who, ban = guess(guesses, 3, at=now, bans=bans)
        bans[who] = ban
        lasted.append((ban.until - ban.since) / MINUTE)
        assert guess(guesses, 10, at=now + MINUTE, bans=bans) is None, "while it holds, nothing is added"
        now = ban.until + 11 * MINUTE
    assert lasted == [10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440]
    who, ban = guess(guesses, 3, at=now + 2 * DAY, bans=bans)
    assert (ban.times, ban.until - ban.since) == (1, 10 * MINUTE)


def test_after_a_ban_that_was_lifted_the_next_one_is_as_short_as_the_first() -> None:
    bans = {STRANGER: lifted(Ban(START, START + DAY, times=7), "mina", START + MINUTE)}
    assert not bans[STRANGER].holds(START + MINUTE)
    _, ban = guess(Guesses(LIMITS, SPARED), 3, at=START + 2 * MINUTE, bans=bans)
    assert ban == Ban(START + 2 * MINUTE, START + 12 * MINUTE)


def test_nobody_is_banned_if_the_site_does_not_want_it() -> None:
    assert guess(Guesses(BanLimits(0, 600, 600, 600), SPARED), 100) is None


def test_a_customer_with_many_ipv6_addresses_is_banned_as_a_whole() -> None:
    guesses = Guesses(LIMITS, SPARED)
    for n in range(1, 3):
        assert guess(guesses, 1, who=f"2001:db8:0:7::{n}") is None
    found = guess(guesses, 1, who="2001:db8:0:7:ffff::1")
    assert found is not None and found[0] == "2001:db8:0:7::/64"


def test_made_up_addresses_take_only_bounded_memory() -> None:
    guesses = Guesses(LIMITS, SPARED)
    for n in range(20_000):
        guess(guesses, 1, who=f"198.{n // 65536}.{n // 256 % 256}.{n % 256}")
    assert len(guesses._wrong) == 10_000


# The list


def test_the_list_is_kept_privately_and_a_broken_one_is_reported_in_one_sentence(tmp_path: Path) -> None:
    bans = BanList(tmp_path)
    assert bans.read() == {} and bans.changed == 0
    ban = Ban(START, START + 600)
    assert bans.change(lambda all_: {**all_, STRANGER: ban}) == {STRANGER: ban} == bans.read()
    assert bans.changed and (tmp_path / "bans.json").stat().st_mode & 0o777 == 0o600
    for broken in ("[]", "{", '{"x": {"y": 1}}'):
        (tmp_path / "bans.json").write_text(broken)
        with pytest.raises(BanListError, match="delete it"):
            bans.read()


def test_bans_that_ended_more_than_a_day_ago_are_forgotten() -> None:
    bans = {"a": Ban(START, START + 1), "b": Ban(START, START + DAY)}
    assert worth_keeping(bans, START + DAY + 2).keys() == {"b"}


def test_of_more_bans_than_are_kept_those_that_end_last_stay() -> None:
    bans = {str(number): Ban(START, START + number) for number in range(10_002)}
    assert bans.keys() - worth_keeping(bans, START).keys() == {"0", "1"}


def test_asterisk_and_the_kernel_get_those_that_hold() -> None:
    bans = {
        STRANGER: Ban(START, START + 600),
        "2001:db8::/64": Ban(START, START + 60),
        "203.0.113.8": Ban(START, START + 1),
    }
    assert access_list(bans, START + 2) == (
        "[hatif-bans]\npermit = 0.0.0.0/0.0.0.0\npermit = ::/0\ndeny = 2001:db8::/64\ndeny = 203.0.113.7\n"
    )
    assert nftables(bans, START + 2).splitlines()[2:] == [
        "add element inet hatif banned6 { 2001:db8::/64 timeout 58s }",
        "add element inet hatif banned4 { 203.0.113.7 timeout 598s }",
    ]
