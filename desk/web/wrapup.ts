/**
 * The wrap-up: the bar says what the caller's file still lacks, and *Save and ready* (`#finish`) first saves what was typed.
 * Nobody is kept from being ready by what is missing, only by what the desk does not accept, and by an ending that the site
 * requires.
 */

import { isTyped } from "./drafts";
import { htmx } from "./htmx";

/** The forms of the caller's file that have something unsaved, the note first. */
function unsaved(): HTMLFormElement[] {
  return [...document.querySelectorAll<HTMLFormElement>("#case form[data-draft]")].filter(isTyped);
}

function ending(): HTMLSelectElement | null {
  return document.querySelector<HTMLSelectElement>("#ending");
}

function look(): void {
  const missing = document.getElementById("missing");
  if (!missing) return;
  const words: (string | undefined)[] = [];
  const notes = document.getElementById("notes");
  const isNoteTyped = Boolean(notes?.querySelector("textarea")?.value.trim());
  if (isNoteTyped) words.push(missing.dataset.noteUnsaved);
  else if (notes && notes.dataset.noted === undefined) words.push(missing.dataset.note);
  const title = document.querySelector<HTMLInputElement>("#case #c-title");
  if (title && !title.value.trim()) words.push(document.querySelector(`label[for="${title.id}"]`)?.textContent ?? "");
  if (unsaved().some((form) => !form.closest("#notes"))) words.push(missing.dataset.caseUnsaved);
  const chosen = ending();
  if (chosen && !chosen.value) words.push(chosen.dataset.missing);
  const text = words.length ? `${missing.dataset.missing} ${words.join(", ")}` : "";
  if (missing.textContent !== text) missing.textContent = text;
}

/** Send a form; return whether the desk has taken it. */
function save(form: HTMLFormElement): Promise<boolean> {
  if (!form.reportValidity()) return Promise.resolve(false);
  return new Promise((resolve) => {
    const answered = (event: Event) => {
      const { requestConfig, xhr } = (event as CustomEvent).detail;
      if (requestConfig.elt !== form) return;
      document.removeEventListener("htmx:afterRequest", answered);
      resolve(xhr.status >= 200 && xhr.status < 300); // 422 is no error for htmx
    };
    document.addEventListener("htmx:afterRequest", answered);
    form.requestSubmit();
  });
}

async function finish(button: HTMLButtonElement, event: Event): Promise<void> {
  button.disabled = true; // a second press would send the note twice
  try {
    for (const form of unsaved()) if (!(await save(form))) return;
    const chosen = ending();
    if (chosen && !chosen.reportValidity()) return; // it has the focus now
    await htmx.ajax("post", "/shift/wrap-up", { source: document.body, event, values: { change: "end", ending: chosen?.value ?? "" }, swap: "none" });
  } finally {
    button.disabled = false;
  }
}

document.addEventListener("click", (event) => {
  const button = (event.target as Element).closest<HTMLButtonElement>("#finish");
  if (button) void finish(button, event);
});
for (const change of ["input", "change", "htmx:load", "hatif:patched"]) document.addEventListener(change, look);
look();
