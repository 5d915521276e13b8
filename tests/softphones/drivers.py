"""A driver for each tested softphone."""

import asyncio
import contextlib
import json
import re
from pathlib import Path
from typing import Any

import obtained
from softphone import How, Softphone


class Baresip(Softphone):
    name = "baresip"
    hows: tuple[How, ...] = ("rfc4733", "info")
    recordings = "dump-*-dec.wav"
    records_on = False
    holds_encrypted = False  # 1.1.0 then reads no more commands
    attended = False  # 1.1.0 has no command for it

    async def _start(self, password: str) -> None:
        modules = obtained.debian() / "usr/lib/baresip/modules"
        names = ("g711", "aufile", "sndfile", *(("srtp",) if self.authorities else ()), "account", "menu")
        port = self.port + 100
        (self.folder / "config").write_text(
            f"module_path {modules}\n"
            f"sip_listen {self.address}:{self.port}\n"
            "net_interface 127.0.0.1\n"
            f"audio_source aufile,{self.folder / 'says.wav'}\n"
            f"audio_player aufile,{self.folder / 'played.wav'}\n"
            f"snd_path {self.folder}\n"
            f"audio_alert aufile,{self.folder / 'alert.wav'}\n"
            f"ctrl_tcp_listen 127.0.0.1:{port}\n"
            f"call_max_calls {1 if self.one_line else 4}\n"
            f"audio_path {obtained.debian() / 'usr/share/baresip'}\n"
            + (f"sip_cafile {self.authorities}\nsip_verify_server yes\n" if self.authorities else "")
            + "".join(f"module {name}.so\n" for name in names[:-2])
            + "".join(f"module_app {item}.so\n" for item in (*names[-2:], "ctrl_tcp"))
        )
        host, _, sip = self.server.partition(":")
        mode = ";dtmfmode=info" if self.how == "info" else ""
        way, audio = (";transport=tls", ";mediaenc=srtp-mand") if self.authorities else ("", "")
        (self.folder / "accounts").write_text(
            f"<sip:{self.user}@{host}:{sip}{way}>;auth_user={self.user};auth_pass={password};regint=60{mode}{audio}\n"
        )
        (self.folder / "contacts").write_text("")
        await self._run(*obtained.program("baresip"), "-f", str(self.folder), "-v")
        await self.until(lambda: "ctrl_tcp: TCP socket listening" in self.output, 10, "it listens")
        reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        self._events = asyncio.create_task(self._listen(reader))
        await self.until(lambda: "200 OK (Hatif) [" in self.output, 10, "it registers")

    async def _forget(self) -> None:
        await super()._forget()
        if self._events is not None:
            self._writer.close()
            await asyncio.gather(self._events, self._writer.wait_closed(), return_exceptions=True)
            self._events = None

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = int((await reader.readuntil(b":"))[:-1])
                message = json.loads((await reader.readexactly(length + 1))[:-1])
                self.output += f"{message}\n"
                if message.get("type") == "CALL_INCOMING":
                    self.displays.append(f"{message.get('peerdisplayname', '')} {message.get('peeruri', '')}".strip())
                if message.get("type") in ("CALL_INCOMING", "CALL_OUTGOING"):
                    self.calls.append(str(message.get("id", "")))

    def _on_output(self, line: str) -> None:
        pass  # events come over the other connection

    def _command(self, command: str, params: str = "") -> None:
        text = json.dumps({"command": command, "params": params, "token": command})
        self._writer.write(f"{len(text)}:{text},".encode())

    async def answer(self) -> None:
        self._command("accept")

    async def hangup(self) -> None:
        self._command("hangup")

    async def dial(self, number: str) -> None:
        self._command("dial", f"sip:{number.replace('#', '%23')}@{self.server}")

    async def hold(self) -> None:
        self._command("hold")

    async def resume(self) -> None:
        self._command("resume")

    async def transfer(self, number: str) -> None:
        self._command("transfer", f"sip:{number}@{self.server}")

    async def press(self, keys: str) -> None:
        for key in keys:
            self._command("sndcode", key)
            await asyncio.sleep(0.25)
            self._command("sndcode", "\x04")  # releases the key
            await asyncio.sleep(0.1)


