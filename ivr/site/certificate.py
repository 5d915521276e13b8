"""The certificate of SIP over TLS: read, tried and dated."""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ivr.site.findings import Finding, SiteError
from ivr.site.sip import Sip

_SYSTEM = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where systems keep the authorities that they trust."""

_EXPIRED, _NOT_YET = 10, 9
"""OpenSSL's codes."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its chain, and its key, as PEM text; `ends` is None if it is not valid yet or any more."""

    certificate: str
    key: str = field(repr=False)
    ends: datetime | None


def read(folder: Path, sip: Sip) -> Certificate:
    """Return the site's certificate.

    Raises:
        SiteError: A file cannot be read, or the two cannot be used together. One that has expired does not count.
    """
    texts: list[str] = []
    for name, path in (("certificate", sip.certificate), ("key", sip.key)):
        file = folder / str(path)
        try:
            texts.append(file.read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not a text"
            sentence = f"sip.{name} cannot be read ({reason}); it must be a PEM file, readable by the line's user"
            raise _refused(file, sentence) from None
    certificate, key = folder / str(sip.certificate), folder / str(sip.key)
    try:
        return Certificate(texts[0], texts[1], _try_it(certificate, key))
    except _EncryptedError:
        sentence = "the key is encrypted, and nobody can enter its password at a start; write it without one"
        raise _refused(key, f"{sentence}: `openssl pkey -in KEY -out NEW`") from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            sentence = f"the key does not belong to {certificate}; write that certificate's own key"
            raise _refused(key, sentence) from None
        reason = f" ({error.reason.lower().replace('_', ' ')})" if error.reason else ""
        sentence = f"the certificate or its key {key} cannot be used{reason}; both must be PEM files, the own"
        raise _refused(certificate, f"{sentence} certificate before those of its authorities") from None


def ends(certificate: Path, key: Path) -> datetime | None:
    """Return when a certificate ends, None if it is not valid now. Raises OSError, ssl.SSLError."""
    try:
        return _try_it(certificate, key)
    except _EncryptedError:
        raise ssl.SSLError("the key is encrypted") from None


def authorities(folder: Path, sip: Sip) -> Path | None:
    """Return the file of the authorities that carriers' certificates must come from; None if there is none."""
    if sip.authorities is not None:
        return folder / sip.authorities
    return next((path for path in map(Path, _SYSTEM) if path.is_file()), None)


def _refused(file: Path, sentence: str) -> SiteError:
    return SiteError(Finding.from_sentence("E_SITE_CERTIFICATE", str(file), 1, sentence))


class _EncryptedError(Exception):
    pass


def _password() -> str:
    raise _EncryptedError


def _try_it(certificate: Path, key: Path) -> datetime | None:
    """Make one connection in memory, as a carrier would; return when the certificate ends, None if it is not valid now.

    Raises ssl.SSLError or _EncryptedError if the files cannot be used.
    """
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key, _password)
    client = ssl.create_default_context(cafile=certificate)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.verify_flags &= ~ssl.VERIFY_X509_STRICT
    client.check_hostname = False
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server)
    ends: datetime | None = None
    for side in (theirs, ours, theirs, ours):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            if error.verify_code in (_EXPIRED, _NOT_YET):
                return None
            raise
    if (found := theirs.getpeercert()) is not None:
        ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC)
    return ends
