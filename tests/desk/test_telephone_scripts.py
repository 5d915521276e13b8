"""The browser telephone's own scripts, in Node: what no call on an undisturbed machine shows."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from desk import bundle

_ROUTE = """
const looks = %s;
let tick, lost = null, at = -1;
globalThis.window = { setInterval: (look) => ((tick = look), 1) };
globalThis.clearInterval = () => {};
const rows = ({ sound, pairs }) => [
  { type: "inbound-rtp", packetsReceived: sound },
  ...pairs.map(([requestsSent, responsesReceived]) => ({ type: "candidate-pair", requestsSent, responsesReceived })),
];
const route = new Route(() => (lost = at));
route.watch({ getStats: async () => new Map(rows(looks[at]).entries()) });
for (at = 0; at < looks.length && lost === null; at++) {
  tick();
  await new Promise(setImmediate);
}
console.log(JSON.stringify(lost));
"""

_RINGER = """
let ready, sounds = false;
globalThis.document = { addEventListener: () => {} };
globalThis.Audio = class {
  async play() { sounds = true; }
  pause() { sounds = false; }
};
const devices = { route: () => new Promise((resolve) => (ready = resolve)) };
const ringer = new Ringer(devices, () => {});
const starting = ringer.start();
if (%s) ringer.stop();
ready();
await starting;
console.log(JSON.stringify(sounds));
"""


def run(script: str, driver: str) -> Any:
    """Run a script of the telephone with a driver after it; return what it prints, from JSON."""
    if not bundle.is_current():
        bundle.bundle()
    node, packages = bundle._node(), bundle.FOLDER / "node_modules"
    source: Path = bundle.FOLDER / "telephone" / "src" / script
    esbuild = (node, packages / "esbuild" / "bin" / "esbuild", source, "--bundle", "--format=esm", "--target=es2022")
    text = subprocess.run(esbuild, check=True, capture_output=True, text=True).stdout
    node_runs = (node, "--input-type=module", "--eval", text + driver)
    return json.loads(subprocess.run(node_runs, check=True, capture_output=True, text=True, timeout=20).stdout)


def look(sound: int, *pairs: tuple[int, int]) -> dict[str, object]:
    """A look at a connection: packets that came, and of each pair of addresses, requests sent and answered."""
    return {"sound": sound, "pairs": pairs}


@pytest.mark.parametrize(
    ("looks", "lost"),
    [
        pytest.param([look(9, (count, 5)) for count in (5, 6, 7, 7, 7, 7)], 5, id="nothing comes"),
        pytest.param([look(9, (5, 5)), look(9, (6, 5)), look(9, (7, 5)), look(9, (7, 6))] * 2, None, id="packet lost"),
        pytest.param([look(9, (count, 5)) for count in (5, 9, 14, 19)] + [look(9, (24, 6))], None, id="a long way"),
        pytest.param([look(count, (count, 5)) for count in range(9, 15)], None, id="sound comes"),
        pytest.param([look(9, (5, 5), (count, 0)) for count in range(9)], None, id="dead network"),
        pytest.param(
            [look(9, (5, 5), (3, 0)), *[look(9, (count, 0)) for count in (3, 5, 5, 5, 5)]], 5, id="address gone"
        ),
        pytest.param([look(0, (count, 0)) for count in range(9)], None, id="nothing came yet"),
    ],
)
def test_the_audio_of_a_call_is_lost_only_once_asterisk_does_not_answer_and_nothing_is_heard(
    looks: list[dict[str, object]], lost: int | None
) -> None:
    assert run("route.ts", _ROUTE % json.dumps(looks)) == lost


@pytest.mark.parametrize("stops", [False, True])
def test_a_call_that_ends_before_the_ringing_device_is_ready_does_not_ring_on(stops: bool) -> None:
    assert run("ringer.ts", _RINGER % json.dumps(stops)) is not stops
