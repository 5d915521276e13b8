"""A certificate of the desk's own, for a first run on another machine than this one.

Browsers warn of it once, and then give the page the microphone. A certificate of the site's replaces it.
"""

import fcntl
import os
import ssl
import subprocess
import time
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from wire.errors import UserError

DAYS = 365
RENEWED_S = 30 * 24 * 3600
"""A certificate is replaced this long before it ends."""

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2, in OpenSSL's words; those of TLS 1.3 are of this kind anyway. Browsers have had them for ten years."""

_LIMIT_S = 30


class CertificateError(UserError):
    """No certificate can be made: a sentence with a remedy."""


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return TLS for a server whose clients are browsers. Raises OSError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # by default it is what this machine's OpenSSL allows
    context.set_ciphers(CIPHERS)
    context.load_cert_chain(certificate, key)
    return context


def files(folder: Path) -> tuple[Path, Path]:
    """Return where the certificate of the desk's own is, or will be, and its key."""
    return folder / "self-signed.pem", folder / "self-signed.key"


def self_signed(folder: Path, names: Sequence[str]) -> tuple[Path, Path]:
    """Return a certificate for these names and addresses, and its key; made if there is none, or it ends soon.

    The desk and the gate of its telephones start at the same time: the second waits for the first.

    Raises CertificateError.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / "self-signed.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return _self_signed(folder, names)
    except OSError as error:
        raise CertificateError(_remedy(str(error))) from None


def _self_signed(folder: Path, names: Sequence[str]) -> tuple[Path, Path]:
    (certificate, key), made_for = files(folder), folder / "self-signed.for"
    wanted = ",".join(_alternative(name) for name in dict.fromkeys(names))
    is_there = certificate.exists() and key.exists() and made_for.exists() and made_for.read_text() == wanted
    if is_there and time.time() - certificate.stat().st_mtime < DAYS * 24 * 3600 - RENEWED_S:
        return certificate, key
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    command += ["-days", str(DAYS), "-subj", "/CN=Hatif desk", "-addext", f"subjectAltName={wanted}"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    try:
        os.close(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600))  # the key is nobody else's, not even for a moment
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CertificateError(_remedy(str(error))) from None
    if done.returncode:
        raise CertificateError(_remedy((done.stderr.strip().splitlines() or ["openssl failed"])[-1]))
    made_for.write_text(wanted)
    return certificate, key


def _alternative(name: str) -> str:
    try:
        return f"IP:{ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


def _remedy(why: str) -> str:
    return (
        f"The desk listens to other machines and has no certificate, and none can be made ({why}): write certificate"
        " and key in [desk] of site.toml, or address with https where a proxy has the certificate."
    )
