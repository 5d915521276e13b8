"""Getting the packages of the desk's scripts on machines whose network is not like ours."""

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from desk import bundle

CERTIFICATE = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")


class Empty(BaseHTTPRequestHandler):
    """A registry that has nothing."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's `desk/` without any package, and a user without npm's cache."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(bundle.FOLDER / name, tmp_path / name)
    monkeypatch.setattr(bundle, "FOLDER", tmp_path)
    monkeypatch.setattr(bundle, "STATIC", tmp_path / "static")
    monkeypatch.setattr(bundle, "_INSTALLED", tmp_path / "node_modules" / ".package-lock.json")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NODE_EXTRA_CA_CERTS", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The address of a registry, and the certificate that it made for itself."""
    certificate, key = tmp_path / "own.pem", tmp_path / "own.key"
    names = ("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate))
    subprocess.run([*CERTIFICATE, *names], check=True, capture_output=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://localhost:{server.server_port}", certificate
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_certificate_that_the_machine_trusts_is_trusted_by_npm_too(
    folder: Path, registry: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, certificate = registry
    monkeypatch.setenv("npm_config_registry", address)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(bundle.BundleError, match="404"):  # otherwise SELF_SIGNED_CERT; it is asked, and has nothing
        bundle.bundle()


def test_without_a_network_the_reason_is_said_and_nothing_is_half_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    with pytest.raises(bundle.BundleError, match="ECONNREFUSED"):
        bundle.bundle()
    assert not (folder / "static").exists() and not bundle.is_current()
