/**
 * The page *Try the line*: it calls the site's numbers, presses keys, and shows in the flow's picture where the call is.
 *
 * Its telephone does not register: nobody calls it. The password comes from the desk before each call. Where the call is
 * comes from the line's own events, so that the picture shows what really happens and not what the page believes.
 */

import { UA } from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";

import { contact, SipSocket } from "./socket";
import { Sound } from "./sound";

interface Credential {
  endpoint: string;
  user: string;
  password: string;
  ticket: string;
}

/** Where the line says that the call is. */
interface Place {
  id: string;
  node: string;
  language: string;
  state: string;
}

const DOMAIN = "hatif";
const GATHER_MS = 100;
const PEER: RTCConfiguration = { iceServers: [], bundlePolicy: "max-bundle", rtcpMuxPolicy: "require" };

const page = document.getElementById("try") as HTMLElement;
const picture = document.getElementById("try-picture") as HTMLElement;
const texts = JSON.parse(page.dataset.texts ?? "{}") as Record<string, string>;
const button = (id: string) => document.getElementById(id) as HTMLButtonElement;
const keys = [...page.querySelectorAll<HTMLButtonElement>("[data-digit]")];
const says = document.getElementById("try-says") as HTMLElement;
const problem = document.getElementById("try-problem") as HTMLElement;

const sound = new Sound(new Audio());
sound.blocked = (is) => (problem.textContent = is ? texts.sound_blocked : "");

let agent: UA | null = null;
let session: RTCSession | null = null;
let microphone: MediaStream | null = null;
let attempts = 0; // calls that were begun or hung up: one that is hung up while it begins is not made
let drawn = ""; // the language of the picture
let seen: Place | null = null;

function phase(name: "idle" | "connecting" | "calling" | "talking" | "ended", sentence: string = name): void {
  page.dataset.phase = name;
  says.textContent = texts[sentence];
  const isUp = name === "connecting" || name === "calling" || name === "talking";
  button("try-call").disabled = isUp;
  button("try-end").disabled = !isUp;
  for (const key of keys) key.disabled = name !== "talking";
}

function post(url: string, options: RequestInit = {}): Promise<Response> {
  const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
  return fetch(url, { method: "POST", headers: { "X-CSRF-Token": token }, ...options });
}

