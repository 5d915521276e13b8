"""The lock in requirements/ has what setup.cfg requires, for every Python that scripts/setup accepts."""

import configparser
import platform
import re
from functools import cache
from importlib import metadata
from pathlib import Path

from every import every
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
INSTALLED = ("build", "run", "demo", "test")  # by `scripts/setup --for test`


@cache
def locked(name: str, python: str) -> dict[str, str]:
    """Return each package's version in requirements/NAME.txt; every one must have hashes."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"}  # overrides this machine's own
    versions: dict[str, str] = {}
    text = (CHECKOUT / "requirements" / f"{name}.txt").read_text()
    for entry in re.sub(r"^( *#.*)?\n", "", text, flags=re.MULTILINE).replace(" \\\n", "").splitlines():
        line, *hashes = re.split(r" +--hash=sha256:", entry)
        assert hashes and all(re.fullmatch(r"[0-9a-f]{64}", hashe) for hashe in hashes), line
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            versions[canonicalize_name(requirement.name)] = pin.version
    return versions


def asked(*extras: str) -> list[Requirement]:
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg")
    lines = setup["options"]["install_requires"].splitlines()
    for extra in extras:
        lines += setup["options.extras_require"][extra].splitlines()
    return [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]


@every("python", PYTHONS)
@every(
    ("files", "extras"),
    [
        (("run",), ()),
        (("run", "demo"), ("phones",)),
        (("run", "demo", "test"), ("phones", "test")),
        (("run", "piper"), ("piper",)),
        (("run", "speech"), ("speech",)),
    ],
)
def test_the_lock_has_what_setup_cfg_asks_for(files: tuple[str, ...], extras: tuple[str, ...], python: str) -> None:
    versions = {package: version for file in files for package, version in locked(file, python).items()}
    for requirement in asked(*extras):
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None and version in requirement.specifier, f"{requirement}: run scripts/lock"


def test_the_run_time_lock_has_no_test_tools() -> None:
    assert locked("run", "3.13").keys().isdisjoint({"pytest", "hypothesis", "mypy", "ruff", "setuptools"})


def test_an_administrator_who_adds_piper_gets_the_versions_that_were_tested() -> None:
    tested = {**locked("run", "3.13"), **locked("test", "3.13")}
    assert locked("piper", "3.13").items() <= tested.items()
    assert locked("speech", "3.13").items() <= tested.items()


def test_the_installed_packages_are_the_locked_ones() -> None:
    """Fails if packages were installed by hand, or scripts/setup did not do its work."""
    python = ".".join(platform.python_version_tuple()[:2])
    for file in INSTALLED:
        for package, version in locked(file, python).items():
            assert metadata.version(package) == version, package
