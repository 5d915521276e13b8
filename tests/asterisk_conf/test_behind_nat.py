"""A line behind NAT: a carrier outside learns the address of the router, and sound goes both ways through it.

The carrier is a telephone of ours, a second Asterisk, and SIPp."""

import re
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import asterisk_console
import debian_tools
import pytest
from asterisk_example import example
from asterisk_sip import Telephone
from behind_nat import INSIDE, OUTSIDE, OUTSIDE_TOO, ROUTER_OUTSIDE, House, house
from second_asterisk import Asterisk, another
from sipp import Sipp, calls_from

from asterisk_conf import instance
from asterisk_conf.carrier import Carrier
from asterisk_conf.conf import Conf, write
from asterisk_conf.sip import Sip

NUMBER = "33800000001"
EXTENSIONS = f"""
[hatif-carrier]
exten => {NUMBER},1,Answer()
 same => n,MusicOnHold(hatif)
[music]
exten => s,1,Answer()
 same => n,MusicOnHold(hatif)
"""
CARRIER_PORT = 16060
NOWHERE = "203.0.113.9"
"""An address that leads nowhere: the one in the SDP of a carrier that is behind NAT itself."""
CARRIER = f"""
[global]
type=global
endpoint_identifier_order=ip
[udp](!)
type=transport
protocol=udp
[one](udp)
bind={OUTSIDE}:{CARRIER_PORT}
[two](udp)
bind={OUTSIDE_TOO}:{CARRIER_PORT}
[line](!)
type=endpoint
identify_by=ip
context=music
disallow=all
allow=alaw
direct_media=no
[open](line)
transport=one
aors=open
[hidden](line)
transport=two
aors=hidden
media_address={NOWHERE}
[there](!)
type=aor
contact=sip:{ROUTER_OUTSIDE}:{{ours}}
[open](there)
[hidden](there)
[open]
type=identify
endpoint=open
match={ROUTER_OUTSIDE}
"""
MUSIC = """
[music]
exten => _X.,1,Goto(s,1)
exten => _+X.,1,Goto(s,1)
exten => s,1,Answer()
 same => n,MusicOnHold(hatif)
"""


@dataclass(frozen=True)
class Line:
    conf: Conf
    house: House

    def asterisk(self, command: str, *, check: bool = True) -> str:
        return asterisk_console.ask(self.conf.installation.program, self.conf.etc, command, check=check)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    nft = debian_tools.find("nftables", "usr/sbin/nft").command
    conf = example(
        tmp_path_factory.mktemp("home"),
        sip_bind=INSIDE,
        sip=Sip(external_address=ROUTER_OUTSIDE, own_networks=("10.77.0.0/24",)),
        carriers=(
            Carrier("outside", (OUTSIDE,), dial=(f"{OUTSIDE}:{CARRIER_PORT}",)),
            Carrier("hidden", (OUTSIDE_TOO,), nat=True),
        ),
    )
    ports = conf.ports
    passed = (f"udp dport {ports.sip}", f"udp dport {ports.rtp_first}-{ports.rtp_last}")
    write(conf)
    (conf.etc / "extensions.conf").write_text(EXTENSIONS)
    quiet = subprocess.DEVNULL
    with house(nft, passed) as found:
        words = [*found.inside, *instance.command(conf)]
        process = subprocess.Popen(words, env=instance.environment(), stdin=quiet, stdout=quiet, stderr=quiet)
        running = Line(conf, found)
        try:
            deadline = time.monotonic() + 15
            while "fully booted" not in running.asterisk("core waitfullybooted", check=False):
                assert time.monotonic() < deadline, instance.check_log(conf)
                time.sleep(0.1)
            yield running
        finally:
            process.terminate()
            assert process.wait() == 0


def test_a_caller_outside_hears_and_is_heard_through_the_router(line: Line) -> None:
    port = line.conf.ports.sip
    with line.house.make_outside(lambda: Telephone(OUTSIDE, port, "+33612345678", server=ROUTER_OUTSIDE)) as caller:
        answer = caller.invite(NUMBER)
        assert answer.status == 200
        assert INSIDE not in answer.text
        assert f"c=IN IP4 {ROUTER_OUTSIDE}" in answer.text
        assert answer.header("Contact").startswith(f"<sip:{ROUTER_OUTSIDE}:{port}")
        media = re.search(r"m=audio (\d+)", answer.text)
        assert media is not None
        for number in range(25):
            packet = b"\x80\x08" + number.to_bytes(2, "big") + (number * 160).to_bytes(4, "big") + b"\0\0\0\1"
            caller.audio.sendto(packet + b"\xd5" * 160, (ROUTER_OUTSIDE, int(media[1])))
            time.sleep(0.02)
        assert len(caller.hear(0.3)) > 1000
        (received,) = re.findall(r"(?m)\d\d:\d\d:\d\d +\w+ +(\d+)", line.asterisk("pjsip show channelstats"))
        assert int(received) >= 20
        assert caller.hang_up(answer, NUMBER).status == 200


@pytest.fixture(scope="module")
async def carrier(line: Line, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asterisk]:
    """Another Asterisk, outside."""
    found = another(line.conf, tmp_path_factory.mktemp("carrier"), line.house.far)
    (found.conf.etc / "pjsip.conf").write_text(CARRIER.format(ours=line.conf.ports.sip))
    (found.conf.etc / "extensions.conf").write_text(MUSIC)
    await found.start()
    yield found
    await found.stop()


@pytest.mark.parametrize("who", ["open", "hidden"])
async def test_another_asterisk_calls_through_the_router_and_is_heard_also_if_it_is_behind_nat_itself(
    line: Line, carrier: Asterisk, who: str
) -> None:
    carrier.ask(f"channel originate PJSIP/{NUMBER}@{who} extension s@music")
    await both_hear(line, carrier)
    await hang_up(line, carrier)


async def test_our_call_reaches_another_asterisk_through_the_router(line: Line, carrier: Asterisk) -> None:
    line.asterisk("channel originate PJSIP/+33612345678@trunk-outside extension s@music")
    await both_hear(line, carrier)
    await hang_up(line, carrier)


async def both_hear(line: Line, carrier: Asterisk) -> None:
    ours = Asterisk(line.conf)
    await ours.until(lambda: all(min(side.heard(), default=0) > 20 for side in (ours, carrier)), "both sides hear")


async def hang_up(line: Line, carrier: Asterisk) -> None:
    carrier.ask("channel request hangup all")
    await carrier.until(lambda: not carrier.calls(), "no call is left with them")
    await carrier.until(lambda: not Asterisk(line.conf).calls(), "no call is left with us")


async def test_sipp_is_told_the_routers_address_for_sip_and_for_audio(line: Line, tmp_path: Path) -> None:
    sipp = Sipp(tmp_path, OUTSIDE, CARRIER_PORT + 1, inside=line.house.far)
    scenario = calls_from(ROUTER_OUTSIDE)
    await sipp.ends(await sipp.start(scenario, "-s", NUMBER, f"{ROUTER_OUTSIDE}:{line.conf.ports.sip}"))
