/**
 * Requests for help ring on the supervisors' page: twice for each new one, and again every half minute while any is open.
 * `#help` names them in `data-rings`.
 */

const AGAIN_MS = 30_000;
const NOTES: [number, number][] = [[660, 0], [880, 0.18], [660, 0.5], [880, 0.68]]; // Hz, from when on in seconds
const LASTS_S = 0.16;

let context: AudioContext | undefined;
let known = new Set<string>();
let rangAt = 0;

/** Browsers allow sound once somebody has clicked or typed. */
for (const what of ["click", "keydown"]) document.addEventListener(what, () => void (context ??= new AudioContext()).resume(), true);

function ring(): void {
  rangAt = Date.now();
  document.body.dataset.rang = String(Number(document.body.dataset.rang ?? 0) + 1);
  context ??= new AudioContext();
  void context.resume();
  for (const [hz, from] of NOTES) {
    const tone = new OscillatorNode(context, { frequency: hz });
    const level = new GainNode(context, { gain: 0.25 });
    tone.connect(level).connect(context.destination);
    tone.start(context.currentTime + from);
    tone.stop(context.currentTime + from + LASTS_S);
  }
}

function look(): void {
  const asked = new Set((document.getElementById("help")?.dataset.rings ?? "").split(" ").filter(Boolean));
  const isNew = [...asked].some((request) => !known.has(request));
  known = asked;
  if (isNew || (asked.size && Date.now() - rangAt >= AGAIN_MS)) ring();
}

if (document.getElementById("help")) {
  look();
  document.addEventListener("hatif:patched", look);
  setInterval(look, 1_000);
}

export {};
