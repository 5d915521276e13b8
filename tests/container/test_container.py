"""The container's image is built without pulling one, and a line in it calls itself."""

import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from buildah import Buildah, missing
from line import CACHE, CHECKOUT
from podman import podman

FOLDER = CHECKOUT / "container"
PAGE = CHECKOUT / "docs" / "containers.md"

TRY = """
start >/var/lib/hatif/start.log 2>&1 &
tries=0
until hatif status --json >/var/lib/hatif/status.json 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || { tail -c 2000 /var/lib/hatif/start.log; exit 1; }
    sleep 2
done
id -un
hatif status --json
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Buildah:
    """Build the image on Debian 13; needs a Debian mirror, PyPI, npm and 4 GB."""
    if why := missing():
        pytest.skip(f"no image can be built here: {why}")
    buildah = Buildah(tmp_path_factory.mktemp("images"))
    buildah.base("debian-13")
    buildah.build("debian-13", "hatif")
    return buildah


@pytest.mark.long
def test_a_line_in_a_container_needs_no_network_to_start_and_calls_itself(built: Buildah, tmp_path: Path) -> None:
    buildah = built
    site, home = tmp_path / "site", tmp_path / "home"
    site.mkdir(mode=0o755)
    home.mkdir()
    if (CACHE / "sounds").exists():  # what is spoken already
        subprocess.run(["cp", "-r", str(CACHE / "sounds"), str(home)], check=True)
    mounts = {site: "/etc/hatif/site", home: "/var/lib/hatif"}
    container = buildah.start("hatif")
    buildah("config", "--user", "root", container)
    buildah.run(
        container, "hatif site new /etc/hatif/site --from consulate && chown -R hatif: /var/lib/hatif", mounts, 60
    )
    toml = (site / "site.toml").read_text()
    toml = re.sub(r"^probe_s = .*", "probe_s = 3", toml, flags=re.MULTILINE)
    (site / "site.toml").write_text(re.sub(r"^sip_bind = .*", 'sip_bind = "0.0.0.0"', toml, flags=re.MULTILINE))
    buildah("config", "--user", "hatif", "--env", "HATIF_VOICES=quick", container)
    user, _, status = buildah.run(container, TRY, mounts, 900).partition("\n")
    assert user == "hatif"
    found = json.loads(status)
    assert found["serves"] and found["probe"]["fault"] is None, found
    assert {"asterisk", "ivr", "guard", "journal", "desk", "gate", "monitor"} <= found["processes"].keys()
    assert "nothing is downloaded" in (home / "start.log").read_text()
    packages = json.loads((home / "asterisk/root/hatif-install.json").read_bytes())
    assert len(packages["sha256"]) > 100


HATIF = r"""#!/bin/sh
echo "$*" >>"$HATIF_HOME/asked"
case "$*" in up) exit 0 ;; esac
test $(grep -c "^$*\$" "$HATIF_HOME/asked") -gt "$FAILURES" || { echo "the disk is full" >&2; exit 3; }
"""
"""A `hatif` that fails so often at each step, and then succeeds."""


@pytest.fixture
def container(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a container's start, in which each step fails once."""
    program, home, packages = (tmp_path / name for name in ("bin", "home", "packages"))
    for folder in (program, home / "asterisk" / "root", packages):
        folder.mkdir(parents=True)
    (packages / "hatif-install.json").write_text("another release")
    (program / "hatif").write_text(HATIF)
    (program / "hatif").chmod(0o755)
    return {
        "PATH": f"{program}:{os.environ['PATH']}",
        "HATIF_HOME": str(home),
        "HATIF_ASTERISK_PACKAGES": str(packages),
        "HATIF_START_AGAIN_S": "1",
        "FAILURES": "1",
    }


