"""Prompts reach a caller as they are on the disk: nothing is transcoded, in A-law, µ-law and wide-band."""

import asyncio
import json
import urllib.parse

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]
from asked import DIRECT
from line import FRENCH_NUMBER, Line

from ivr.home import credentials
from ivr.softphone.codecs import Codec
from ivr.softphone.sound import RATE
from ivr.softphone.telephone import Call, Telephones
from prompts import g722, manifest

CODECS: tuple[Codec, ...] = ("alaw", "ulaw", "g722")
CALLERS = {codec: f"+3361200020{number}" for number, codec in enumerate(CODECS)}
"""A number for each call: the line remembers a caller's language."""


def formats(line: Line, codec: Codec) -> tuple[str, str]:
    """Return of a call's channel the format that its telephone takes, and the one that Asterisk plays into it."""
    (channel,) = (item for item in line.ari("GET", "/channels") if item["caller"]["number"] == CALLERS[codec])
    secrets = credentials.load(line.home, ())

    def variable(name: str) -> str:
        asked = {"variable": f"CHANNEL({name})", "api_key": f"{secrets.ari_user}:{secrets.ari_password}"}
        url = f"http://127.0.0.1:{8088 + line.offset}/ari/channels/{channel['id']}/variable"
        with DIRECT.open(f"{url}?{urllib.parse.urlencode(asked)}", timeout=5) as answer:
            return str(json.load(answer)["value"])

    return variable("audionativeformat").strip("()"), variable("audiowriteformat")


async def dialled(line: Line, telephones: Telephones, codec: Codec) -> Call:
    caller = telephones.caller(CALLERS[codec], codec=codec)
    call = await caller.dial(f"sip:{FRENCH_NUMBER}@{line.sip}")
    await call.established()
    return call


async def test_prompts_are_played_in_the_codec_of_the_call_and_transcoding_would_be_seen(
    line: Line, telephones: Telephones
) -> None:
    async def plays(codec: Codec) -> None:
        call = await dialled(line, telephones, codec)
        options = asyncio.create_task(call.hears(heard(line, "language_option", codec)))
        while not options.done():
            assert formats(line, codec) == (codec, codec)
            await asyncio.sleep(0.2)
        await options
        await call.press("2")
        await call.hears(heard(line, "main_file", codec)[: RATE // 2])
        assert formats(line, codec) == (codec, codec)
        await call.press("0")
        # The waiting music is a WAV file: the same look sees that it is transcoded.
        await line.until(lambda: formats(line, codec)[1].startswith("slin"), 10, "music is played")
        await call.hangup()

    async with asyncio.TaskGroup() as calls:
        for codec in CODECS:
            calls.create_task(plays(codec))


def heard(line: Line, prompt: str, codec: Codec) -> npt.NDArray[np.int16]:
    """Return the content of the file of that format, at the telephone's rate."""
    if codec != "g722":
        return line.audio("fr", prompt)
    file = manifest.load(line.home / "sounds" / manifest.FILE).file("fr", prompt)
    assert file is not None
    path = next(path for path in manifest.paths(line.home / "sounds", file) if path.suffix == ".g722")
    samples = np.frombuffer(g722.decode(path.read_bytes()), np.int16)
    return np.asarray(soxr.resample(samples, g722.RATE, RATE), np.int16)[round(manifest.G722_LEAD_S * RATE) :]
