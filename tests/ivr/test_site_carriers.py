"""Carriers of site.toml: off the own networks encryption is required, and what does not fit together is refused."""

from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from certificates import Authority
from hypothesis import given
from hypothesis import strategies as st
from small_site import SmallSite, make

from cli.asterisk_parts import AsteriskParts
from cli.existing.other_asterisk import dialplan_part
from db.callback_requests import CallbackRequest
from db.enums import CallbackKind
from db.ids import uuid7
from dialplan.plan import guarded_ports
from ivr.call.services import Services
from ivr.callbacks.progress import Progress
from ivr.callbacks.repository import CallbackRepository
from ivr.home import credentials
from ivr.model import clock
from ivr.site import site
from ivr.site.addresses import overlapping
from ivr.site.callbacks import Callbacks
from ivr.site.findings import SiteError

HOSTS = 'hosts = ["127.0.0.2"]'
SIP = '[sip]\ncertificate = "a.pem"\nkey = "a.key"\n'


@pytest.fixture
def small(tmp_path: Path) -> SmallSite:
    return make(tmp_path)


def carrier(small: SmallSite, text: str, sip: str = "") -> list[str]:
    """Return what is wrong with a carrier of these lines."""
    small.edit("site.toml", HOSTS, text)
    small.edit("site.toml", "[[carrier]]\n", f"{sip}[[carrier]]\n")
    try:
        site.load(small.folder)
    except SiteError as error:
        return [str(finding) for finding in error.findings]
    return []


def test_a_carrier_outside_needs_tls_and_srtp_and_the_sentence_names_the_way_out(small: SmallSite) -> None:
    (line,) = carrier(small, 'hosts = ["198.51.100.7"]')
    assert line.endswith(
        "E_SITE_CARRIER transport of the 1st carrier: 198.51.100.7 is outside the own networks, and others could hear"
        ' and change its calls on their way; write transport = "tls" and srtp = true, or encryption = "none" if the'
        " carrier has neither."
    )


@pytest.mark.parametrize("host", ["10.1.2.3", "172.16.0.0/16", "192.168.1.1", "169.254.1.1", "127.0.0.7"])
def test_private_addresses_are_the_own_network(small: SmallSite, host: str) -> None:
    assert carrier(small, f'hosts = ["{host}"]') == []


@pytest.mark.parametrize(
    "text",
    [
        'hosts = ["192.0.2.7"]',  # the examples of documents are nobody's own
        'hosts = ["100.64.0.1"]',  # a provider's NAT
        'hosts = ["10.0.0.0/7"]',  # only half of it is private
        "password = true",  # from anywhere
        f'{HOSTS}\ndial = "sip.example.org"',
        f'{HOSTS}\ndial = ["10.0.0.1", "198.51.100.1:5060"]',
        f'{HOSTS}\nregistrar = "sip.example.org"\nuser = "us"',
    ],
)
def test_what_may_be_elsewhere_counts_as_outside(small: SmallSite, text: str) -> None:
    (line,) = carrier(small, text)
    assert "outside the own networks" in line


@pytest.mark.parametrize("safe", ['encryption = "none"', 'transport = "tls"\nsrtp = true'])
def test_encryption_or_the_explicit_opt_out_is_accepted(small: SmallSite, safe: str) -> None:
    assert carrier(small, f'hosts = ["198.51.100.7"]\n{safe}', SIP) == []


def test_a_network_that_the_site_calls_its_own_needs_no_encryption(small: SmallSite) -> None:
    assert carrier(small, 'hosts = ["198.51.100.7"]', '[sip]\nown_networks = ["198.51.100.0/24"]\n') == []


