"""The browser telephone's own scripts, in Node: what no call on an undisturbed machine shows."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from desk import bundle

_ROUTE = """async (looks) => {
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
  return lost;
}"""
"""Returns at which look the route is lost."""

_RINGER = """async (stops) => {
  let ready, sounds = false;
  globalThis.document = { addEventListener: () => {} };
  globalThis.Audio = class {
    async play() { sounds = true; }
    pause() { sounds = false; }
  };
  const devices = { route: () => new Promise((resolve) => (ready = resolve)) };
  const ringer = new Ringer(devices, () => {});
  const starting = ringer.start();
  if (stops) ringer.stop();
  ready();
  await starting;
  return sounds;
}"""
"""Returns whether it rings."""

_EACH = """
const given = %s, driver = %s, found = {};
for (const name in given) found[name] = await driver(given[name]);
console.log(JSON.stringify(found));
"""


def run(script: str, driver: str, given: Mapping[str, object]) -> Any:
    """Call a driver, beside a script of the telephone, with each of what is given; return what it returns."""
    if not bundle.is_current():
        bundle.bundle()
    node, packages = bundle._node(), bundle.FOLDER / "node_modules"
    source: Path = bundle.FOLDER / "telephone" / "src" / script
    esbuild = (node, packages / "esbuild" / "bin" / "esbuild", source, "--bundle", "--format=esm", "--target=es2022")
    text = subprocess.run(esbuild, check=True, capture_output=True, text=True).stdout
    node_runs = (node, "--input-type=module", "--eval", text + _EACH % (json.dumps(given), driver))
    return json.loads(subprocess.run(node_runs, check=True, capture_output=True, text=True, timeout=20).stdout)


def look(sound: int, *pairs: tuple[int, int]) -> dict[str, object]:
    """A look at a connection: packets that came, and of each pair of addresses, requests sent and answered."""
    return {"sound": sound, "pairs": pairs}


def test_the_audio_of_a_call_is_lost_only_once_asterisk_does_not_answer_and_nothing_is_heard() -> None:
    cases: dict[str, tuple[list[dict[str, object]], int | None]] = {
        "nothing comes": ([look(9, (count, 5)) for count in (5, 6, 7, 7, 7, 7)], 5),
        "packet lost": ([look(9, (5, 5)), look(9, (6, 5)), look(9, (7, 5)), look(9, (7, 6))] * 2, None),
        "a long way": ([look(9, (count, 5)) for count in (5, 9, 14, 19)] + [look(9, (24, 6))], None),
        "sound comes": ([look(count, (count, 5)) for count in range(9, 15)], None),
        "dead network": ([look(9, (5, 5), (count, 0)) for count in range(9)], None),
        "address gone": ([look(9, (5, 5), (3, 0)), *[look(9, (count, 0)) for count in (3, 5, 5, 5, 5)]], 5),
        "nothing came yet": ([look(0, (count, 0)) for count in range(9)], None),
    }
    lost = run("route.ts", _ROUTE, {name: looks for name, (looks, _) in cases.items()})
    assert lost == {name: expected for name, (_, expected) in cases.items()}


def test_a_call_that_ends_before_the_ringing_device_is_ready_does_not_ring_on() -> None:
    assert run("ringer.ts", _RINGER, {"it goes on": False, "it ends": True}) == {"it goes on": True, "it ends": False}
