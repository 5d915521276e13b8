"""A line behind NAT: a carrier outside learns the address of the router, and sound goes both ways through it."""

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import asterisk_console
import debian_tools
import pytest
from asterisk_example import example
from asterisk_sip import Telephone
from behind_nat import INSIDE, OUTSIDE, ROUTER_OUTSIDE, House, house

from asterisk_conf import instance
from asterisk_conf.carrier import Carrier
from asterisk_conf.conf import Conf, write
from asterisk_conf.sip import Sip

NUMBER = "33800000001"
EXTENSIONS = f"""
[hatif-carrier]
exten => {NUMBER},1,Answer()
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
    nft = debian_tools.find("nft", "nftables", "usr/sbin/nft").command
    conf = example(
        tmp_path_factory.mktemp("home"),
        sip_bind=INSIDE,
        sip=Sip(external_address=ROUTER_OUTSIDE, own_networks=("10.77.0.0/24",)),
        carriers=(Carrier("outside", (OUTSIDE,)),),
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
