"""A second Asterisk that is the carrier: with a registrar, TLS from its own authority, SRTP, and IPv6."""

import asyncio
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import asterisk_console
from asterisk_example import START_S, end
from certificates import Authority

from asterisk_conf import instance
from asterisk_conf.conf import Conf, Ports, write

PASSWORD = "what;the carrier chose"
"""Of our account: a semicolon begins a comment in Asterisk's files."""

PJSIP = """
[global]
type=global
default_realm=carrier
endpoint_identifier_order=username,auth_username,ip
[system]
type=system
[udp](!)
type=transport
protocol=udp
[tls](!)
type=transport
protocol=tls
cert_file={etc}/carrier.pem
priv_key_file={etc}/carrier.key
ca_list_file={authorities}
verify_server=yes
method=sslv23
[udp4](udp)
bind=127.0.0.1:{sip}
[udp6](udp)
bind=[::1]:{sip}
[tls4](tls)
bind=127.0.0.1:{sips}
[tls6](tls)
bind=[::1]:{sips}

; The account that we register with: by TLS, with encrypted audio.
[account](!)
type=endpoint
identify_by=username,auth_username
context=from-account
disallow=all
allow=alaw,ulaw,g722
media_encryption=sdes
direct_media=no
rtp_symmetric=yes
force_rport=yes
rewrite_contact=yes
trust_id_inbound=yes
[account-login](!)
type=auth
auth_type=digest
username={user}
password={password}
[{user}](account)
auth={user}
aors={user}
[{user}](account-login)
[{user}]
type=aor
max_contacts=2
remove_existing=yes
qualify_frequency=0

; Calls to us by our address, over IPv6.
[ours-sixth](account)
identify_by=ip
aors=ours-sixth
rtp_ipv6=yes
media_address=::1
bind_rtp_to_media_address=yes
[ours-sixth]
type=aor
contact=sip:[::1]:{ours}\\;transport=tls
"""

EXTENSIONS = """
[from-account]
exten => _[+0-9]X.,1,Set(DB(calls/number)=${EXTEN})
 same => n,Set(DB(calls/asserted)=${PJSIP_HEADER(read,P-Asserted-Identity)})
 same => n,Set(DB(calls/sip-from)=${PJSIP_HEADER(read,From)})
 same => n,Set(DB(calls/where)=${CHANNEL(pjsip,local_addr)})
 same => n,Answer()
 same => n,MusicOnHold(hatif)
[music]
exten => s,1,Answer()
 same => n,MusicOnHold(hatif)
"""


def escape(password: str) -> str:
    """Return a password as a configuration file needs it."""
    return password.replace(";", "\\;")


class Asterisk:
    """A running Asterisk with the files in `conf.etc`. `inside`: the command that runs another one where it is."""

    def __init__(self, conf: Conf, inside: Sequence[str] = ()) -> None:
        self.conf, self._inside = conf, inside
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        quiet = subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(
            *self._inside,
            *instance.command(self.conf),
            env=instance.environment(),
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
        )
        await self.until(
            lambda: "fully booted" in self.ask("core waitfullybooted", check=False), "it is ready", START_S
        )

    async def stop(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            await end(process)

    def ask(self, command: str, *, check: bool = True) -> str:
        """Return what a command of Asterisk's own command line prints."""
        return asterisk_console.ask(self.conf.installation.program, self.conf.etc, command, check=check)

    def stored(self, key: str) -> str:
        """Return a value of AstDB, such as "calls/number"; empty if there is none."""
        found = re.search(r"(?m)^Value: (.*)$", self.ask(f"database get {key.replace('/', ' ', 1)}"))
        return found[1].strip() if found else ""

    def channels(self) -> list[str]:
        return [line.split("!")[0] for line in self.ask("core show channels concise").splitlines() if "!" in line]

    def calls(self) -> list[str]:
        """Return the channels that are not Asterisk's own."""
        return [name for name in self.channels() if name.startswith("PJSIP/")]

    def heard(self) -> list[int]:
        """Return how many packets of audio each channel has received, and could decrypt."""
        return [int(count) for _, count in self._audio()]

    def codecs(self) -> set[str]:
        """Return the codecs of its calls."""
        return {codec for codec, _ in self._audio()}

    def _audio(self) -> list[tuple[str, str]]:
        return re.findall(r"(?m)^.*\d\d:\d\d:\d\d +(\w+) +(\d+)", self.ask("pjsip show channelstats"))

    async def until(self, condition: Callable[[], object], what: str, limit_s: float = 8) -> None:
        deadline = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not in {limit_s} s: {what}\n" + "\n".join(instance.check_log(self.conf)[-20:]))
            await asyncio.sleep(0.1)


def carrier(ours: Conf, home: Path, authority: Authority, *, user: str) -> Asterisk:
    """Return the carrier's Asterisk, not started; its ports are five hundred above ours.

    Args:
        authority: Signs its certificate, for the name localhost.
        user: Our account with it.
    """
    theirs = another(ours, home)
    conf, ports = theirs.conf, theirs.conf.ports
    certificate, key = authority.sign("carrier", "DNS:localhost", "DNS:carrier.example", "IP:::1")
    (conf.etc / "carrier.pem").write_text(certificate.read_text())
    (conf.etc / "carrier.key").write_text(key.read_text())
    values = {"etc": conf.etc, "authorities": authority.file, "user": user, "password": escape(PASSWORD)}
    text = PJSIP.format(ours=ours.ports.sips, sip=ports.sip, sips=ports.sips, **values)
    (conf.etc / "pjsip.conf").write_text(text)
    (conf.etc / "extensions.conf").write_text(EXTENSIONS)
    return theirs


def another(ours: Conf, home: Path, inside: Sequence[str] = ()) -> Asterisk:
    """Return an Asterisk with nothing of ours, not started; its ports are 500 above ours."""
    ports = Ports(*(getattr(ours.ports, name) + 500 for name in Ports.__slots__))
    conf = replace(ours, home=home, node="carrier", ports=ports, carriers=(), endpoints=(), queues=(), own_pjsip="")
    write(conf)
    return Asterisk(conf, inside)
