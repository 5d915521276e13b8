/** Dialogs: `data-opens="ID"` opens one, `data-closes` within it and `hatif:done` from the desk close it. */

document.addEventListener("click", (event) => {
  const target = event.target as Element;
  const opener = target.closest<HTMLElement>("[data-opens]");
  if (opener) document.querySelector<HTMLDialogElement>(`#${opener.dataset.opens}`)?.showModal();
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