class Linphone(Softphone):
    name = "linphone"
    hows: tuple[How, ...] = ("rfc4733", "info")  # it always negotiates RTP events, and then sends no tones

    async def _start(self, password: str) -> None:
        home = self.folder / "home"
        (home / ".local/share/linphone").mkdir(parents=True, exist_ok=True)
        settings = self.folder / "linphonerc"
        info, events = int(self.how == "info"), int(self.how == "rfc4733")
        settings.write_text(
            f"[misc]\nmax_calls={1 if self.one_line else 4}\n"
            f"[sip]\nsip_port={self.port}\nsip_tcp_port=0\nsip_tls_port=0\nuse_info={info}\nuse_rfc2833={events}\n"
            "default_proxy=-1\nmedia_encryption=none\nsave_auth_info=1\n"
            "[sound]\nechocancellation=0\n[net]\nmtu=1300\nfirewall_policy=0\n"
            "[rtp]\naudio_rtp_port=-1\n[video]\nenabled=0\ncapture=0\ndisplay=0\n"
            + "".join(
                f"[audio_codec_{n}]\nmime={mime}\nrate={rate}\nchannels={channels}\nenabled={int(on)}\n"
                for n, (mime, rate, channels, on) in enumerate(
                    (
                        ("PCMA", 8000, 1, True),
                        ("PCMU", 8000, 1, True),
                        ("opus", 48000, 2, False),  # the heard sound is written down without conversion
                        ("speex", 16000, 1, False),
                        ("speex", 8000, 1, False),
                        ("telephone-event", 8000, 1, True),
                    )
                )
            )
        )
        environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        command = (*obtained.program("linphonec"), "-c", str(settings))
        # It looks for its grammars in share/ of the folder in which it is started.
        await self._run(*command, environment=environment, cwd=obtained.debian() / "usr")
        await self.until(lambda: "Warning: video" in self.output, 15, "it starts")
        await asyncio.sleep(0.5)
        await self._command("soundcard use files")
        await self._command(f"play {self.folder / 'says.wav'}")
        await self._command(f"record {self.folder / 'hears.wav'}")
        await self._command(f"register sip:{self.user}@{self.server} sip:{self.server} {password}")

    async def _leave(self, process: asyncio.subprocess.Process) -> None:
        await self._command("quit")

    async def _command(self, command: str) -> None:
        self._write(command)
        await asyncio.sleep(0.3)  # it reads only the first of several lines sent at once

    def _on_output(self, line: str) -> None:
        if found := re.search(r"Receiving new incoming call from (.*), assigned id (\d+)", line):
            self.displays.append(found[1])
            self.calls.append(found[2])
        found = re.search(r"Call (\d+) .*?(?:to|with) .*?(?:in progress|ringing)", line)
        if found is not None and found[1] not in self.calls:
            self.calls.append(found[1])
        if found := re.search(r"Message received from .*?: ?(.*)", line):
            self.messages.append(found[1])

    async def answer(self) -> None:
        await self._command(f"answer {self.calls[-1]}")

    async def hangup(self) -> None:
        await self._command("terminate")

    async def dial(self, number: str) -> None:
        await self._command(f"call sip:{number.replace('#', '%23')}@{self.server}")

    async def hold(self) -> None:
        await self._command("pause")

    async def resume(self) -> None:
        await self._command(f"resume {self.calls[0]}")

    async def transfer(self, number: str) -> None:
        await self._command(f"transfer sip:{number}@{self.server}")

    async def transfer_to_second(self) -> None:
        await self._command(f"transfer {self.calls[0]} --to-call {self.calls[-1]}")

    async def press(self, keys: str) -> None:
        if self.how == "info":
            # linphonec sleeps for a second after each key, reads no answer meanwhile, and sends no INFO before the
            # former is answered. Keys typed faster than that leave it more than 3 s apart: too far for one code.
            for key in keys:
                await self._command(key)
                await asyncio.sleep(1.2)
        else:
            await self._command(keys)
            await asyncio.sleep(0.5 * len(keys))


class Pjsua(Softphone):
    name = "pjsua"
    shows_messages = False  # that is up to the program that it is part of
    hows: tuple[How, ...] = ("rfc4733", "in-band", "info")

    async def _start(self, password: str) -> None:
        python, environment = obtained.python()
        program = Path(__file__).with_name("pjsua_program.py")
        await self._run(*python, str(program), self.address, str(self.port), str(self.folder), environment=environment)
        await self.until(lambda: '"started"' in self.output, 15, "it starts")
        self._command("settings", events=self.how != "in-band", one_line=self.one_line)
        authorities = str(self.authorities or "")
        self._command("register", user=self.user, password=password, server=self.server, authorities=authorities)
        await self.until(lambda: '"registered", "status": 200' in self.output, 10, "it registers")

    async def _leave(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        process.stdin.close()

    def _command(self, command: str, **arguments: Any) -> None:
        self._write(json.dumps({"command": command, **arguments}))

    def _on_output(self, line: str) -> None:
        with contextlib.suppress(ValueError):
            message = json.loads(line)
            match message["event"]:
                case "rings":
                    self.calls.append(str(message["call"]))
                    self.displays.append(message["display"])
                case "dialled":
                    self.calls.append(str(message["call"]))
                case "message":
                    self.messages.append(message["text"])
                case "state" if message["state"] == "DISCONNCTD" and str(message["call"]) in self.calls:
                    self.calls.remove(str(message["call"]))

    @property
    def _last(self) -> int:
        return int(self.calls[-1])

    async def answer(self) -> None:
        self._command("answer", call=self._last)

    async def hangup(self) -> None:
        self._command("hangup", call=self._last)

    async def dial(self, number: str) -> None:
        count = len(self.calls)
        self._command("dial", number=number.replace("#", "%23"))
        await self.until(lambda: len(self.calls) > count, 3, "it has dialled")

    async def hold(self) -> None:
        self._command("hold", call=int(self.calls[0]))

    async def resume(self) -> None:
        self._command("resume", call=int(self.calls[0]))

    async def transfer(self, number: str) -> None:
        self._command("transfer", call=self._last, number=number)

    async def transfer_to_second(self) -> None:
        self._command("transfer_to", call=int(self.calls[0]), other=self._last)

    async def press(self, keys: str) -> None:
        self._command("digits", call=self._last, keys=keys, how=self.how)
        await asyncio.sleep(0.35 * len(keys))


SOFTPHONES: tuple[type[Softphone], ...] = (Baresip, Linphone, Pjsua)