def test_what_fails_at_the_start_is_said_with_what_to_do_and_keeps_no_line_down_that_can_serve_calls(
    container: dict[str, str],
) -> None:
    done = subprocess.run((FOLDER / "start",), env=container, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0
    asked = (Path(container["HATIF_HOME"]) / "asked").read_text().splitlines()
    assert asked == ["asterisk upgrade", "setup --no-database", "setup --no-database", "db upgrade", "up"]
    reason, asterisk, _, setup, _, database = done.stderr.splitlines()
    assert reason == "the disk is full"
    assert asterisk.startswith("start: this image's Asterisk could not be installed (the reason is above)")
    assert "the line starts with the former one" in asterisk
    assert setup.startswith("start: the line is not up: `hatif setup` failed with status 3 (the reason is above).")
    assert "It is tried again in 1 s." in setup and "`podman compose exec line hatif check`" in setup
    assert database.startswith("start: the database's tables are not upgraded (the reason is above)")
    page = 'containers.md, "When it does not start"'
    assert (
        all(page in line for line in (asterisk, setup, database))
        and "\n## When it does not start\n" in PAGE.read_text()
    )


def test_a_container_that_cannot_start_stays_and_ends_at_once_when_it_is_stopped(container: dict[str, str]) -> None:
    with subprocess.Popen((FOLDER / "start",), env=container | {"FAILURES": "99"}, stderr=subprocess.PIPE) as started:
        assert started.stderr is not None
        for _ in range(6):  # it has waited at least once
            assert started.stderr.readline()
        assert started.poll() is None
        started.terminate()
        assert started.wait(5) == 143


UP = r"""#!/bin/sh
echo "$*" >>"$HATIF_HOME/asked"
case "$*" in
up)
    trap "exit 7" TERM
    : >"$HATIF_HOME/is up"
    while :; do sleep 0.1; done
    ;;
"status --json") echo " \"drained\": $(cat "$HATIF_HOME/drained" 2>/dev/null || echo null)," ;;
"drain --within 600") test ! -e "$HATIF_HOME/calls" || while :; do sleep 0.1; done ;;
esac
"""
"""A `hatif` whose line runs until it is told to end. With `calls` in its home it never becomes empty."""


@pytest.fixture
def up(container: dict[str, str]) -> Iterator[tuple[Path, "subprocess.Popen[str]"]]:
    """Start a container whose line is up; yield its home and its start."""
    program = Path(container["PATH"].partition(":")[0]) / "hatif"
    program.write_text(UP)
    home = Path(container["HATIF_HOME"])
    environment = container | {"HATIF_DRAIN_S": "600"}
    with subprocess.Popen((FOLDER / "start",), env=environment, stderr=subprocess.PIPE, text=True) as started:
        appears(home / "is up")
        yield home, started
        started.kill()


def appears(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


def asked(home: Path) -> list[str]:
    return (home / "asked").read_text().splitlines()


def test_a_stop_waits_until_the_line_is_empty_and_the_next_container_takes_calls_again(
    up: tuple[Path, "subprocess.Popen[str]"], container: dict[str, str]
) -> None:
    home, started = up
    started.terminate()
    assert started.wait(30) == 7, "the line ended as it was told"
    assert asked(home)[-3:] == ["up", "status --json", "drain --within 600"]
    mark = home / "drained-by-start"
    assert mark.exists()
    (home / "is up").unlink()
    with subprocess.Popen((FOLDER / "start",), env=container, stderr=subprocess.PIPE) as again:
        appears(home / "is up")
        deadline = time.monotonic() + 30
        while mark.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert "drain --end" in asked(home)
        again.terminate()
        assert again.wait(30) == 7
    assert asked(home)[-1] != "drain --within 600", "without HATIF_DRAIN_S a stop waits for nobody"


def test_a_second_signal_ends_the_line_at_once(up: tuple[Path, "subprocess.Popen[str]"]) -> None:
    home, started = up
    (home / "calls").touch()
    started.terminate()
    assert started.stderr is not None
    while "no new calls are taken" not in started.stderr.readline():
        pass
    deadline = time.monotonic() + 30
    while "drain --within 600" not in asked(home):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert started.poll() is None
    while started.poll() is None:  # until the shell waits again, a signal is only noted
        assert time.monotonic() < deadline
        started.terminate()
        time.sleep(0.1)
    assert started.returncode == 7


def test_what_an_administrator_has_drained_stays_drained(up: tuple[Path, "subprocess.Popen[str]"]) -> None:
    home, started = up
    (home / "drained").write_text('{"by": "an administrator"}')
    started.terminate()
    assert started.wait(30) == 7 and not (home / "drained-by-start").exists()


POSTGRES = """
FROM localhost/debian-13
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-17 \\
    && rm -rf /var/lib/postgresql/* && install -d -o postgres -g postgres /var/lib/postgresql/data /var/run/postgresql
COPY start /usr/local/bin/start
ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/bin:/usr/bin:/bin PGDATA=/var/lib/postgresql/data
USER postgres
VOLUME /var/lib/postgresql/data
CMD ["start"]
"""
START_POSTGRES = """#!/bin/sh
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    echo "$POSTGRES_PASSWORD" >/tmp/password
    initdb -U "$POSTGRES_USER" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl -w -o "-c listen_addresses= -c unix_socket_directories=/var/run/postgresql" start
    createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl -w stop
fi
exec postgres -c listen_addresses=* -c unix_socket_directories=/var/run/postgresql
"""
"""What the image of PostgreSQL does with the same variables, in a few lines."""


@pytest.mark.long
def test_the_composition_starts_a_line_that_keeps_its_calls_in_postgresql(built: Buildah) -> None:
    """Does what the page says, with podman and podman-compose of Debian; PostgreSQL's image is one of our own."""
    folder = built.folder
    made = folder / "postgres"
    made.mkdir()
    (made / "Containerfile").write_text(POSTGRES)
    (made / "start").write_text(START_POSTGRES)
    (made / "start").chmod(0o755)
    built.build_other(made, "docker.io/library/postgres:17")
    place, site = folder / "container", folder / "container" / "site"
    site.mkdir(parents=True, mode=0o755)
    written = (FOLDER / "compose.yaml").read_text()
    quick = written.replace("      HATIF_DATABASE: ", "      HATIF_VOICES: quick\n      HATIF_DATABASE: ")
    assert quick != written
    (place / "compose.yaml").write_text(quick)
    (place / ".env").write_text("HATIF_DATABASE_PASSWORD=only-of-this-test\n")
    with podman(folder) as machine:
        volume = f"{site}:/etc/hatif/site"
        new = ("hatif", "site", "new", "/etc/hatif/site", "--from", "consulate")
        machine("run", "--rm", "--network", "none", "-u", "root", "-v", volume, "hatif", *new)
        toml = (site / "site.toml").read_text()
        toml = re.sub(r"^probe_s = .*", "probe_s = 3", toml, flags=re.MULTILINE)
        (site / "site.toml").write_text(re.sub(r"^sip_bind = .*", 'sip_bind = "0.0.0.0"', toml, flags=re.MULTILINE))
        if (CACHE / "sounds").exists():  # what is spoken already
            machine("volume", "create", "container_home")
            home = machine("volume", "inspect", "--format", "{{.Mountpoint}}", "container_home")
            subprocess.run(["cp", "-r", str(CACHE / "sounds"), home], check=True)
            subprocess.run(["chown", "-R", "990:990", home], check=True)
        # It waits until the database is healthy, which systemd would ask.
        with ThreadPoolExecutor(1) as waiting:
            up = waiting.submit(machine, "compose", "up", "-d", within_s=300)
            machine.healthy("container_database_1", 120)
            up.result()
        machine.healthy("container_line_1", 600)
        found = json.loads(machine("compose", "exec", "-T", "line", "hatif", "status", "--json"))
        assert found["serves"] and found["probe"]["fault"] is None, found
        rows = ("psql", "-U", "hatif", "-tAc", "select count(*) from call")
        assert int(machine("compose", "exec", "-T", "database", *rows)) > 0
        assert machine("exec", "container_line_1", "id", "-un") == "hatif"
        listening = machine("compose", "exec", "-T", "line", "hatif", "calls", "--json")
        assert json.loads(listening) is not None
        machine("compose", "down", "--volumes", within_s=180)
        assert machine("ps", "-aq") == machine("volume", "ls", "-q") == ""


def test_the_image_is_built_from_what_the_checkout_has() -> None:
    text = (FOLDER / "Containerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE)
    assert copied == [".", "container/start"] and all((CHECKOUT / name).exists() for name in copied)
    assert re.search(r"^USER hatif$", text, re.MULTILINE) and "debian:13" in text
    wanted = re.findall(r"^!(\S+)$", (CHECKOUT / ".dockerignore").read_text(), re.MULTILINE)
    assert all(any(CHECKOUT.glob(pattern)) for pattern in wanted)
    built = (CHECKOUT / "scripts" / "wheel").read_text()
    packed = re.search(r"(setup\.cfg [a-z_.A-Z ]*) \| tar", built)
    assert packed is not None and {*packed[1].split()} <= {*wanted}  # what a wheel is made of
    script = (FOLDER / "start").read_text()
    assert "\nhatif up &\n" in script and (FOLDER / "start").stat().st_mode & 0o111


def test_the_composition_runs_the_image_with_few_rights_and_a_database() -> None:
    composition = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    line, database = composition["services"]["line"], composition["services"]["database"]
    assert (CHECKOUT / "container" / line["build"]["context"] / line["build"]["dockerfile"]).resolve().exists()
    assert line["network_mode"] == "host" and line["read_only"] and line["cap_drop"] == ["ALL"]
    assert line["healthcheck"]["test"] == ["CMD", "hatif", "status"]
    assert line["environment"]["HATIF_DATABASE"].startswith("postgresql://hatif:")
    (port,) = database["ports"]
    assert port.startswith("127.0.0.1:") and line["depends_on"]["database"]["condition"] == "service_healthy"
    volumes = {text.partition(":")[0] for service in (line, database) for text in service["volumes"]}
    assert volumes - {*composition["volumes"]} == {"./site"}
    text = (FOLDER / "Containerfile").read_text()
    home, site = re.findall(r"HATIF_(?:HOME|SITE)=(\S+)", text)
    assert [part.split(":")[1] for part in line["volumes"]] == [home, site]


def test_the_page_names_commands_and_files_that_exist() -> None:
    text = PAGE.read_text()
    commands = [
        line for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for line in block.splitlines()
    ]
    files = {word for line in commands for word in shlex.split(line, comments=True) if word.startswith("container/")}
    assert files == {"container/Containerfile"}
    assert "cd container" in commands and (FOLDER / "compose.yaml").exists()  # the name that compose looks for
    arguments = re.findall(r"`(?:--build-arg )?([A-Z_]+)=", text)
    declared = re.findall(r"^ARG (.*)$", (FOLDER / "Containerfile").read_text(), re.MULTILINE)
    names = {word.partition("=")[0] for line in declared for word in line.split()}
    assert {"BASE", "BUNDLE", "PIP_INDEX_URL"} <= {*arguments} <= names | {"HATIF_DATABASE_PASSWORD"}
