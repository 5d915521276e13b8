"""SIP over TLS on a real Asterisk: which versions, from which addresses, and what a new certificate does to calls."""

import socket
import ssl
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import asterisk_console
import pytest
from asterisk_example import example, running_asterisk
from asterisk_sip import TlsTelephone
from certificates import Authority
from offsets import LONE_OFFSET as OFFSET

from asterisk_conf import instance
from asterisk_conf.carrier import Carrier
from asterisk_conf.conf import Conf, Ports, render, write
from asterisk_conf.errors import AsteriskError
from asterisk_conf.existing import part
from asterisk_conf.pjsip import sections
from asterisk_conf.sip import Sip

NUMBER = "33800212000"
EXTENSIONS = f"""
[hatif-carrier]
exten => {NUMBER},1,Answer()
 same => n,MusicOnHold(hatif)
"""
WEAK = """
openssl_conf = all
[all]
ssl_conf = every
[every]
system_default = weak
[weak]
MinProtocol = TLSv1
CipherString = ALL:@SECLEVEL=0
"""
"""An OpenSSL that allows what nobody should use."""


@dataclass(frozen=True)
class Running:
    conf: Conf
    authority: Authority

    def asterisk(self, command: str) -> str:
        return asterisk_console.ask(self.conf.installation.program, self.conf.etc, command)


def tls(authority: Authority, name: str, bind_ipv6: str = "") -> Sip:
    certificate, key = authority.sign(name, "IP:127.0.0.1")
    return Sip(certificate.read_text(), key.read_text(), authority.file, bind_ipv6)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
async def running(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    weak = authority.folder / "openssl.cnf"
    weak.write_text(WEAK)
    conf = example(tmp_path_factory.mktemp("home"), sip=tls(authority, "first", bind_ipv6="::1"))
    write(conf)
    (conf.etc / "extensions.conf").write_text(EXTENSIONS)
    assert instance.port_problems(conf) == []
    async with running_asterisk(conf, OPENSSL_CONF=str(weak)):
        assert instance.check_log(conf) == []
        yield Running(conf, authority)


@pytest.fixture(autouse=True)
def _old_versions() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a test offers them
        yield


def connect(running: Running, version: ssl.TLSVersion, host: str = "127.0.0.1") -> str | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(running.authority.file)
    context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    plain = socket.create_connection((host, running.conf.ports.sips), timeout=2)
    with plain, context.wrap_socket(plain) as found:
        return found.version()


def test_tls_1_2_and_1_3_are_spoken_and_nothing_older_whatever_openssl_allows(running: Running) -> None:
    version = ssl.TLSVersion
    assert connect(running, version.TLSv1_2) == "TLSv1.2"
    assert connect(running, version.TLSv1_3, "::1") == "TLSv1.3"
    for old in (version.TLSv1, version.TLSv1_1):
        with pytest.raises(ssl.SSLError):
            connect(running, old)


def test_a_new_certificate_comes_by_a_reload_and_the_call_of_an_old_connection_goes_on(running: Running) -> None:
    with TlsTelephone("127.0.0.2", running.conf.ports.sips, authorities=running.authority.file) as caller:
        assert caller.certificate() == "first"
        answer = caller.invite(NUMBER)
        assert answer.status == 200
        renewed = replace(running.conf, sip=tls(running.authority, "second", bind_ipv6="::1"))
        assert write(renewed) == ("sip.pem", "sip.key")
        running.asterisk("module reload res_pjsip.so")
        deadline = time.monotonic() + 5
        while True:
            with TlsTelephone("127.0.0.2", running.conf.ports.sips, authorities=running.authority.file) as other:
                if (found := other.certificate()) == "second":
                    break
            assert time.monotonic() < deadline, found
        assert "PJSIP/carrier-example-" in running.asterisk("core show channels concise")
        assert caller.hear(0.5)
        assert caller.hang_up(answer, NUMBER).status == 200


def test_a_site_without_a_certificate_has_the_same_transports_as_before(tmp_path: Path) -> None:
    found = [item.name for item in sections(render(example(tmp_path))["pjsip.conf"]) if item.get("type") == "transport"]
    assert found == ["udp", "tcp"]


def test_nat_and_ipv6_reach_the_transports(tmp_path: Path) -> None:
    sip = Sip(bind_ipv6="2001:db8::1", external_address="198.51.100.7", own_networks=("10.0.0.0/8", "fc00::/7"))
    conf = example(tmp_path, sip=sip, sip_bind="10.0.0.4")
    found = {item.name: item for item in sections(render(conf)["pjsip.conf"]) if item.get("type") == "transport"}
    assert list(found) == ["udp", "tcp", "udp6", "tcp6"]
    for name in ("udp", "tcp"):
        assert found[name].get("external_media_address") == "198.51.100.7"
        assert found[name].get("external_signaling_address") == "198.51.100.7"
        assert found[name].all("local_net") == ["10.0.0.0/8"]
    assert found["tcp6"].get("bind") == f"[2001:db8::1]:{Ports.with_offset(OFFSET).sip}"
    assert not found["tcp6"].get("external_media_address")


def test_the_key_is_readable_by_its_owner_only_and_not_shown(authority: Authority, tmp_path: Path) -> None:
    conf = example(tmp_path, sip=tls(authority, "owner"))
    write(conf)
    assert (conf.etc / "sip.key").stat().st_mode & 0o077 == 0
    assert "PRIVATE" not in repr(conf)


def test_an_administrators_own_asterisk_keeps_its_transports(authority: Authority, tmp_path: Path) -> None:
    text = part(render(example(tmp_path, sip=tls(authority, "theirs", bind_ipv6="::1")))["pjsip.conf"])
    assert "transport" not in {item.get("type") for item in sections(text)} and "sip.key" not in text


def test_a_carrier_whose_registrar_has_an_ipv6_address_is_reached_over_it(tmp_path: Path) -> None:
    carrier = Carrier("six", (), registrar="[2001:db8::7]", user="us", user_password="chosen")
    text = render(example(tmp_path, carriers=(carrier,), sip=Sip(bind_ipv6="2001:db8::1")))["pjsip.conf"]
    assert "transport = udp6\n" in text and "rtp_ipv6 = yes\n" in text


@pytest.mark.parametrize("wrong", [{"bind_ipv6": "elsewhere"}, {"external_address": "x"}, {"own_networks": ("x",)}])
def test_values_that_are_no_addresses_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(AsteriskError):
        Sip(**wrong)  # type: ignore[arg-type]  # the point
