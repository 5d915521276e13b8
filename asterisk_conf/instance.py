"""Starting Asterisk with our files, and checks before and after the start."""

import asyncio
import errno
import os
import re
import socket
import threading
from base64 import b64encode
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import psutil

from asterisk_conf.conf import Conf, modules_of

_POLL_S = 0.02
_LOOK_UP_LIMIT_S = 0.5
_LOG_HEADER = re.compile(r"^\[[^]]*\] Asterisk \S+ built by ")
_LOG_TROUBLE = re.compile(r"^\[[^]]*\] (WARNING|ERROR)\b")


def command(conf: Conf) -> list[str]:
    """Return the command line that runs Asterisk in the foreground; SIGTERM ends it within about a second."""
    return [*conf.installation.program, "-f", "-n", "-C", str(conf.etc / "asterisk.conf")]


def environment() -> dict[str, str]:
    """Return Asterisk's complete environment; nothing is inherited.

    If the name server does not answer, the lookup of `host_name_problem` takes 2 s per call with it instead of 20.
    Its threads share two pools of memory: with one for each thread, what a load took is not used again elsewhere.
    """
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "RES_OPTIONS": "timeout:1 attempts:1",
        "MALLOC_ARENA_MAX": "2",
    }


async def ready(conf: Conf, within_s: float = 10.0) -> bool:
    """Return True as soon as ARI answers and all our modules run, False if that takes longer than `within_s`.

    A module that refused to load also makes it False; `check_log` then says which one.
    """
    login = b64encode(f"{conf.secrets.ari_user}:{conf.secrets.ari_password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"}
    url = f"http://127.0.0.1:{conf.ports.http}/ari/asterisk/modules"
    wanted = {f"{name}.so" for name, _ in modules_of(conf)}
    with suppress(TimeoutError):
        session = aiohttp.ClientSession(headers=headers, trust_env=False)  # no proxy on loopback
        async with asyncio.timeout(within_s), session:
            while True:
                with suppress(aiohttp.ClientError):
                    async with session.get(url) as response:
                        if response.status == 200:
                            loaded = await response.json()
                            if wanted <= {module["name"] for module in loaded if module["status"] == "Running"}:
                                return True
                await asyncio.sleep(_POLL_S)
    return False


def port_problems(conf: Conf, *others: tuple[str, str, int, str]) -> list[str]:
    """Return one sentence for each port that the line needs and cannot use; call it before the start.

    `others`: protocol, address, port and purpose of further ports, for other processes.
    """
    return [*asterisk_port_problems(conf), *port_problems_beside(conf, *others)]


def port_problems_beside(conf: Conf, *others: tuple[str, str, int, str]) -> list[str]:
    """Return the same without Asterisk's own ports."""
    ports = conf.ports
    beside = (
        ("TCP", "127.0.0.1", ports.agi, "FastAGI"),
        ("UDP", "127.0.0.1", ports.hep, "copies of SIP messages"),
    )
    return _problems(conf, *beside, *others)


def asterisk_port_problems(conf: Conf) -> list[str]:
    """Return one sentence for each of Asterisk's own ports that cannot be used."""
    ports = conf.ports
    problems = _problems(
        conf,
        *(
            ("UDP" if protocol == "udp" else "TCP", address.strip("[]"), port, "SIP")
            for protocol, _, address, port in conf.transports
        ),
        ("TCP", "127.0.0.1", ports.http, "ARI"),
        ("TCP", "127.0.0.1", ports.ami, "AMI"),
    )
    # Asterisk skips an RTP port that is in use; what matters is that enough are left.
    audio = range(ports.rtp_first, ports.rtp_last + 1)
    taken = sum(_bind_error("UDP", conf.sip_bind, port) == errno.EADDRINUSE for port in audio)
    if taken * 10 > len(audio):
        problems.append(
            f"{taken} of the UDP ports {ports.rtp_first} to {ports.rtp_last} (audio) are in use: stop the program that"
            f" uses them, or set HATIF_PORT_OFFSET to another multiple of 1000."
        )
    return problems


def _problems(conf: Conf, *wanted: tuple[str, str, int, str]) -> list[str]:
    problems = []
    for protocol, address, port, purpose in wanted:
        error = _bind_error(protocol, address, port)
        if error == errno.EADDRINUSE:
            problems.append(
                f"{protocol} port {port} ({purpose}) is in use{_owner(protocol, port)}: stop that program, or set"
                f" HATIF_PORT_OFFSET to another multiple of 1000."
            )
        elif error == errno.EADDRNOTAVAIL:
            key = "bind_ipv6" if address == conf.sip.bind_ipv6 else "sip_bind"
            problems.append(f"{address} is not an address of this machine: correct {key} in site.toml.")
        elif error:
            problems.append(f"{protocol} port {port} ({purpose}) on {address} cannot be opened: {os.strerror(error)}.")
    return list(dict.fromkeys(problems))


def host_name_problem(conf: Conf) -> str | None:
    """Return a sentence if Asterisk would wait for a name server at every call, else None. Takes at most 0.5 s.

    Asterisk looks up this machine's own name for each call whose audio is not bound to one address (`sip_bind` of
    0.0.0.0, or `bind_ipv6` of ::). Measured without an answering name server: 20 s per call, 2 s with `environment`,
    1 ms with an address.
    """
    if not any(ip_address(bind).is_unspecified for bind in (conf.sip_bind, conf.sip.bind_ipv6) if bind):
        return None
    name = socket.gethostname()
    answered = threading.Event()

    def look_up() -> None:
        with suppress(OSError):
            socket.getaddrinfo(name, None)
            answered.set()

    # A daemon thread, because a lookup cannot be cancelled and must not delay the end of the process.
    threading.Thread(target=look_up, daemon=True).start()
    if answered.wait(_LOOK_UP_LIMIT_S):
        return None
    return (
        f"This machine's own name, {name}, does not resolve, and Asterisk looks it up at every call: add the line"
        f" '127.0.0.1 {name}' to /etc/hosts, or set sip_bind in site.toml to this machine's address."
    )


def check_log(conf: Conf) -> list[str]:
    """Return the warnings and errors that Asterisk logged since its last start."""
    try:
        lines = conf.log_file.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    starts = [number for number, line in enumerate(lines) if _LOG_HEADER.match(line)]
    return [line for line in lines[starts[-1] if starts else 0 :] if _LOG_TROUBLE.match(line)]


def _bind_error(protocol: str, address: str, port: int) -> int:
    """Return the error number of a test bind, 0 if it succeeds."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as probe:
        if protocol == "TCP":
            # Like Asterisk: connections that are closing do not count, listeners do.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.errno or errno.EIO
    return 0


def _owner(protocol: str, port: int) -> str:
    """Return " by NAME (process PID)" for the process that listens there, if the machine lets us see it."""
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(protocol.lower()):
            local_port = connection.laddr[1] if connection.laddr else 0
            is_listening = protocol == "UDP" or connection.status == psutil.CONN_LISTEN
            if local_port == port and is_listening and connection.pid:
                process = psutil.Process(connection.pid)
                # The system shows a private Asterisk under the name of its dynamic linker.
                named = (Path(part).name for part in process.cmdline() if part.endswith("/asterisk"))
                return f" by {next(named, process.name())} (process {connection.pid})"
    return ""
