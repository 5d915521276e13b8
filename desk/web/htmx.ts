/** htmx: forms and buttons that change a part of the page. Its settings are in the layout's `htmx-config`. */

import htmx from "htmx.org";

const CSRF_HEADER = "X-CSRF-Token";
export const BY_ITSELF_HEADER = "X-By-Itself"; // the person does nothing, and is signed out after a time without use
const NOTICE_MS = 8000;

function csrf(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
}

document.addEventListener("htmx:configRequest", (event) => {
  const { headers, triggeringEvent } = (event as CustomEvent).detail;
  headers[CSRF_HEADER] = csrf();
  if (!(triggeringEvent as Event | undefined)?.isTrusted) headers[BY_ITSELF_HEADER] = "1";
});

/** Nothing came back: no network, or the desk is being restarted. */
for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, () => notify(document.body.dataset.unreachable ?? ""));
}

/** Show a sentence until it has been read; the region is a live one, so screen readers say it. */
export function notify(sentence: string): void {
  const notices = document.getElementById("notices");
  if (!notices || !sentence) return;
  const notice = document.createElement("div");
  notice.className = "notice problem";
  notice.textContent = sentence;
  notices.append(notice);
}

/** Notices go by themselves, but not while somebody points at them or has the focus there. */
const notices = document.getElementById("notices");
if (notices) {
  new MutationObserver((changes) => {
    for (const added of changes.flatMap((change) => [...change.addedNodes])) {
      if (added instanceof HTMLElement) setTimeout(() => leave(added), NOTICE_MS);
    }
  }).observe(notices, { childList: true });
}

function leave(notice: HTMLElement): void {
  if (notice.matches(":hover, :focus-within")) setTimeout(() => leave(notice), NOTICE_MS);
  else notice.remove();
}

export { htmx };
