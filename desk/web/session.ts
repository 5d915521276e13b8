/**
 * The sign-in may end while the page is open.
 *
 * If the session is over (nobody used it for too long, it was ended elsewhere, the account is disabled), the page leaves
 * for the sign-in, which leads back to it: nobody may read on. During a call of the browser's telephone it waits for the
 * end of the call. If the browser has no session any more, as after a sign-out in another tab, the page says so and stays
 * as it is: the person signs in again in another tab, and this one goes on with the new session.
 */

import { BY_ITSELF_HEADER } from "./htmx";

const LOOK_MS = 30_000; // pages that follow no stream have to ask
const USED_MS = 300_000; // how often the desk hears that the person is at work on the page
const LONGEST_PATH = 500; // that the sign-in takes

const NO_CALL = [undefined, "none", "ended"];

interface Session {
  account: string;
  csrf: string;
}

let isOver = false;
let leaves = false;

document.addEventListener("hatif:signed-out", show);
document.addEventListener("hatif:session-over", () => {
  leaves = true;
  show();
  leave();
});
document.addEventListener("hatif:telephone", () => setTimeout(leave)); // after the page shows what it reports

function show(): void {
  if (isOver) return;
  isOver = true;
  document.documentElement.dataset.signedOut = "";
}

function leave(): void {
  if (!leaves || !NO_CALL.includes(document.body.dataset.telephoneCall)) return;
  const here = location.pathname + location.search;
  location.replace(`/sign-in?next=${encodeURIComponent(here.length > LONGEST_PATH ? location.pathname : here)}`);
}

async function look(headers: Record<string, string> = { [BY_ITSELF_HEADER]: "1" }): Promise<void> {
  const answer = await fetch("/session", { headers }).catch(() => null);
  if (answer?.status === 401) document.dispatchEvent(new CustomEvent(answer.headers.get("HX-Trigger") ?? "hatif:signed-out"));
  if (!answer?.ok || !isOver) return;
  const session = (await answer.json()) as Session;
  if (session.account !== document.body.dataset.account) {
    location.reload(); // somebody else's page
    return;
  }
  const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]');
  if (token) token.content = session.csrf;
  for (const field of document.querySelectorAll<HTMLInputElement>('input[name="csrf"]')) field.value = session.csrf;
  isOver = leaves = false;
  delete document.documentElement.dataset.signedOut;
  document.dispatchEvent(new CustomEvent("hatif:signed-in"));
}

if (document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content) {
  window.addEventListener("focus", () => void look());
  document.addEventListener("visibilitychange", () => void look());
  if (!document.body.dataset.live) setInterval(() => void look(), LOOK_MS);
  let told = performance.now();
  for (const name of ["keydown", "pointerdown", "wheel"]) {
    addEventListener(
      name,
      ({ isTrusted }) => {
        if (!isTrusted || performance.now() < told + USED_MS) return;
        told = performance.now();
        void look({});
      },
      { passive: true },
    );
  }
}
