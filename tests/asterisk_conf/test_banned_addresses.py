"""Wrong passwords at a real Asterisk: the address is refused, its call goes on, and a ban can be lifted."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from asterisk_example import PASSWORD, SECRETS, example, running_asterisk
from asterisk_sip import Telephone

from asterisk_conf import instance
from asterisk_conf.conf import Conf, write
from ivr.asterisk.ami import Ami
from ivr.process.ban_list import BanList, access_list
from ivr.process.ban_rules import lifted
from ivr.process.ban_watch import BanWatch
from ivr.site.sections import Bans

GUESSER, OTHER, OFFICE, ANOTHER = "127.0.0.5", "127.0.0.6", "127.0.0.7", "127.0.0.8"
WRONG = "wrong-password-of-somebody"


@pytest.fixture(scope="module")
async def conf(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Conf]:
    made = example(tmp_path_factory.mktemp("home"))
    write(made)
    (made.etc / "extensions.conf").write_text("[hatif-operators]\nexten => *1,1,Answer()\n same => n,Wait(30)\n")
    async with running_asterisk(made):
        assert instance.check_log(made) == []
        yield made


async def until(true: Callable[[], bool], pause_s: float = 0.1) -> None:
    deadline = time.monotonic() + 8
    while not await asyncio.to_thread(true):
        assert time.monotonic() < deadline
        await asyncio.sleep(pause_s)


def status(conf: Conf, address: str, password: str = PASSWORD) -> int:
    with Telephone(address, conf.ports.sip, user="1001", password=password) as telephone:
        return telephone.register().status


async def test_an_address_that_guesses_is_refused_for_a_time_and_no_call_is_cut_off(conf: Conf) -> None:
    carriers = (SimpleNamespace(hosts=("127.0.0.2",), media=("voice.carrier.example",)),)
    site: Any = SimpleNamespace(
        bans=Bans(after=3),
        carrier=carriers,
        operators=SimpleNamespace(networks=(OFFICE,)),
        sip=SimpleNamespace(own_networks=("10.0.0.0/8",)),
    )
    counts: Counter[str] = Counter()
    ami = Ami("127.0.0.1", conf.ports.ami, SECRETS.ami_user, SECRETS.ami_password)
    watching = asyncio.create_task(BanWatch(conf.home, ami, site, counts).run())
    bans = BanList(conf.home)
    try:
        with Telephone(GUESSER, conf.ports.sip, user="1001", password=PASSWORD) as talks:
            for _ in range(4):
                assert status(conf, OFFICE, WRONG) == 401
            await asyncio.sleep(1)
            for _ in range(4):
                assert status(conf, GUESSER, WRONG) == 401
            await until(lambda: status(conf, GUESSER) == 401)
            assert bans.read().keys() == {GUESSER} and counts["bans"] == 1
            assert (status(conf, OTHER), status(conf, OFFICE)) == (200, 200)

            bans.change(lambda all_: {GUESSER: lifted(all_[GUESSER], "mina", time.time())})
            # Until Asterisk has the new list, it refuses the right password, too. That bans nobody.
            await until(lambda: status(conf, GUESSER) == 200, pause_s=0)
            await until(lambda: status(conf, ANOTHER, WRONG) == 401 and counts["bans"] > 1)  # it has read all of that
            assert [who for who, ban in bans.read().items() if ban.holds(time.time())] == [ANOTHER]
            call = talks.invite("*1")
            assert call.status == 200
            ban = BanList(conf.home).change(lambda all_: {GUESSER: lifted(all_[GUESSER], "mina", time.time() + 60)})
            await until(lambda: status(conf, GUESSER) == 401)
            assert talks.hang_up(call, "*1").status == 200
        # It survives a set-up, which writes all of Asterisk's files.
        assert write(conf) == ()
        assert (conf.etc / "acl.conf").read_text() == access_list(ban, time.time()) != access_list({}, 0)
    finally:
        watching.cancel()
        await asyncio.wait({watching})


def test_a_first_set_up_bans_nobody(conf: Conf) -> None:
    (conf.etc / "acl.conf").write_text("; Written by hatif; empty, so Asterisk's defaults apply.\n")
    assert write(conf) == ("acl.conf",)
    assert (conf.etc / "acl.conf").read_text() == access_list({}, 0)
