"""The example site with values that suit tests."""

import re
import shutil
from pathlib import Path

from ivr.home.settings import EXAMPLE

OTHER_CARRIER = "127.0.0.9"
"""A carrier whose `trust_identity` is false."""

# Values that suit tests: those of the example site are for people, and too slow.
QUICK = (
    ("site.toml", r"^ring_s = \d+", "ring_s = 6"),  # longer than a restart takes beside other lines
    ("site.toml", r"^wrap_up_s = \d+", "wrap_up_s = 1"),
    ("site.toml", r"^whisper = true", "whisper = false"),  # an operator who answers is in the bridge at once
    ("site.toml", r'"08:00-20:00"', '"00:00-24:00"'),
    ("site.toml", r"^\[desk\]\nenabled = true", "[desk]\nenabled = false"),  # its tests switch it on
    ("site.toml", r"^\[monitoring\]\n", "[monitoring]\nenabled = false\n"),  # its tests run it themselves
    ("site.toml", r"^probe_s = \d+", "probe_s = 0"),  # a test counts the channels that it leaves behind
    # Call-back requests that a test leaves behind must not ring the operators of the next one.
    ("site.toml", r'^trunk = "example".*\n', ""),
    ("site.toml", r"^holidays = .*\n", ""),  # tests run on holidays too
    ("flow.yaml", r"^silence_s: \S+", "silence_s: 2"),  # prompts are short: a key may be late beside other lines
    ("site.toml", r'^codecs = \["alaw", "ulaw"\]', 'codecs = ["alaw", "ulaw", "g722"]'),  # as a telephone offers
    # A second carrier, whose caller identities are not trusted.
    (
        "site.toml",
        r"^# One number for",
        f'[[carrier]]\nname = "other"\nhosts = ["{OTHER_CARRIER}"]\n\n# One number for',
    ),
    ("site.toml", r"^free_gb = .*\n", "free_gb = 0\n"),  # a test fills the disk under a recording
    # The order of callers must not depend on the machine's load: on a slow one a caller may be late, and be passed.
    ("site.toml", r"^\[routing\]\n", "[routing]\npassing = 0\n"),
)


def make(folder: Path) -> None:
    """Copy the example site to `folder`, which does not exist yet, with these values."""
    shutil.copytree(EXAMPLE, folder)
    for name, pattern, text in QUICK:
        path = folder / name
        changed, count = re.subn(pattern, text, path.read_text(), flags=re.MULTILINE)
        assert count, f"{name} has no {pattern}"
        path.write_text(changed)
    (folder / "roster.csv").unlink()  # routing must not depend on the hour at which tests run
