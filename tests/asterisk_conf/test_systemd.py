"""The line's systemd units are correct and give each process few rights, and the logs are rotated by logrotate."""

import os
import pwd
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import debian_tools
import pytest
from debian_tools import Tool

from asterisk_conf import systemd
from asterisk_conf.errors import AsteriskError
from asterisk_conf.systemd import UNITS, Line
from cli import asterisk
from cli.processes import systemd as commands
from ivr.home import line_settings
from ivr.home.line_settings import SettingsError

LINE = Line(
    home=Path("/var/lib/hatif"),
    code=Path("/opt/hatif"),
    program=Path("/opt/hatif/.venv/bin/hatif"),
    python=Path("/opt/hatif/.venv/bin/python"),
    site=Path("/etc/hatif/site"),
    others=(Path("/srv/database"),),
    desk=True,
    transcriber=True,
)
NAMES = ("asterisk", "journal", "guard", "ivr", "voices", "desk", "gate", "monitor", "transcriber")
WORST = 30  # tenths of systemd's 0 (best) to 10


@pytest.fixture(scope="module")
def analyze() -> Tool:
    return debian_tools.find("systemd", "usr/bin/systemd-analyze", "systemd")


@pytest.fixture(scope="module")
def tree(analyze: Tool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine's root with our units, systemd's own, and the programs that ours start."""
    root = tmp_path_factory.mktemp("root")
    systemd.write(LINE, root)
    shutil.copytree(analyze.root / "usr/lib/systemd/system", root / "usr/lib/systemd/system", symlinks=True)
    for program in (LINE.program, LINE.python):
        path = root / program.relative_to("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return root


def units(root: Path) -> list[str]:
    return sorted(path.name for path in (root / UNITS).iterdir())


def test_systemd_finds_nothing_wrong_with_the_units(analyze: Tool, tree: Path) -> None:
    command = [*analyze.command, "verify", "--man=no", f"--root={tree}", *units(tree)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")


def test_systemd_rates_each_service_as_well_protected(analyze: Tool, tree: Path) -> None:
    for name in NAMES:
        options = ("--offline=true", f"--root={tree}", f"--threshold={WORST}", "--no-pager")
        command = [*analyze.command, "security", *options, f"hatif-{name}.service"]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert "Overall exposure level" in answer.stdout, answer.stderr
        assert answer.returncode == 0, answer.stdout


def test_a_mistake_in_a_unit_would_be_found(analyze: Tool, tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    shutil.copytree(tree, root, symlinks=True)
    unit = root / UNITS / "hatif-guard.service"
    unit.write_text(re.sub("^(Protect|Restrict|System|Private|Capab).*", "", unit.read_text(), flags=re.MULTILINE))
    options = ("--offline=true", f"--root={root}", f"--threshold={WORST}", "--no-pager")
    command = [*analyze.command, "security", *options, unit.name]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode != 0
    unit.write_text("[Service]\nExecStart=/opt/hatif/.venv/bin/missing\nTypo=yes\n")
    command = [*analyze.command, "verify", "--man=no", f"--root={root}", unit.name]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Typo" in answer.stderr and "missing" in answer.stderr


def test_no_service_is_root_or_gives_up_and_all_belong_to_the_target(tree: Path) -> None:
    assert units(tree) == sorted([*(f"hatif-{name}.service" for name in NAMES), "hatif-voices.path", "hatif.target"])
    target = (tree / UNITS / "hatif.target").read_text()
    for name in NAMES:
        text = (tree / UNITS / f"hatif-{name}.service").read_text()
        assert "\nUser=hatif\nGroup=hatif\n" in text and "\nStartLimitIntervalSec=0\n" in text
        assert "\nPartOf=hatif.target\n" in text and f"hatif-{name}.service" in target
        assert "\nReadWritePaths=/var/lib/hatif /srv/database\n" in text
        assert ("\nWatchdogSec=" in text) == (name not in ("asterisk", "voices"))


def test_what_hears_callers_may_make_machine_code_only_with_the_packaged_recogniser(tmp_path: Path) -> None:
    for packaged in (False, True):
        files = systemd.render(replace(LINE, hear=True, packaged=packaged))
        assert ("\nMemoryDenyWriteExecute=yes\n" in files[UNITS / "hatif-hear.service"]) is not packaged
        assert "\nMemoryDenyWriteExecute=yes\n" in files[UNITS / "hatif-ivr.service"]


def test_files_are_written_once_and_units_that_are_not_wanted_any_more_go(tmp_path: Path) -> None:
    written, removed = systemd.write(LINE, tmp_path)
    assert (len(written), removed) == (len(systemd.render(LINE)), [])
    own = tmp_path / UNITS / "hatif-backup.service"  # the administrator's
    own.write_text("[Service]\nExecStart=/bin/true\n")
    assert systemd.write(LINE, tmp_path) == ([], [])
    written, removed = systemd.write(replace(LINE, desk=False), tmp_path)
    assert [path.name for path in written] == ["hatif.target"]
    assert [path.name for path in removed] == ["hatif-desk.service", "hatif-gate.service"]
    assert own.exists()


def test_install_says_to_stop_a_service_that_is_not_wanted_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "_ROOT", tmp_path)
    for desk, said in ((True, False), (False, True)):
        monkeypatch.setattr(commands, "_line", lambda user, desk=desk: replace(LINE, desk=desk))
        commands.install("hatif")
        stop = "Next:\n  systemctl stop hatif-desk.service hatif-gate.service\n  systemd-sysusers"
        assert (stop in capsys.readouterr().out) == said


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which a line with data is installed, and an administrator has a drop-in."""
    home = tmp_path / "srv" / "line"
    systemd.write(LINE, tmp_path)
    folders = tmp_path / "etc/tmpfiles.d/hatif.conf"
    folders.write_text(folders.read_text().replace(str(LINE.home), str(home)))
    line_settings.write(home, line_settings.KeptLine(0, "/etc/hatif/site", "postgresql://hatif@db/hatif"))
    (tmp_path / UNITS / "hatif-ivr.service.d").mkdir()
    (tmp_path / UNITS / "hatif-mine.service").write_text("# an administrator's own\n")
    monkeypatch.setattr(commands, "_ROOT", tmp_path)
    return tmp_path


def left(machine: Path) -> list[str]:
    return sorted(str(path.relative_to(machine)) for path in machine.glob("etc/**/*") if path.is_file())


@pytest.mark.parametrize("data", [False, True])
def test_a_removal_lists_what_it_removes_and_what_stays_and_keeps_the_data_unless_asked(
    data: bool, machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = left(machine)
    commands.remove(data=data, dry_run=True)
    assert left(machine) == before and (machine / "srv" / "line").exists()
    assert "would remove" in capsys.readouterr().out
    commands.remove(data=data, dry_run=False)
    said = capsys.readouterr().out
    assert left(machine) == [str(UNITS / "hatif-mine.service")]
    assert all(f"removed: {machine / name}" in said for name in before if "hatif-mine" not in name)
    assert (machine / "srv" / "line").exists() is not data
    assert f"{'deleted' if data else 'stays'}: {machine / 'srv' / 'line'}" in said
    assert "stays: the user hatif" in said and "HATIF_DATABASE, on its server" in said
    assert f"stays: {machine / UNITS / 'hatif-ivr.service.d'}" in said
    commands.remove(data=data, dry_run=False)
    assert "Nothing of `hatif systemd install`" in capsys.readouterr().out


def test_a_line_that_starts_at_boot_or_runs_is_not_removed(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = left(machine)
    wants = machine / UNITS / "multi-user.target.wants"
    wants.mkdir()
    (wants / "hatif.target").symlink_to(machine / UNITS / "hatif.target")
    with pytest.raises(SettingsError, match=r"hatif.target starts at boot: first `systemctl disable --now"):
        commands.remove(data=True, dry_run=False)
    (wants / "hatif.target").unlink()
    (wants / "hatif.target").parent.rmdir()
    monkeypatch.setattr(commands, "processes", lambda run: {"ivr": SimpleNamespace(alive=True)})
    with pytest.raises(SettingsError, match=r"runs \(ivr\): first"):
        commands.remove(data=True, dry_run=False)
    assert (machine / "srv" / "line").exists() and left(machine) == before


def test_a_folder_that_is_no_line_s_is_not_deleted(machine: Path) -> None:
    (machine / "srv" / "line" / "line.json").unlink()
    with pytest.raises(SettingsError, match="delete it yourself"):
        commands.remove(data=True, dry_run=False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"home": Path("/root/hatif/var")}, "HATIF_HOME is in /root/hatif/var, and the services do not see /root"),
        ({"code": Path("/home/anna/hatif")}, "do not see /home: put it elsewhere"),
        (
            {"program": Path("/root/.venv/bin/hatif")},
            "The command hatif is in /root/.venv/bin/hatif, and the services do",
        ),
        ({"program": Path("/srv/our venv/bin/hatif")}, "The command hatif is in '/srv/our venv/bin/hatif'"),
        ({"site": Path("/etc/our site")}, "The site is in '/etc/our site': use only letters"),
        ({"home": Path("/var/lib/%h")}, "use only letters"),
        ({"others": (Path("/tmp"),)}, "The database is in /tmp"),
        ({"user": "root"}, "choose a user of their own"),
        ({"user": "a\nUser=root"}, "The services' user"),
    ],
)
def test_what_the_services_could_not_use_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(AsteriskError, match=re.escape(words)):
        replace(LINE, **change)  # type: ignore[arg-type]


