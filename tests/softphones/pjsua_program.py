"""pjsua as a separate program: commands as JSON lines on its input, events as JSON lines on its output.

    python pjsua_program.py ADDRESS PORT FOLDER

ADDRESS, PORT: those of the telephone; FOLDER: has `says.wav`, which it sends repeatedly; the sound that it hears is
written to `hears.wav` there.
"""

import json
import math
import os
import re
import select
import sys
import time
from pathlib import Path
from typing import Any

import pjsua2 as pj


def tell(event: str, **what: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **what}) + "\n")
    sys.stdout.flush()


class Telephone:
    def __init__(self, address: str, port: int, folder: Path) -> None:
        self.address = address
        self.calls: dict[int, Call] = {}
        self.events = True  # RTP events (RFC 4733) are offered
        self.one_line = False
        self.sounds: list[Any] = []  # of calls that are up
        self.says_again = math.inf
        self.endpoint = pj.Endpoint()
        self.endpoint.libCreate()
        settings = pj.EpConfig()
        settings.uaConfig.threadCnt = 0
        settings.uaConfig.mainThreadOnly = True
        settings.uaConfig.userAgent = "pjsua 2.15.1"
        settings.medConfig.noVad = True
        settings.medConfig.clockRate = 8000
        settings.logConfig.level = 4
        settings.logConfig.consoleLevel = 0
        settings.logConfig.filename = str(folder / "log")
        self.endpoint.libInit(settings)
        transport = pj.TransportConfig()
        transport.boundAddress, transport.port = address, port
        self.endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        self.endpoint.libStart()
        self.endpoint.audDevManager().setNullDev()
        self.says = pj.AudioMediaPlayer()
        self.says.createPlayer(str(folder / "says.wav"))
        self.hears = pj.AudioMediaRecorder()
        self.hears.createRecorder(str(folder / "hears.wav"))
        self.tones = pj.ToneGenerator()
        self.tones.createToneGenerator(8000, 1)
        self.account: Account | None = None
        self.server = ""

    def look(self) -> None:
        """Resume its tone after keys that were sent as tones."""
        if time.monotonic() >= self.says_again:
            self.says_again = math.inf
            for sound in self.sounds:
                self.says.startTransmit(sound)

    def leave(self) -> None:
        """Unregister."""
        if self.account is not None:
            self.account.setRegistration(False)
            for _ in range(50):
                self.endpoint.libHandleEvents(20)

    def do(self, command: str, arguments: dict[str, Any]) -> None:
        getattr(self, f"do_{command}")(**arguments)

    def do_register(self, user: str, password: str, server: str, authorities: str = "") -> None:
        """Register; over TLS and with SRTP if there is a file of authorities for the server's certificate."""
        self.server = f"{server};transport=tls" if authorities else server
        server = self.server
        settings = pj.AccountConfig()
        if authorities:
            transport = pj.TransportConfig()
            transport.boundAddress = self.address
            transport.tlsConfig.CaListFile, transport.tlsConfig.verifyServer = authorities, True
            self.endpoint.transportCreate(pj.PJSIP_TRANSPORT_TLS, transport)
            settings.mediaConfig.srtpUse = pj.PJMEDIA_SRTP_MANDATORY
            settings.mediaConfig.srtpSecureSignaling = 1
        settings.idUri = f"sip:{user}@{server.partition(';')[0]}"
        settings.regConfig.registrarUri = f"sip:{server}"
        settings.regConfig.timeoutSec = 120
        settings.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", user, 0, password))
        settings.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
        self.account = Account(self)
        self.account.create(settings)

    def do_settings(self, events: bool, one_line: bool) -> None:
        self.events, self.one_line = events, one_line

    def do_dial(self, number: str) -> None:
        call = Call(self)
        call.makeCall(f"sip:{number}@{self.server}", pj.CallOpParam(True))
        self.calls[call.getId()] = call
        tell("dialled", call=call.getId())

    def do_answer(self, call: int) -> None:
        accept = pj.CallOpParam()
        accept.statusCode = 200
        self.calls[call].answer(accept)

    def do_refuse(self, call: int, status: int) -> None:
        refuse = pj.CallOpParam()
        refuse.statusCode = status
        self.calls[call].hangup(refuse)

    def do_hangup(self, call: int) -> None:
        self.calls[call].hangup(pj.CallOpParam())

    def do_hold(self, call: int) -> None:
        self.calls[call].setHold(pj.CallOpParam())

    def do_resume(self, call: int) -> None:
        resume = pj.CallOpParam(True)
        resume.opt.flag = pj.PJSUA_CALL_UNHOLD
        self.calls[call].reinvite(resume)

    def do_transfer(self, call: int, number: str) -> None:
        self.calls[call].xfer(f"sip:{number}@{self.server}", pj.CallOpParam())

    def do_transfer_to(self, call: int, other: int) -> None:
        self.calls[call].xferReplaces(self.calls[other], pj.CallOpParam())

    def do_digits(self, call: int, keys: str, how: str) -> None:
        if how == "in-band":
            keys_of = pj.ToneDigitVector()
            for key in keys:
                digit = pj.ToneDigit()
                digit.digit, digit.on_msec, digit.off_msec = key, 120, 120
                keys_of.append(digit)
            # Only the tones: with another one beside them a listener would not recognise a key.
            for sound in self.sounds:
                self.says.stopTransmit(sound)
            self.tones.stop()
            self.tones.playDigits(keys_of)
            self.says_again = time.monotonic() + 0.3 * len(keys)
            return
        press = pj.CallSendDtmfParam()
        press.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if how == "info" else pj.PJSUA_DTMF_METHOD_RFC2833
        press.digits = keys
        self.calls[call].sendDtmf(press)


