"""`hatif firewall`: the kernel drops all audio except that of carriers and operators, and floods of calls."""

import json
import subprocess
import sys
from pathlib import Path

import debian_tools
import pytest

from asterisk_conf.conf import Ports
from asterisk_conf.errors import AsteriskError
from asterisk_conf.firewall import INVITES_S, PEOPLE, Senders, render
from background.telephone_ticket import GATE

NAMESPACES = (("unshare", "--net"), ("unshare", "--user", "--map-root-user", "--net"))  # for root, for other users
PORTS = Ports.with_offset(0)
SENDERS = (
    Senders("carrier example", ("127.0.0.2", "127.0.8.0/24", "2001:db8::/32")),
    Senders("operators", ("127.0.1.0/24",)),
)


@pytest.fixture(scope="module")
def nft() -> tuple[str, ...]:
    return debian_tools.find("nftables", "usr/sbin/nft").command


@pytest.fixture
def namespace() -> tuple[str, ...]:
    """The command line of a separate network namespace."""
    why = []
    for command in NAMESPACES:
        tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
        if not tried.returncode:
            return command
        why.append(tried.stderr.strip())
    pytest.skip(f"nobody may make a network namespace here: {'; '.join(why)}")


def test_the_audio_of_strangers_is_dropped(nft: tuple[str, ...], namespace: tuple[str, ...], tmp_path: Path) -> None:
    rules = tmp_path / "hatif.nft"
    rules.write_text(render(SENDERS, PORTS, "127.0.0.1"))
    script = Path(__file__).parents[1] / "namespace_audio.py"
    everybody = ["127.0.0.2", "127.0.0.3", "127.0.1.9", "127.0.2.1", "127.0.8.200", "127.0.9.1"]

    def through(port: int) -> list[str]:
        command = [*namespace, sys.executable, str(script), *nft, "--", str(rules), str(port), *everybody]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout.split()

    known = ["127.0.0.2", "127.0.1.9", "127.0.8.200"]
    assert through(PORTS.rtp_first) == through(PORTS.rtp_last) == known
    assert through(PORTS.rtp_last + 1) == through(PORTS.sip) == everybody  # other packets are not filtered
    rules.write_text(render(SENDERS, PORTS, "127.0.0.7"))
    assert through(PORTS.rtp_first) == everybody  # Hatif's audio has another address


def test_a_telephone_outside_may_send_audio_once_it_has_a_tls_connection_and_no_sip_without_tls(
    nft: tuple[str, ...], namespace: tuple[str, ...], tmp_path: Path
) -> None:
    rules = tmp_path / "hatif.nft"
    rules.write_text(render(SENDERS, PORTS, "127.0.0.1", plain_sip=[Senders("own networks", ("127.0.1.0/24",))]))
    script = Path(__file__).parents[1] / "namespace_audio.py"
    everybody = ["127.0.2.1", f"127.0.2.2@{PORTS.sips}", "127.0.1.9", "127.0.2.3?"]

    def through(port: int) -> list[str]:
        command = [*namespace, sys.executable, str(script), *nft, "--", str(rules), str(port), *everybody]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout.split()

    assert through(PORTS.rtp_first) == ["127.0.2.2", "127.0.1.9"]
    # A server of a carrier that we have asked may have another address than the carrier's calls.
    assert through(PORTS.sip) == ["127.0.1.9", "127.0.2.3"]


