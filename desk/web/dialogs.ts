/** Dialogs: `data-opens="ID"` opens one, `data-closes` within it and `hatif:done` from the desk close it. */

/** Notices and announcements are in the dialog while one is open: everything behind it is dark, and screen readers pass over it. */
const regions = document.querySelectorAll("#notices, #announcements");

function open(dialog: HTMLDialogElement | null): void {
  dialog?.showModal();
  dialog?.append(...regions);
}

document.addEventListener(
  "close",
  () => (document.querySelector("dialog[open]") ?? document.body).append(...regions),
  true,
);

document.addEventListener("click", (event) => {
  const target = event.target as Element;
  const opener = target.closest<HTMLElement>("[data-opens]");
  if (opener) open(document.querySelector<HTMLDialogElement>(`#${opener.dataset.opens}`));
  if (target.closest("[data-closes]")) target.closest("dialog")?.close();
});

document.addEventListener("hatif:done", () => {
  for (const dialog of document.querySelectorAll<HTMLDialogElement>("dialog[open]")) dialog.close();
});

/** A dialog about a call closes with it. */
document.addEventListener("hatif:patched", (event) => {
  const call = event.target as HTMLElement;
  if (call.id !== "call" || call.dataset.phase === "talking") return;
  for (const name of ["hand-on", "keypad"]) document.querySelector<HTMLDialogElement>(`#${name}`)?.close();
});
