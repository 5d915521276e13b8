"""scripts/audit says what is known, and what it could not ask about."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "audit"
ADVISORY = {
    "esbuild": [
        {
            "id": 1,
            "url": "https://advisories.example/1",
            "title": "Reads too much",
            "severity": "high",
            "vulnerable_versions": "<99",
            "cwe": [],
            "cvss": {"score": 0, "vectorString": None},
        }
    ]
}


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    loader = SourceFileLoader("audit", str(SCRIPT))
    spec = spec_from_loader("audit", loader)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules["audit"] = module  # dataclasses look their module up
    loader.exec_module(module)
    return module


@pytest.fixture
def registry() -> Iterator[str]:
    """A registry on loopback that knows one vulnerability, and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(200, ADVISORY if self.path.endswith("/advisories/bulk") else {})

        def do_GET(self) -> None:
            self.answer(404, {})

        def answer(self, status: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def run(**more: str) -> subprocess.CompletedProcess[str]:
    """Run it where no service can be reached: nobody listens at the proxy."""
    nobody = "http://127.0.0.1:9"
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    environment = {**os.environ, **dict.fromkeys(names, nobody), "no_proxy": "", "NO_PROXY": "", **more}
    return subprocess.run([sys.executable, SCRIPT], env=environment, capture_output=True, text=True, check=False)


def test_services_that_cannot_be_reached_are_not_audited_and_not_in_order() -> None:
    done = run(npm_config_registry="https://registry.example/")
    assert done.returncode == 3, done
    python, npm = done.stdout.splitlines()
    assert python.startswith("not audited  Python packages: ") and npm.startswith("not audited  npm packages: ")


def test_a_vulnerability_counts_more_than_a_service_that_was_not_reached(registry: str) -> None:
    done = run(npm_config_registry=registry, no_proxy="127.0.0.1", NO_PROXY="127.0.0.1")
    assert done.returncode == 1, done
    assert "not audited  Python packages: " in done.stdout and "npm packages: " in done.stdout
    assert "esbuild: high, Reads too much (https://advisories.example/1)" in done.stdout


def test_a_report_of_pip_audit_is_read_and_what_is_no_report_is_not_audited(audit: ModuleType) -> None:
    known = {"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": [], "description": ""}
    report = {
        "dependencies": [
            {"name": "small", "version": "1.0", "vulns": [known]},
            {"name": "small", "version": "1.0", "vulns": [known]},  # in two locks
            {"name": "fine", "version": "2", "vulns": []},
            {"name": "ours", "skip_reason": "not found"},
        ],
        "fixes": [],
    }
    found = audit.read_pip(json.dumps(report))
    assert (found.packages, found.known, found.skipped) == (2, ["small 1.0: PYSEC-1, mended in 1.1"], ["ours"])
    assert audit.exit_status([found, audit.Audit("npm", missing="away")]) == 1
    assert audit.exit_status([audit.Audit("a"), audit.Audit("npm", missing="away")]) == 3
    assert audit.exit_status([audit.Audit("a"), audit.Audit("b")]) == 0
    for nonsense in ("", "[]", "{}", '{"dependencies": []}'):
        with pytest.raises((ValueError, KeyError, TypeError)):
            audit.read_pip(nonsense)