def test_tls_alone_is_not_enough(small: SmallSite) -> None:
    (line,) = carrier(small, 'hosts = ["198.51.100.7"]\ntransport = "tls"', SIP)
    assert "srtp of the 1st carrier" in line and "srtp = true" in line


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'transport = "tls"\nhosts = ["127.0.0.2"]',
            "there is no TLS without a certificate; write certificate and key",
        ),
        ('hosts = ["127.0.0.2"]\nregistrar = "127.0.0.3"', "a registration needs our user at the carrier; write user"),
        ('hosts = ["127.0.0.2"]\nuser = "us"', "nothing uses our user at the carrier; write registrar or dial"),
        ('hosts = ["127.0.0.2", "::1"]', "its addresses are of IPv4 and of IPv6; make it two carriers"),
        ('hosts = ["::1"]', "this machine has no address for IPv6; write bind_ipv6 in [sip]"),
        ('registrar = "[::1]"\nuser = "us"', "this machine has no address for IPv6; write bind_ipv6 in [sip]"),
        (
            'hosts = ["127.0.0.2"]\nregistrar = "[::1]"\nuser = "us"',
            "its addresses are of IPv4 and of IPv6; make it two carriers",
        ),
        ('hosts = ["127.0.0.0/8"]\nport = 966', "only a program on this machine is known by its port"),
        ('hosts = ["10.1.2.3"]\nport = 966', "only a program on this machine is known by its port"),
        ('hosts = ["sip.example.org"]', "'sip.example.org' is not an address"),
        ('hosts = ["127.0.0.2"]\ndial = "sip_example"', "'sip_example' is not a server"),
        ('hosts = ["127.0.0.2"]\ndial = "127.0.0.256"', "'127.0.0.256' is neither a name nor an address"),
        ('hosts = ["127.0.0.2"]\ndial = "[::1]:70000"', "'70000' is not a port"),
        ('hosts = ["127.0.0.2"]\ndial = "[127.0.0.3]"', "'[127.0.0.3]' is neither a name nor an address"),
        (
            'registrar = "sip.example.org"\nuser = "us"\nencryption = "none"',
            "nothing identifies this carrier's calls; list their addresses, or write password = true, or transport",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(small: SmallSite, text: str, sentence: str) -> None:
    assert sentence in carrier(small, text)[0]


def test_a_registration_over_tls_identifies_the_carrier(small: SmallSite) -> None:
    text = 'registrar = "sip.example.org"\nuser = "us"\ntransport = "tls"\nsrtp = true'
    assert carrier(small, text, SIP) == []


def test_the_password_is_asked_for_by_name_and_reaches_asterisks_file(
    small: SmallSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign("ours", "DNS:localhost")
    tls = f'[sip]\ncertificate = "{certificate}"\nkey = "{key}"\n'
    text = f'{HOSTS}\nregistrar = "sip.example.org"\nuser = "us"\ntransport = "tls"\nsrtp = true'
    assert carrier(small, text, tls) == []
    monkeypatch.setenv("HATIF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HATIF_SITE", str(small.folder))
    with pytest.raises(SiteError, match=r"E_CARRIER_PASSWORD .* enter it with `hatif carriers password one`"):
        AsteriskParts().conf_of_existing()
    parts = AsteriskParts()
    _ = parts.credentials  # made
    assert [finding.code for finding in parts.findings()] == ["E_CARRIER_PASSWORD"]
    credentials.set_outer(parts.settings.home, "one", "a;b c")
    (found,) = AsteriskParts().conf_of_existing().carriers
    assert found.user_password == "a;b c" and "a;b" not in repr(found)
    (found,) = AsteriskParts(bound=False).conf_as_installed().carriers
    assert found.registrar == "sip.example.org"


def test_a_call_goes_to_the_carrier_of_its_longest_prefix_then_of_its_country() -> None:
    chosen = Callbacks(trunk="one", carriers={"BE": "two", "+3247": "three", "+32470": "four", "GB": "five"})
    assert [
        chosen.carrier_for(number)
        for number in ("+33612345678", "+3221234567", "+32475123456", "+32470123456", "+441481720000")
    ] == ["one", "two", "three", "four", "five"]  # Guernsey has the code of GB
    assert Callbacks().carrier_for("+33612345678") is None
    assert chosen.trunks == {"one", "two", "three", "four", "five"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'trunk = "one"\ncarriers = {GB = "two"}',
            "callbacks.carriers.GB: 'two' is not a carrier that accepts",
        ),
        ('trunk = "one"\ncarriers = {DE = "one"}', "callbacks.carriers.DE: 'DE' is not a country of this site"),
        ("country.DE.calls = 9", "callbacks.country.DE: 'DE' is not a country of this site; numbers there are never"),
        ("country.GB.calls = -1", "callbacks.country.GB.calls: "),
        ("share = 0", "callbacks.share: "),
        ('carriers = {GB = "one"}', "callbacks.carriers: without trunk nobody is called"),
        ('trunk = "one"\ncarriers = {"0032" = "one"}', "callbacks.carriers.0032"),
    ],
)
def test_carriers_of_calls_that_cannot_be_are_refused(small: SmallSite, text: str, sentence: str) -> None:
    small.edit("site.toml", "[fallback]", f"[callbacks]\n{text}\n\n[fallback]")
    (line,) = carrier(small, f'{HOSTS}\ndial = "127.0.0.2"')
    assert sentence in line


