"""How long and how loud the built audio is, and what silence it has at its ends, by voice.

`.venv/bin/python -m bench.loudness`, with `--json` for one document with every clip. Measures the files of the folder
of sounds as a caller's telephone plays them. The exit status is 1 if a figure is outside its limit.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from ivr.home import settings
from prompts import manifest, measure
from prompts.loudness_summary import Clip, Summary, summarise

Voice = tuple[str, str]
"""A language, and the source of its audio: a voice's name or "recording"."""


def summaries(sounds: Path) -> tuple[list[Summary], dict[Voice, list[Clip]]]:
    """Measure the audio in use; return the figures of each voice, and its clips.

    Raises:
        ManifestError: The folder has no manifest.
    """
    found: dict[Voice, list[Clip]] = defaultdict(list)
    for language, prompts in manifest.load(sounds / manifest.FILE).prompts.items():
        for prompt, audio in prompts.items():
            found[language, audio.source].append(Clip(prompt, audio.file, measure.measure(_file(sounds, audio.file))))
    return [summarise(*voice, clips, partial(_file, sounds)) for voice, clips in sorted(found.items())], found


def _file(sounds: Path, file: str) -> Path:
    return manifest.paths(sounds, file)[0]


def _show(summaries: Sequence[Summary]) -> None:
    table = Table(
        "", "voice", "clips", "min", "LUFS, 3 s and more", "shorter", "spread", "peak", "silence", box=MARKDOWN
    )
    for item in summaries:
        long = "" if item.long is None else f"{item.long[0]:.2f} to {item.long[1]:.2f}"
        short = "" if item.short_lufs is None else f"{item.short_lufs:.2f}"
        spread = "" if item.short_spread_db is None else f"{item.short_spread_db:.1f} dB"
        table.add_row(
            item.language, item.source, f"{item.clips}", f"{item.minutes}", long, short, spread,
            f"{item.peak_dbfs} dBFS", "{} s, {} s".format(*item.silence_s),
        )  # fmt: skip
    Console(width=120).print(table)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sounds", nargs="?", type=Path, help="a folder of sounds; default: that of HATIF_HOME")
    parser.add_argument("--json", action="store_true", help="one JSON document, with every clip")
    arguments = parser.parse_args()
    sounds = arguments.sounds or settings.read().sounds
    try:
        voices, found = summaries(sounds)
    except manifest.ManifestError as error:
        print(f"bench.loudness: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        clips = [{"language": voice[0], "source": voice[1], **asdict(clip)} for voice in found for clip in found[voice]]
        print(json.dumps({"voices": [asdict(item) for item in voices], "clips": clips}))
    else:
        _show(voices)
    faults = [fault for item in voices for fault in item.faults]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