function address(): string {
  if (page.dataset.wsUrl) return page.dataset.wsUrl;
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.hostname}:${page.dataset.port}/ws`;
}

// The call

async function call(): Promise<void> {
  phase("connecting");
  problem.textContent = "";
  forgetPath();
  const attempt = (attempts += 1);
  const credential = await password();
  if (attempt !== attempts) return;
  if (typeof credential === "string") {
    phase("idle", credential);
    return;
  }
  const stream = await voice();
  if (attempt !== attempts) {
    stop(stream);
    return;
  }
  microphone = stream;
  const socket = new SipSocket(address(), Infinity);
  socket.ticket = credential.ticket;
  const made = new UA({
    sockets: socket,
    uri: `sip:${credential.endpoint}@${DOMAIN}`,
    contact_uri: contact(credential.endpoint),
    authorization_user: credential.user,
    password: credential.password,
    register: false,
    session_timers: false,
  });
  agent = made;
  // The last call's telephone may say only now that it is disconnected.
  made.on("connected", () => {
    if (agent === made && !session) dial();
  });
  made.on("disconnected", () => {
    if (agent === made && !session) over("network");
  });
  made.start();
}

/** Return the password for the next call, or the name of the sentence that says why there is none. */
async function password(): Promise<Credential | string> {
  let answer: Response;
  try {
    answer = await post("/try/telephone", { signal: AbortSignal.timeout(5_000) });
  } catch {
    return "network";
  }
  if (answer.ok) return (await answer.json()) as Credential;
  const { code } = (await answer.json().catch(() => ({}))) as { code?: string };
  const signedOut = answer.status === 401 || answer.status === 403;
  return signedOut ? "signed_out" : code === "all_in_use" ? code : "network";
}

/** Return the microphone, or silence where there is none: the line can be heard nevertheless. */
async function voice(): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    problem.textContent = texts.silent;
    return new AudioContext().createMediaStreamDestination().stream;
  }
}

function dial(): void {
  if (!agent || !microphone) return;
  phase("calling");
  const number = (document.getElementById("try-number") as HTMLSelectElement).value;
  let timer: number | undefined;
  session = agent.call(`sip:${number}@${DOMAIN}`, {
    mediaStream: microphone,
    pcConfig: PEER,
    eventHandlers: {
      peerconnection: ({ peerconnection }: { peerconnection: RTCPeerConnection }) => {
        peerconnection.addEventListener("track", ({ track }) => {
          sound.element.srcObject = new MediaStream([track]);
          void sound.play();
        });
        peerconnection.addEventListener("connectionstatechange", talks);
      },
      icecandidate: ({ ready }: { ready: () => void }) => {
        timer ??= window.setTimeout(ready, GATHER_MS);
      },
      confirmed: talks,
      ended: () => over("ended"),
      failed: ({ message }) =>
        over(message && "status_code" in message && [486, 503].includes(message.status_code) ? "busy" : "failed"),
    },
  });
}

/** Let keys be pressed once they reach the line: a call is accepted some time before its audio has a way. */
function talks(): void {
  const { connection } = session ?? {};
  if (session?.isEstablished() && connection?.connectionState === "connected") phase("talking");
}

function over(sentence: string): void {
  const former = agent;
  session = agent = null;
  attempts += 1;
  former?.stop();
  stop(microphone);
  sound.stop();
  sound.element.srcObject = microphone = null;
  phase("ended", sentence);
}

function stop(stream: MediaStream | null): void {
  stream?.getTracks().forEach((track) => track.stop());
}

function hangUp(): void {
  if (session && !session.isEnded()) session.terminate();
  else over("ended");
}

function press(digit: string): void {
  if (session?.isEstablished()) {
    session.sendDTMF(digit, { transportType: "RFC2833" as never, duration: 160, interToneGap: 80 });
  }
}

// Where it is

/** Take what the desk sends: all tabs of a browser share one stream (`desk/web/live.ts`). */
function follow(): void {
  document.addEventListener("hatif:live", (news) => {
    const { event, text } = (news as CustomEvent<{ event: string; text: string }>).detail;
    if (event === "call") show(JSON.parse(text) as Place | null);
    if (event === "training") showTraining(JSON.parse(text) as Training | null);
  });
  document.dispatchEvent(new CustomEvent("hatif:listens"));
}

/** How far an operator's training is. */
interface Training {
  stage: "none" | "calling" | "ringing" | "talking" | "paused";
}

function showTraining(training: Training | null): void {
  const part = document.getElementById("try-training") as HTMLDetailsElement | null;
  if (!part || !training) return;
  const { stage } = training;
  part.dataset.stage = stage;
  if (stage !== "none") part.open = true;
  const isUp = stage !== "none" && stage !== "paused";
  button("try-training-begin").disabled = isUp;
  button("try-training-end").disabled = !isUp;
  button("try-training-ready").hidden = stage !== "paused";
  (document.getElementById("try-training-says") as HTMLElement).textContent = texts[`training_${stage}`];
}

function show(place: Place | null): void {
  const facts = document.getElementById("try-facts") as HTMLElement;
  if (!place) {
    seen = null;
    return;
  }
  facts.hidden = false;
  if (seen?.id !== place.id) {
    forgetPath();
    (document.getElementById("try-clock") as HTMLElement).dataset.since = String(Date.now() / 1000);
  }
  seen = place;
  page.dataset.node = place.node;
  (document.getElementById("try-node") as HTMLElement).textContent = place.node;
  const names = new Intl.DisplayNames([document.documentElement.lang], { type: "language" });
  (document.getElementById("try-language") as HTMLElement).textContent = names.of(place.language) ?? place.language;
  path.add(place.node);
  light();
  if (place.language !== drawn) void draw(place.language);
}

const path = new Set<string>();

function forgetPath(): void {
  path.clear();
  seen = null;
  light();
}

/** Light up the node where the call is; those where it was keep a mark. */
function light(): void {
  picture.classList.toggle("has-call", seen !== null);
  for (const node of picture.querySelectorAll<SVGGElement>('[id^="node-"]')) {
    const name = node.id.slice("node-".length);
    node.classList.toggle("was-here", path.has(name));
    const isHere = seen?.node === name;
    if (isHere && !node.classList.contains("is-here")) {
      node.scrollIntoView({ block: "center", inline: "center", behavior: "smooth" });
    }
    node.classList.toggle("is-here", isHere);
  }
}

async function draw(language: string): Promise<void> {
  drawn = language;
  try {
    const answer = await fetch(`/try/picture?language=${language}`);
    if (!answer.ok) throw new Error(answer.statusText);
    const document = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
    if (drawn !== language) return;
    picture.replaceChildren(document.documentElement);
  } catch {
    drawn = ""; // asked for again with the next place
  }
  light();
}

button("try-call").addEventListener("click", () => void call());
button("try-end").addEventListener("click", hangUp);
for (const key of keys) key.addEventListener("click", () => press(key.dataset.digit ?? ""));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement) return;
  if (page.dataset.phase === "talking" && /^[0-9*#]$/.test(event.key)) press(event.key);
});
addEventListener("pagehide", () => {
  if (session && !session.isEnded()) session.terminate();
  void post("/try/leave", { keepalive: true });
});

void draw(page.dataset.language ?? "en");
follow();
phase("idle");