def test_an_asterisk_that_hangs_while_its_logs_are_rotated_is_named_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = (sys.executable, "-c", "import time; time.sleep(30)")
    conf = SimpleNamespace(installation=SimpleNamespace(program=program), etc=tmp_path)
    monkeypatch.setattr(asterisk, "AsteriskParts", lambda: SimpleNamespace(built=program, conf=lambda bar: conf))
    monkeypatch.setattr(asterisk, "_ANSWER_S", 0.2)
    with pytest.raises(AsteriskError, match="did not open its logs anew within"):
        asterisk.reopen_logs()


def test_logrotate_rotates_the_logs_and_has_asterisk_open_its_own_anew(tmp_path: Path) -> None:
    """The real logrotate, twice: names do not clash with those of our own rotation, and `caller erase` can read all."""
    logrotate = debian_tools.find("logrotate", "usr/sbin/logrotate")
    user = pwd.getpwuid(os.geteuid()).pw_name
    for folder, name in (("asterisk/log", "security.log"), ("log", "ivr.log")):
        (tmp_path / folder).mkdir(parents=True, mode=0o700)
        (tmp_path / folder / name).write_text("first\n")
        (tmp_path / folder / f"{name}.1").write_text("ours\n")
    called, program = tmp_path / "called", tmp_path / "hatif"
    program.write_text(f'#!/bin/sh\necho "$HATIF_HOME $*" >>{called}\n')
    program.chmod(0o755)
    text = systemd.render(replace(LINE, program=Path("/opt/hatif/hatif")))[Path("etc/logrotate.d/hatif")]
    text = text.replace("/opt/hatif/hatif", str(program)).replace("/var/lib/hatif", str(tmp_path))
    rules = tmp_path / "rules"
    rules.write_text(text.replace("su hatif hatif", f"su {user} {user}"))
    rules.chmod(0o644)
    # Two rotations in one second would have one name, so the first one gets an earlier second.
    for number in range(2):
        if number:
            for path in tmp_path.rglob("*.log-*"):
                path.rename(path.with_name(f"{path.name[:-2]}00"))
            for folder, name in (("asterisk/log", "security.log"), ("log", "ivr.log")):
                (tmp_path / folder / name).write_text("second\n")
        command = [*logrotate.command, "--force", "--state", str(tmp_path / "state"), str(rules)]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (answer.returncode, answer.stderr) == (0, "")
    for folder, name in (("asterisk/log", "security.log"), ("log", "ivr.log")):
        found = sorted(path.name for path in (tmp_path / folder).iterdir())
        dated = re.compile(rf"{re.escape(name)}-\d{{8}}-\d+")
        assert sorted(bool(dated.fullmatch(other)) for other in found) == [False, True, True], found
        assert (tmp_path / folder / f"{name}.1").read_text() == "ours\n"
    assert called.read_text() == f"{tmp_path} asterisk reopen-logs\n" * 2
