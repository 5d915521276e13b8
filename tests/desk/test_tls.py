"""A desk that other machines reach speaks TLS: with the site's certificate, or with one that it makes itself."""

import os
import ssl
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from desk_server import settings_for

from cli.desk import settings_of
from desk.app import create_app
from desk.server import config_of
from desk.tls import DAYS, CertificateError, self_signed, server_context
from ivr.site.desk import Desk


def test_a_certificate_is_made_for_the_names_it_is_reached_by_and_kept(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path / "desk", ("192.0.2.10", "desk.example.org"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    trusting = ssl.create_default_context(cafile=certificate)
    (found,) = trusting.get_ca_certs()
    assert set(found["subjectAltName"]) == {("IP Address", "192.0.2.10"), ("DNS", "desk.example.org")}
    before = certificate.read_bytes()
    assert self_signed(tmp_path / "desk", ("192.0.2.10", "desk.example.org"))[0].read_bytes() == before


def test_a_certificate_is_made_anew_for_other_names_and_before_it_ends(tmp_path: Path) -> None:
    certificate, _ = self_signed(tmp_path, ("localhost",))
    first = certificate.read_bytes()
    assert self_signed(tmp_path, ("localhost", "other"))[0].read_bytes() != first
    second = certificate.read_bytes()
    old = time.time() - (DAYS - 10) * 24 * 3600
    os.utime(certificate, (old, old))
    assert self_signed(tmp_path, ("localhost", "other"))[0].read_bytes() != second


def test_desk_and_gate_speak_tls_1_2_and_1_3_with_authenticated_ciphers_and_forward_secrecy_only(
    tmp_path: Path,
) -> None:
    """A client of TLS 1.2 that has only ciphers in CBC mode gets no connection; so the library's defaults would."""
    certificate, key = self_signed(tmp_path, ("localhost",))

    settings = replace(settings_for("sqlite:///x", 8080), certificate=certificate, key=key)
    config = config_of(create_app(settings), settings)
    assert config.ssl is not None
    for context in (config.ssl, server_context(certificate, key)):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        names = [cipher["name"] for cipher in context.get_ciphers()]
        assert names and [name for name in names if not ("GCM" in name or "CHACHA20" in name)] == []
        assert [name for name in names if not name.startswith(("ECDHE", "TLS_"))] == []
        assert speaks(context, "ECDHE-ECDSA-AES128-GCM-SHA256")
        assert not speaks(context, "ECDHE-ECDSA-AES128-SHA256")


def speaks(server: ssl.SSLContext, cipher: str) -> bool:
    """Return whether a client of TLS 1.2 with this cipher alone gets a connection."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(cipher)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)
    for _ in range(4):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return False
    return sides[0].cipher() is not None


def test_without_openssl_it_says_what_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CertificateError, match="certificate and key in \\[desk\\]"):
        self_signed(tmp_path, ("localhost",))


def test_two_processes_that_start_at_once_get_one_certificate_with_its_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as threads:
        made = set(threads.map(lambda _: self_signed(tmp_path, ("localhost",)), range(4)))
    ((certificate, key),) = made
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key)


def test_the_desks_address_is_shown_without_making_its_certificate(tmp_path: Path) -> None:
    """`hatif status` may run as an account that cannot write in HATIF_HOME."""
    settings = SimpleNamespace(site=tmp_path, home=tmp_path / "var", journal=tmp_path, offset=1000, control_port=8070)
    settings.case_references = tmp_path / "var" / "case_references"
    desk = Desk(enabled=True, listen="192.0.2.10")
    site = SimpleNamespace(
        name="Sample", node="node1", node_number=1, hours=SimpleNamespace(timezone="UTC"), languages=("fr",), desk=desk
    )
    site.reports, site.database = SimpleNamespace(is_wanted=False), SimpleNamespace(connections=4)
    credentials = SimpleNamespace(control_token="", factor_key="a key", pin_pepper="")
    parts: Any = SimpleNamespace(settings=settings, site=site, credentials=credentials, database_url="")
    found = settings_of(parts)
    assert found.url == "https://192.0.2.10:9080"
    assert (found.asks_factor, found.factor_key, found.administrators_need_factor) == (True, "a key", True)
    assert list(tmp_path.iterdir()) == []
