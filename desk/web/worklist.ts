/**
 * The list of work. While its dialog is open it is read again every few seconds; elements are changed rather than
 * replaced, so that a message goes on playing. An incoming call closes the dialog: what was taken stays taken.
 */

import { htmx } from "./htmx";
import { patch } from "./live";

const EVERY_MS = 8_000;
const CONTROLS = "audio, button";

const dialog = document.querySelector<HTMLDialogElement>("#worklist");

function refresh(): void {
  if (dialog?.open && document.getElementById("work")) void htmx.ajax("get", "/worklist", { source: "#work", target: "#work" });
}

/** Bring the list up to date, and leave the focus where the person works: in the same row, else in the next one. */
function show(html: string, asked: Element): void {
  const rows = [...document.querySelectorAll("#work .todo-row")];
  const row = asked.closest(".todo-row");
  const after = row ? rows.slice(rows.indexOf(row)).map(({ id }) => id) : [];
  const wasFree = row !== null && row.querySelector("audio") === null;
  patch(html);
  if (!row) return;
  const next = after.map((id) => document.querySelector<HTMLElement>(`#${id} :is(${CONTROLS})`)).find((found) => found);
  (next ?? dialog?.querySelector<HTMLElement>("[data-closes]"))?.focus();
  const sound = document.querySelector<HTMLAudioElement>(`#${row.id} audio`);
  if (sound && wasFree) void sound.play().catch(() => undefined); // a click on it plays it as well
}

if (dialog) {
  setInterval(refresh, EVERY_MS);
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target, shouldSwap, serverResponse, requestConfig } = (event as CustomEvent).detail;
    if (!shouldSwap || target?.id !== "work") return;
    (event as CustomEvent).detail.shouldSwap = false;
    show(serverResponse as string, requestConfig.elt as Element);
  });
  dialog.addEventListener("htmx:responseError", refresh); // somebody else was faster: show it
  dialog.addEventListener("close", () => {
    for (const sound of dialog.querySelectorAll("audio")) sound.pause();
  });
  document.addEventListener("hatif:patched", (event) => {
    const call = event.target as HTMLElement;
    if (call.id === "call" && call.dataset.phase === "offered") dialog.close();
  });
}
