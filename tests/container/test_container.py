"""The container's image is built without pulling one, and a line in it calls itself."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from buildah import Buildah, missing
from line import CACHE, CHECKOUT
from podman import Podman, podman

FOLDER = CHECKOUT / "container"
PAGE = CHECKOUT / "docs" / "containers.md"

TRY = """
start >/var/lib/hatif/start.log 2>&1 &
tries=0
until hatif status --json >/var/lib/hatif/status.json 2>/dev/null && grep -q answered_s /var/lib/hatif/status.json; do
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


CALLER = """
import asyncio, sys
from ivr.softphone.telephone import CallEndedError, Telephones

async def main():
    async with Telephones() as telephones:
        call = await telephones.caller(sys.argv[1]).dial("sip:+33800212000@127.0.0.1:5060")
        try:
            await call.established()
        except CallEndedError as error:
            print(error, flush=True)
            return
        print("up", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        print("still up" if call.state == "talking" else "cut off", flush=True)
        await call.hangup()

asyncio.run(main())
"""


class Caller:
    """A telephone in the network of the machine, in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def says(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def end(self) -> str:
        """Hang up; return whether it was still up."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self.says()


@contextmanager
def calling(machine: Podman, number: str) -> Iterator[Caller]:
    command = (*machine.network, sys.executable, "-c", CALLER, number)
    pipe, path = subprocess.PIPE, os.pathsep.join((str(CHECKOUT), str(CHECKOUT / "tests")))
    environment = os.environ | {"PYTHONPATH": path}
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        try:
            yield Caller(process)
        finally:
            process.kill()


def calls(machine: Podman) -> list[str]:
    """Return the numbers of the callers, as the line has kept them."""
    found = json.loads(machine("compose", "exec", "-T", "line", "hatif", "calls", "--json"))
    return [row["caller"] for row in found if row["caller"].startswith("+33656")]


def upgrade(built: Buildah, machine: Podman, caller: Caller) -> None:
    """Do what the page says with an image that was built meanwhile, and a call up."""
    folder = built.folder / "next"
    folder.mkdir()
    (folder / "Containerfile").write_text(
        "FROM localhost/hatif\nUSER root\nRUN echo next >/opt/hatif/release\nUSER hatif\n"
    )
    built.build_other(folder, "hatif")
    page = PAGE.read_text()
    steps = re.findall(r"^  podman (compose stop line|rm container_line_1|compose up -d)\b", page, re.MULTILINE)
    assert len(steps) == 3
    with ThreadPoolExecutor(1) as stopping:
        stopped = stopping.submit(machine, *steps[0].split(), within_s=1000)
        deadline = time.monotonic() + 240
        while True:
            with calling(machine, "+33656000003") as refused:
                if "503" in refused.says():
                    break
            assert time.monotonic() < deadline
            time.sleep(1)
        assert not stopped.done() and caller.end() == "still up"
        stopped.result()
    for step in steps[1:]:
        machine(*step.split(), within_s=600)


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
            machine("volume", "create", "--label", "io.podman.compose.project=container", "container_home")
            home = machine("volume", "inspect", "--format", "{{.Mountpoint}}", "container_home")
            subprocess.run(["cp", "-r", str(CACHE / "sounds"), home], check=True)
            subprocess.run(["chown", "-R", "990:990", home], check=True)
        # It waits until the database is healthy, which systemd would ask.
        with ThreadPoolExecutor(1) as waiting:
            up = waiting.submit(machine, "compose", "up", "-d", within_s=300)
            machine.healthy("container_database_1", 120)
            up.result()
        machine.healthy("container_line_1", 1500)
        found = json.loads(machine("compose", "exec", "-T", "line", "hatif", "status", "--json"))
        assert found["serves"] and found["probe"]["fault"] is None, found
        rows = ("psql", "-U", "hatif", "-tAc", "select count(*) from call")
        assert int(machine("compose", "exec", "-T", "database", *rows)) > 0
        assert machine("exec", "container_line_1", "id", "-un") == "hatif"
        machine("compose", "exec", "-T", "line", "hatif", "hours", "force", "open")
        with calling(machine, "+33656000001") as caller:
            assert caller.says() == "up"
            assert calls(machine) == ["+33656000001"]
            machine("compose", "exec", "-T", "line", "hatif", "backup", "/var/lib/hatif/backups/whole.hatif.tar")
            upgrade(built, machine, caller)
        assert machine("exec", "container_line_1", "cat", "/opt/hatif/release") == "next"
        machine.healthy("container_line_1", 1500)
        assert "+33656000001" in calls(machine), "what was before is there"
        with calling(machine, "+33656000002") as caller:
            assert caller.says() == "up", "calls are taken again"
        held = machine("exec", "container_line_1", "ls", "backups").split()
        assert held == ["whole.hatif.tar"]
        machine("compose", "down", "--volumes", within_s=600)
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