def test_a_call_back_goes_through_the_carrier_of_its_number_and_shows_that_carrier_s_own(small: SmallSite) -> None:
    small.edit("site.toml", "[fallback]", '[callbacks]\ntrunk = "one"\ncarriers = {"+4414" = "two"}\n\n[fallback]')
    two = '[[carrier]]\nname = "two"\nhosts = ["127.0.0.4"]\ndial = "127.0.0.4"\nshown = "+44800999999"'
    small.edit("site.toml", HOSTS, f'{HOSTS}\ndial = "127.0.0.2"\n\n{two}')
    services = cast(Services, SimpleNamespace(site=site.load(small.folder)))
    for number, endpoint, shown in (
        ("+441481720000", "PJSIP/+441481720000@trunk-two", "+44800999999"),
        ("+442079460000", "PJSIP/+442079460000@trunk-one", "+44800212000"),
    ):
        request = CallbackRequest(
            uuid7(), "node1", CallbackKind.CLOSED, "requested", number, clock.now(), country="GB", due=clock.now()
        )
        progress = Progress(services, cast(CallbackRepository, None), request, str(uuid7()))
        created = progress.create_called("a-channel")
        assert dict(created.query)["endpoint"] == endpoint
        assert f"<{shown}>" in str(created.body)


def test_a_transport_of_the_sites_own_without_tls_is_one_that_carriers_with_tls_may_not_use(
    small: SmallSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HATIF_HOME", str(small.folder / "home"))
    monkeypatch.setenv("HATIF_SITE", str(small.folder))
    monkeypatch.setenv("HATIF_PORT_OFFSET", "2000")
    assert guarded_ports(AsteriskParts().dialplan()) == {7060}
    (small.folder / "pjsip.conf").write_text(
        "[more]\ntype = transport\nprotocol = tcp\nbind = 0.0.0.0:5070\n"
        "[default]\ntype = transport\nbind = 192.0.2.7\n"
        "[safe]\ntype = transport\nprotocol = tls\nbind = 0.0.0.0:5071\n"
        "[page]\ntype = transport\nprotocol = ws\nbind = 0.0.0.0:5072\n"
    )
    assert guarded_ports(AsteriskParts().dialplan()) == {5060, 5070, 7060}
    # An administrator's own Asterisk has others.
    theirs = small.folder / "theirs"
    theirs.mkdir()
    (theirs / "pjsip.conf").write_text("[udp]\ntype = transport\nbind = [::]:5090\n")
    assert guarded_ports(dialplan_part(AsteriskParts(), theirs)) == {5060, 5070, 5090, 7060}


networks = st.one_of(
    st.builds(
        lambda address, length: str(ip_network((address, length), strict=False)),
        st.integers(0x0A000000, 0x0A00001F),
        st.integers(26, 32),
    ),
    st.builds(
        lambda address, length: str(ip_network((address + (0x20010DB8 << 96), length), strict=False)),
        st.integers(0, 31),
        st.integers(122, 128),
    ),
)


@given(st.lists(networks, max_size=12))
def test_all_addresses_of_two_carriers_are_found_in_the_order_of_the_file(hosts: list[str]) -> None:
    found = [ip_network(host) for host in hosts]
    wanted = [
        (later, earlier)
        for later in range(len(found))
        for earlier in range(later)
        if found[later].version == found[earlier].version and found[later].overlaps(found[earlier])
    ]
    assert overlapping(hosts) == wanted
