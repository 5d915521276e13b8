"""Hatif as a package for pip has all of its data, and works where there is no checkout. Nothing is fetched."""

import json
import os
import shlex
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from line import CHECKOUT

from ivr.home.line_settings import VERSION

SCRIPTS = ("desk/web/", "desk/telephone/", "desk/package", "desk/tsconfig.json")
"""What the desk's scripts are made from."""

NOT_PACKED = (*SCRIPTS, "desk/babel.cfg", "reports/babel.cfg")


SEVERAL = """
import contextlib, io, json, os, shlex, sys
from cli.main import main
answers = []
site, *commands = sys.argv[1:]
for words in commands:
    if words == "--in-the-site":
        os.environ["HATIF_SITE"] = site
        continue
    sys.argv[1:], status = shlex.split(words), 0
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.redirect_stderr(printed):
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
    answers.append([status, printed.getvalue()])
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [str(CHECKOUT / "scripts" / "wheel"), "--no-bundle", str(folder)]
    environment = os.environ | {"HATIF_VENV": sys.prefix}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert answer.returncode == 0, answer.stderr
    (found,) = folder.iterdir()
    return found


@pytest.fixture(scope="module")
def place(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the package, and the libraries of the tests' own environment."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], timeout=120, check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "--disable-pip-version-check"]
    install = [*pip, "install", "--no-deps", "--no-index", "--no-compile", "-q", str(wheel)]
    subprocess.run(install, env=os.environ | {"PIP_USER": "0"}, timeout=120, check=True)
    packages = next(venv.glob("lib/python3*/site-packages"))
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv


def test_the_package_has_every_file_of_the_program_and_of_the_example_site(wheel: Path) -> None:
    folders = (
        "cli", "ivr", "routing", "db", "prompts", "dialplan", "asterisk_conf", "desk", "picture", "reports", "speech",
        "background", "wire", "office", "sites",
    )  # fmt: skip
    listed = subprocess.run(["git", "ls-files", *folders], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    wanted = {
        f"hatif-{VERSION}.data/data/share/hatif/{name}" if name.startswith("sites/") else name
        for name in listed.stdout.splitlines()
        if not name.startswith(NOT_PACKED) and (CHECKOUT / name).exists()
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert wanted - packed == set()
    static = {f"desk/static/{path.name}" for path in (CHECKOUT / "desk" / "static").glob("[!.]*")}
    assert static - packed == set()  # with the desk's scripts, which no commit has, if they were made
    assert {name for name in packed - wanted if ".dist-info/" not in name and "desk/static/" not in name} == set()


def test_the_installed_command_makes_a_site_and_works_with_it(place: Path, tmp_path: Path) -> None:
    site = tmp_path / "mine"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "HATIF_HOME": str(tmp_path / "home"),
        "HATIF_PORT_OFFSET": "19000",
        "HATIF_VOICES": "quick",
    }

    def hatif(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(place / "bin" / "hatif"), *arguments]
        return subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )

    def answers(*commands: tuple[str, ...]) -> list[tuple[int, str]]:
        """Return status and output of commands that one installed Python runs: ten starts would take five seconds."""
        answer = subprocess.run(
            [place / "bin" / "python", "-c", SEVERAL, str(site), *map(shlex.join, commands)],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert answer.returncode == 0, answer.stderr
        return [(status, printed) for status, printed in json.loads(answer.stdout)]

    where = subprocess.run(
        [place / "bin" / "python", "-c", "import ivr, desk; print(ivr.__file__, desk.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert where.count(str(place)) == 2 and str(CHECKOUT) not in where
    assert hatif("--version").stdout.startswith(f"Hatif {VERSION},")
    made = hatif("site", "new", "mine", "--from", "consulate")
    assert made.returncode == 0 and str(site) in made.stdout.replace("\n", ""), made.stderr
    assert (site / "guide").is_dir() and os.access(site / "site.toml", os.W_OK)
    toml = (site / "site.toml").read_text()
    assert "\ntry = false" in toml  # the page for newcomers is not for production
    (site / "site.toml").write_text(toml.replace("+33800212000", "+33800212999"))
    again, other, numbers, rendered, checked, tried, upgraded, cases = answers(
        ("site", "new", "mine"),
        ("site", "new", "other", "--from", "embassy"),
        ("numbers", "--json"),  # of the example site, in its own place
        ("--in-the-site",),
        ("dialplan", "render"),
        ("check",),
        ("try", "--from", "+33612345678", "5"),
        ("db", "upgrade"),
        ("cases", "--json"),
    )
    assert "not empty" in again[1]
    assert "choose one of: consulate" in other[1]
    assert numbers[0] == 0 and "+33800212999" not in numbers[1]
    assert "+33800212999" in rendered[1]
    assert "E_UP_REFUSED" not in checked[1]
    assert tried[0] == 0, tried
    assert upgraded[0] == 0 and (tmp_path / "home" / "hatif.db").exists(), upgraded
    assert cases == (0, "[]\n")
    scripts = [str(place / "bin" / "python"), "-m", "desk.bundle"]
    answer = subprocess.run(scripts, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0 or "build it again with `scripts/wheel`" in answer.stderr
