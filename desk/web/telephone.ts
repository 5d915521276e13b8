/**
 * The page's side of the browser telephone, whose own part is `desk/telephone`.
 *
 * The telephone lives in `#telephone`, which nothing ever replaces. It reports there with `hatif:telephone` events
 * (`detail`: `state`, `call`, `level`, `problem`), and does what `hatif:answer`, `hatif:hangup`, `hatif:mute`,
 * `hatif:key` and `hatif:start-shift` ask for; they are dispatched on it, and bubble. A button asks by
 * `data-telephone="answer"`.
 */

import { htmx } from "./htmx";

export interface TelephoneReport {
  state?: "off" | "connecting" | "registered" | "lost";
  call?: "none" | "ringing" | "answering" | "talking" | "ended";
  muted?: boolean;
  level?: number;
  problem?: string | null;
}

const telephone = document.getElementById("telephone");

/** Ask the telephone for something. */
export function ask(what: string, detail: object = {}): void {
  telephone?.dispatchEvent(new CustomEvent(`hatif:${what}`, { detail, bubbles: true }));
}

document.addEventListener("click", (event) => {
  const button = (event.target as Element).closest<HTMLElement>("[data-telephone]");
  if (!button || (button as HTMLButtonElement).disabled) return;
  ask(button.dataset.telephone ?? "", { key: button.dataset.digit });
  if (button.dataset.begins && document.querySelector("#state.is-away")) begin(button.dataset.begins, event);
});

/** Say whether callers come to the telephone that starts: on the supervisors' page they do not. */
function begin(state: string, event: Event): void {
  void htmx.ajax("post", "/shift/state", { source: document.body, event, values: { state }, swap: "none" });
}

/** What the telephone reports is shown by attributes of the page, which the style sheet knows. */
document.addEventListener("hatif:telephone", (event) => {
  const report = (event as CustomEvent<TelephoneReport>).detail;
  const page = document.body.dataset;
  for (const start of document.querySelectorAll<HTMLButtonElement>('[data-telephone="start-shift"]')) {
    start.disabled = false; // its script is there
  }
  if (report.state) page.telephone = report.state;
  if (report.call) page.telephoneCall = report.call;
  if (report.muted !== undefined) {
    page.muted = String(report.muted);
    for (const button of document.querySelectorAll('[data-telephone="mute"]')) {
      button.setAttribute("aria-pressed", String(report.muted));
    }
  }
  if (report.level !== undefined) {
    document.querySelector<HTMLMeterElement>("#level")?.setAttribute("value", String(report.level));
  }
  if (report.problem !== undefined) {
    const problem = document.getElementById("telephone-problem");
    if (problem && problem.textContent !== (report.problem ?? "")) problem.textContent = report.problem ?? "";
  }
});
