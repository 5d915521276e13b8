/**
 * What changes on the page by itself. The desk sends elements; each takes the place of the one with its id.
 *
 * All tabs of a browser share one stream, since a browser has six connections for a host: the tab with the lock reads
 * it and passes everything on, and when it closes, the next one goes on. A new stream begins with everything.
 */

import { Idiomorph } from "idiomorph";

import { setNow, tick } from "./clocks";
import { htmx } from "./htmx";

const SILENCE_MS = 8_000; // the desk says something every 3 s
const PATIENCE_MS = 3_000; // until the page says that the connection is lost
const RETRY_MS = [250, 500, 1_000, 2_000, 4_000];

interface Message {
  kind: "patch" | "now" | "link" | "hello" | "signed-out" | "other";
  text?: string;
  event?: string; // the name of one that is for the page's own script
}

const others = new Map<string, string>(); // the last of each
document.addEventListener("hatif:listens", () => others.forEach((text, event) => tell(event, text)));

/** Follow a stream for as long as the page is open. */
export function follow(url: string): void {
  const name = `hatif-live:${url}`;
  const channel = new BroadcastChannel(name);
  const latest = new Map<string, string>(); // of the reading tab: each element's last state, for tabs that join
  let reads = false;

  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.kind !== "hello") act(data);
    else if (reads) {
      for (const text of latest.values()) channel.postMessage({ kind: "patch", text });
      for (const [event, text] of others) channel.postMessage({ kind: "other", event, text });
    }
  };
  channel.postMessage({ kind: "hello" });
  hear();
  addEventListener("offline", () => showLink("lost")); // the stream may take long to notice

  const share = (message: Message) => {
    act(message);
    channel.postMessage(message);
  };

  void navigator.locks.request(name, async () => {
    reads = true;
    for (let failures = 0; ; failures += 1) {
      try {
        const [status, event] = await read(url, (event, text) => {
          failures = 0;
          share({ kind: "link", text: "live" });
          if (event === "heartbeat") return;
          if (event === "now") return share({ kind: "now", text });
          if (event !== "patch") return share({ kind: "other", event, text });
          for (const [id, html] of elements(text)) latest.set(id, html);
          share({ kind: "patch", text });
        });
        if (status === 410) location.reload(); // the link of this screen has been withdrawn
        if (status === 401) {
          share({ kind: "signed-out", event });
          await new Promise((resolve) => document.addEventListener("hatif:signed-in", resolve, { once: true }));
          failures = -1;
          continue;
        }
      } catch {
        // The connection broke; what follows is the same as for one that ended.
      }
      share({ kind: "link", text: "lost" });
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]));
    }
  });
}

/** Give the page's own script what the desk has sent for it (`hatif:live`); one that comes late asks for it. */
function tell(event: string, text: string): void {
  others.set(event, text);
  document.dispatchEvent(new CustomEvent("hatif:live", { detail: { event, text } }));
}

function act({ kind, text, event }: Message): void {
  if (kind === "patch") patch(text ?? "");
  else if (kind === "now") setNow(Number(text));
  else if (kind === "link") showLink(text ?? "");
  else if (kind === "other") tell(event ?? "", text ?? "");
  else if (kind === "signed-out") document.dispatchEvent(new CustomEvent(event ?? "hatif:signed-out"));
}

let lost: number | undefined;
let silent: number | undefined;

function showLink(state: string): void {
  if (state === "live") {
    clearTimeout(lost);
    lost = undefined;
    delete document.body.dataset.lost;
    hear();
  } else if (lost === undefined) {
    lost = setTimeout(showLost, PATIENCE_MS);
  }
}

/** Count the silence of this tab from now on, whichever tab reads: that one may hang. */
function hear(): void {
  clearTimeout(silent);
  silent = setTimeout(showLost, SILENCE_MS);
}

function showLost(): void {
  document.body.dataset.lost = "";
}

/**
 * Read server-sent events until they end; return the status, and the event that a refusal asks for. Throws if nothing
 * comes for too long.
 */
async function read(url: string, take: (event: string, text: string) => void): Promise<[number, string | undefined]> {
  const abort = new AbortController();
  let watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
  try {
    const response = await fetch(url, { signal: abort.signal, headers: { accept: "text/event-stream" } });
    if (!response.ok || !response.body) return [response.status, response.headers.get("HX-Trigger") ?? undefined];
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return [response.status, undefined];
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const lines = block.split("\n");
        const event = lines.find((line) => line.startsWith("event: "))?.slice(7);
        if (lines.some((line) => line.startsWith(":"))) take("heartbeat", "");
        const text = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
        if (event) take(event, text.join("\n"));
      }
    }
  } finally {
    clearTimeout(watchdog);
  }
}

function parse(html: string): Element[] {
  const template = document.createElement("template");
  template.innerHTML = html;
  return [...template.content.children];
}

function elements(html: string): [string, string][] {
  return parse(html).map((element) => [element.id, element.outerHTML]);
}

/** Put elements in the place of those with their ids; an element that this page does not have is left out. */
export function patch(html: string): void {
  for (const next of parse(html)) {
    const present = next.id ? document.getElementById(next.id) : null;
    if (!present) continue;
    Idiomorph.morph(present, next, {
      morphStyle: "outerHTML",
      ignoreActiveValue: true,
      callbacks: {
        // What the page has loaded into an element by itself stays while the element is the same.
        beforeNodeMorphed: (element: Node, replacement: Node) =>
          !(element instanceof Element && element.hasAttribute("data-keep") && element.id === (replacement as Element).id),
        // Browser's own state: an open <details>, an open dialog, what the telephone has set.
        beforeAttributeUpdated: (name: string, element: Element) =>
          !(name === "open" || (name === "aria-pressed" && element.matches("[data-telephone]"))),
      },
    });
    const after = document.getElementById(next.id);
    if (!after) continue;
    htmx.process(after);
    announce(after);
    after.dispatchEvent(new CustomEvent("hatif:patched", { bubbles: true }));
  }
  tick();
}

/** Have screen readers say what an element announces, once for each new sentence. */
function announce(element: Element): void {
  const sentence = (element as HTMLElement).dataset.announce;
  const region = document.getElementById("announcements");
  if (sentence !== undefined && region && region.textContent !== sentence) region.textContent = sentence;
}