def test_only_the_lines_user_speaks_from_the_gates_address(
    nft: tuple[str, ...], namespace: tuple[str, ...], tmp_path: Path
) -> None:
    """Asterisk takes telephones in browsers from there only, over whatever transport."""
    script = Path(__file__).parents[1] / "namespace_audio.py"
    rules = tmp_path / "hatif.nft"
    for gate_user, passed in ((0, [GATE, "127.0.0.5"]), (12345, ["127.0.0.5"])):  # who sends has the id 0 there
        rules.write_text(render(SENDERS, PORTS, "127.0.0.1", line_user=gate_user, gate=True))
        command = [*namespace, sys.executable, str(script), *nft, "--", str(rules), str(PORTS.sip), GATE, "127.0.0.5"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stderr
        assert result.stdout.split() == passed


def test_no_persons_account_calls_as_a_carrier_of_this_machine_that_has_no_password(
    nft: tuple[str, ...], namespace: tuple[str, ...], tmp_path: Path
) -> None:
    """Asterisk knows such a carrier by its address only."""
    script = Path(__file__).parents[1] / "namespace_audio.py"
    rules = tmp_path / "hatif.nft"
    carriers = [Senders("carrier own", ("127.0.0.1",))]
    cases = (
        ("0-10", 12345, PORTS.sip, ["127.0.0.5"]),  # who sends has the id 0 there: an account of people
        ("0-10", 12345, PORTS.http, ["127.0.0.5"]),  # by a WebSocket
        ("0-10", 12345, PORTS.ami, ["127.0.0.1", "127.0.0.5"]),
        ("0-10", 0, PORTS.sip, ["127.0.0.1", "127.0.0.5"]),  # the line's own
        (PEOPLE, 12345, PORTS.sip, ["127.0.0.1", "127.0.0.5"]),  # a service's
    )
    for people, line_user, port, passed in cases:
        rules.write_text(
            render(SENDERS, PORTS, "127.0.0.1", line_user=line_user, carriers_here=carriers, people=people)
        )
        command = [*namespace, sys.executable, str(script), *nft, "--", str(rules), str(port), "127.0.0.1", "127.0.0.5"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stderr
        assert result.stdout.split() == passed, (people, line_user, port)


def test_of_a_flood_of_invites_a_burst_passes_and_other_addresses_and_requests_are_not_concerned(
    nft: tuple[str, ...], namespace: tuple[str, ...], tmp_path: Path
) -> None:
    rules = tmp_path / "hatif.nft"
    rules.write_text(render(SENDERS, PORTS, "127.0.0.1", calls_by_source=40))
    script = Path(__file__).parents[1] / "namespace_flood.py"
    command = [*namespace, sys.executable, str(script), *nft, "--", str(rules), str(PORTS.sip)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    passed = json.loads(result.stdout)
    assert 40 <= passed.pop("127.0.0.2 INVITE") <= 40 + INVITES_S * passed.pop("seconds") + 1
    assert passed == {"127.0.0.2 ACK": 300, "127.0.0.3 INVITE": 20}


def test_an_invalid_address_is_refused() -> None:
    for network in ("carrier.example", "0.0.0.0/0", '127.0.0.1" accept', ""):
        with pytest.raises(AsteriskError, match="carrier example: the host"):
            Senders("carrier example", (network,))
    with pytest.raises(AsteriskError, match="operators: no networks"):
        Senders("operators", ())


def test_audio_bound_to_any_address_is_filtered_on_all_addresses() -> None:
    assert "\t\tudp dport 10000-10999 jump audio\n" in render(SENDERS, PORTS, "0.0.0.0")
    assert "ip6 saddr 2001:db8::/32 accept" in render(SENDERS, PORTS, "::")
    assert "\t\tip6 daddr 2001:db8::7 udp dport 10000-10999 jump audio\n" in render(SENDERS, PORTS, "2001:db8::7")


def test_audio_on_each_address_is_filtered() -> None:
    def jumps(*binds: str) -> list[str]:
        return [line.strip() for line in render(SENDERS, PORTS, *binds).splitlines() if "jump audio" in line]

    assert jumps("10.0.0.4") == ["ip daddr 10.0.0.4 udp dport 10000-10999 jump audio"]
    assert jumps("10.0.0.4", "2001:db8::1") == [
        "ip daddr 10.0.0.4 udp dport 10000-10999 jump audio",
        "ip6 daddr 2001:db8::1 udp dport 10000-10999 jump audio",
    ]
    assert jumps("10.0.0.4", "::") == jumps("0.0.0.0") == ["udp dport 10000-10999 jump audio"]
