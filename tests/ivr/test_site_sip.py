"""`[sip]` of site.toml: its certificate is tried before anybody calls, and each mistake is named with its remedy."""

from pathlib import Path

import pytest
from certificates import Authority
from small_site import SmallSite, make

from ivr.check.sip_check import sip_findings, telephone_findings
from ivr.site import operators, site
from ivr.site.findings import SiteError


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def small(tmp_path: Path) -> SmallSite:
    return make(tmp_path)


def found(small: SmallSite, certificate: Path, key: Path, more: str = "") -> list[str]:
    """Return the findings as text, with this certificate."""
    sip = f'[sip]\ncertificate = "{certificate}"\nkey = "{key}"\n{more}\n'
    small.edit("site.toml", "[[carrier]]\n", f"{sip}[[carrier]]\n")
    return [str(finding) for finding in sip_findings(small.folder, site.load(small.folder))]


def test_a_certificate_with_its_key_is_in_order(small: SmallSite, authority: Authority) -> None:
    assert found(small, *authority.sign("right", "DNS:sip.example.org")) == []


def test_a_certificate_that_ends_soon_is_a_warning(small: SmallSite, authority: Authority) -> None:
    (line,) = found(small, *authority.sign("soon", "DNS:sip.example.org", days=5))
    assert "W_SITE_CERTIFICATE the certificate ends on 20" in line and "hatif reload" in line


def test_a_certificate_that_has_expired_is_an_error(small: SmallSite, authority: Authority) -> None:
    (line,) = found(small, *authority.sign("late", "DNS:sip.example.org", days=0))
    assert "late.pem:1: E_SITE_CERTIFICATE the certificate has expired" in line


def test_a_key_of_another_certificate_is_an_error(small: SmallSite, authority: Authority) -> None:
    (certificate, _), (_, key) = authority.sign("one", "DNS:a"), authority.sign("other", "DNS:b")
    (line,) = found(small, certificate, key)
    assert f"other.key:1: E_SITE_CERTIFICATE the key does not belong to {certificate}" in line


def test_what_is_no_certificate_is_an_error(small: SmallSite, authority: Authority) -> None:
    certificate, key = authority.sign("text", "DNS:a")
    certificate.write_text("a letter\n")
    (line,) = found(small, certificate, key)
    assert "text.pem:1: E_SITE_CERTIFICATE the certificate or its key" in line


def test_files_that_do_not_exist_are_named(small: SmallSite, authority: Authority) -> None:
    certificate, key = authority.sign("gone", "DNS:a")
    key.unlink()
    (line,) = found(small, certificate, key)
    assert "gone.key:1: E_SITE_CERTIFICATE sip.key cannot be read (No such file or directory)" in line


def test_a_key_for_everybody_and_authorities_that_are_missing_are_named(small: SmallSite, authority: Authority) -> None:
    certificate, key = authority.sign("open", "DNS:a")
    key.chmod(0o644)
    open_key, missing = found(small, certificate, key, 'authorities = "nobody.pem"')
    assert "W_SITE_CERTIFICATE every user of this machine can read the key" in open_key
    assert "site.toml:13: E_SITE_CERTIFICATE sip.authorities: there is no file" in missing


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('certificate = "a.pem"', "certificate and key belong together"),
        ('bind_ipv6 = "127.0.0.1"', "'127.0.0.1' is not an IPv6 address"),
        ('external_address = "sip.example.org"', "write the IPv4 address at which others reach this machine"),
        ('own_networks = ["0.0.0.0/0"]', "is the whole internet"),
    ],
)
def test_wrong_values_are_refused_with_their_line(small: SmallSite, text: str, sentence: str) -> None:
    small.edit("site.toml", "[[carrier]]\n", f"[sip]\n{text}\n[[carrier]]\n")
    with pytest.raises(SiteError, match=sentence):
        site.load(small.folder)


def test_telephones_outside_need_a_certificate_and_operators_of_the_list(
    small: SmallSite, authority: Authority
) -> None:
    small.edit("site.toml", "[[carrier]]\n", '[operators]\noutside = ["1009"]\n[[carrier]]\n')
    with pytest.raises(SiteError, match=r"E_SITE_OUTSIDE operators.outside: telephones outside need SIP over TLS"):
        site.load(small.folder)
    certificate, key = authority.sign("outside", "DNS:a")
    assert found(small, certificate, key) == []
    loaded = site.load(small.folder)
    (line,) = map(str, telephone_findings(small.folder, loaded, operators.load(small.folder, loaded.languages)))
    assert "E_SITE_OUTSIDE operators.outside: there is no operator '1009' in operators.csv" in line


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[pins]\nalarm_files = 1", "alarm_files"),
        ("[bans]\nafter = -1", "after"),
        ('[operators]\noutside = ["all"]', "outside"),
    ],
)
def test_wrong_limits_are_refused_with_their_line(small: SmallSite, text: str, sentence: str) -> None:
    small.edit("site.toml", "[[carrier]]\n", f"{text}\n[[carrier]]\n")
    with pytest.raises(SiteError, match=sentence):
        site.load(small.folder)
