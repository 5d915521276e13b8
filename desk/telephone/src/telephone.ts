/**
 * The operator's telephone in the page. It lives in `#telephone`, which the page never replaces.
 *
 * It reports by `hatif:telephone` events and does what `hatif:start-shift`, `hatif:answer`, `hatif:hangup`, `hatif:mute`
 * and `hatif:key` ask for. Data of `#telephone`: `operator`; `credential-url`, where the password is asked for;
 * `ws-url`, or `port` on the page's own host; `csrf-header`; `texts`;
 * `on-shift`, if the operator is on shift: then the browser's telephone goes on in whatever tab is opened.
 */

import { credential, CredentialRefused } from "./credential";
import { DeviceProblem, Devices, sentence } from "./devices";
import { Phone } from "./phone";
import { place, show, type Report } from "./report";
import { Ringer } from "./ringer";
import { fill } from "./settings";
import { Tabs } from "./tabs";
import { text } from "./texts";

/** Of this tab, and of the browser: that the telephone was started here. */
const ON = "hatif-telephone-on";
const ON_HERE = `${ON}-${place.dataset.operator}`;
const LEVEL_MS = 100;
const AGAIN_MS = 2_000;

const devices = new Devices();
const ringer = new Ringer(devices, blocked);
const phone = new Phone(devices, address(), blocked);
const tabs = new Tabs(`hatif-telephone-${place.dataset.operator}`);

let takes = false; // the next password is asked for even if another computer has the telephone
let notification: Notification | null = null;
let isBlocked = false; // the browser lets nothing sound before the next click

function address(): string {
  if (place.dataset.wsUrl) return place.dataset.wsUrl;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.hostname}:${place.dataset.port}/ws`;
}

function report(report: Report): void {
  if (isBlocked && report.problem === null) report = { ...report, problem: text("sound_blocked") };
  show(report);
  tabs.report(report);
}

function blocked(is: boolean): void {
  isBlocked = is;
  const problem = is ? text("sound_blocked") : null;
  if (tabs.isLeading) report({ problem });
  else show({ problem });
}

/** Ring once, ask for notifications and the microphone, and register: in a click, so that the browser allows sound. */
async function startShift(): Promise<void> {
  await ringer.once();
  if ("Notification" in window && Notification.permission === "default") void Notification.requestPermission();
  try {
    await devices.open();
  } catch (error) {
    if (error instanceof DeviceProblem) show({ problem: sentence(error.why) });
    return;
  }
  await fill(devices, { ring: () => void ringer.once(), sound: () => phone.testSound() });
  sessionStorage.setItem(ON, "on");
  localStorage.setItem(ON_HERE, "on");
  if (tabs.isLeading) await connect();
  else tabs.join();
}

/** Register with the password of this sign-in; try again while the desk does not answer. */
async function connect(): Promise<void> {
  report({ state: "connecting", problem: null });
  try {
    phone.start(await credential(takes));
    takes = false;
  } catch (error) {
    if (!(error instanceof CredentialRefused)) throw error;
    report({ state: error.why === "network" ? "lost" : "off", problem: text(error.why) });
    takes = error.why === "elsewhere"; // the operator knows now, and asks by starting again
    if (error.why === "network") setTimeout(() => void connect(), AGAIN_MS);
  }
}

async function lead(): Promise<void> {
  if (!devices.microphone) {
    try {
      await devices.open();
      await fill(devices, { ring: () => void ringer.once(), sound: () => phone.testSound() });
    } catch (error) {
      report({ problem: sentence(error instanceof DeviceProblem ? error.why : "microphone_missing") });
    }
  }
  await connect();
}

function ringing(rings: boolean): void {
  notification?.close();
  notification = null;
  if (!rings) {
    ringer.stop();
    return;
  }
  void ringer.start();
  if (document.hidden && "Notification" in window && Notification.permission === "granted") {
    notification = new Notification(text("incoming"), { requireInteraction: true });
    notification.onclick = () => window.focus();
  }
}

function act(what: string, detail: unknown): void {
  if (what === "answer") phone.answer();
  else if (what === "hangup") phone.hangUp();
  else if (what === "mute") phone.mute();
  else if (what === "key") phone.key(String((detail as { key?: unknown }).key));
  else if (what === "test-sound") phone.testSound();
}

phone.report = report;
phone.rings = ringing;
let refusedAt = -Infinity;
phone.refused = () => {
  // A new password is refused only if something is wrong with the line.
  if (performance.now() - refusedAt < 1_000) report({ state: "lost", problem: text("refused") });
  else void connect();
  refusedAt = performance.now();
};
phone.locked = () => void renew();

/** Ask for another ticket. While the desk is away the telephone tries again with the one that it has. */
async function renew(): Promise<void> {
  try {
    phone.start(await credential(false));
  } catch (error) {
    if (!(error instanceof CredentialRefused)) throw error;
    if (error.why === "network" || phone.isBusy) return;
    phone.stop();
    report({ state: "off", problem: text(error.why) });
    takes = error.why === "elsewhere";
  }
}
devices.problem = (why) => report({ problem: sentence(why) });
tabs.reported = show;
tabs.asked = act;
tabs.lead = () => void lead();

place.addEventListener("hatif:start-shift", () => void startShift());
for (const what of ["answer", "hangup", "mute", "key", "test-sound"]) {
  place.addEventListener(`hatif:${what}`, (event) => {
    const { detail } = event as CustomEvent;
    if (tabs.isLeading) act(what, detail);
    else tabs.ask(what, detail);
  });
}
setInterval(() => {
  if (tabs.isLeading && devices.microphone && !document.hidden) show({ level: devices.level() });
}, LEVEL_MS);

show({ state: "off", call: "none" });
if (place.dataset.onShift === undefined) localStorage.removeItem(ON_HERE); // a new shift begins with a click
if (sessionStorage.getItem(ON) || localStorage.getItem(ON_HERE)) tabs.join();