class Account(pj.Account):  # type: ignore[misc]  # pjsua2 has no types
    def __init__(self, phone: Telephone) -> None:
        super().__init__()
        self.phone = phone

    def onRegState(self, prm: Any) -> None:  # noqa: N802 - pjsua's name
        tell("registered", status=prm.code)

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802 - pjsua's name
        call = Call(self.phone, prm.callId)
        self.phone.calls[prm.callId] = call
        accept = pj.CallOpParam()
        if self.phone.one_line and len(self.phone.calls) > 1:
            accept.statusCode = 486
            call.hangup(accept)
            return
        accept.statusCode = 180
        call.answer(accept)
        tell("rings", call=prm.callId, display=call.getInfo().remoteUri)

    def onInstantMessage(self, prm: Any) -> None:  # noqa: N802 - pjsua's name
        tell("message", text=prm.msgBody)


class Call(pj.Call):  # type: ignore[misc]
    def __init__(self, phone: Telephone, identity: int = -1) -> None:
        assert phone.account is not None
        super().__init__(phone.account, identity)
        self.phone = phone

    def onCallState(self, prm: Any) -> None:  # noqa: N802 - pjsua's name
        info = self.getInfo()
        tell("state", call=info.id, state=info.stateText, status=info.lastStatusCode, reason=info.lastReason)
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.phone.calls.pop(info.id, None)

    def onCallMediaState(self, prm: Any) -> None:  # noqa: N802 - pjsua's name
        info = self.getInfo()  # kept: its media go with it
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                sound = self.getAudioMedia(index)
                self.phone.says.startTransmit(sound)
                self.phone.tones.startTransmit(sound)
                sound.startTransmit(self.phone.hears)
                self.phone.sounds = [sound]
                tell("sound", call=self.getId())

    def onCallSdpCreated(self, prm: Any) -> None:  # noqa: N802 - pjsua's name
        if not self.phone.events:
            sdp = prm.sdp.wholeSdp
            for item in re.findall(r"a=rtpmap:(\d+) telephone-event/", sdp):
                sdp = re.sub(rf"a=(?:rtpmap|fmtp):{item} [^\r\n]*\r\n", "", sdp)
                sdp = re.sub(rf"(m=audio [^\r\n]*?) {item}(?=[ \r])", r"\1", sdp)
            prm.sdp.wholeSdp = sdp

    def onCallTransferStatus(self, prm: Any) -> None:  # noqa: N802 - pjsua's name
        tell("transfer", call=self.getId(), status=prm.statusCode, final=prm.finalNotify)


def main() -> None:
    phone = Telephone(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    tell("started")
    unread = b""
    while True:
        phone.endpoint.libHandleEvents(20)
        phone.look()
        while select.select([0], [], [], 0)[0]:
            read = os.read(0, 65536)
            if not read:
                phone.leave()
                return
            unread += read
        *lines, unread = unread.split(b"\n")
        for line in lines:
            asked = json.loads(line)
            try:
                phone.do(asked.pop("command"), asked)
            except Exception as error:  # any failure is reported to the test
                tell("error", text=str(error))


if __name__ == "__main__":
    main()
    os._exit(0)  # pjsua's own shutdown needs its objects destroyed in a particular order
