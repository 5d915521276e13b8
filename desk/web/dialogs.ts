/** Dialogs: `data-opens="ID"` opens one, `data-closes` within it and `hatif:done` from the desk close it. */

/**
 * Notices, announcements and the call bar are in the dialog while one is open: everything behind it is dark and takes no
 * click, and screen readers pass over it.
 */
const regions = document.querySelectorAll("#notices, #announcements");
const callTop = document.getElementById("top");

function open(dialog: HTMLDialogElement | null): void {
  dialog?.showModal();
  dialog?.append(...regions);
  if (callTop) dialog?.prepend(callTop);
}

document.addEventListener(
  "close",
  () => {
    const dialog = document.querySelector("dialog[open]");
    (dialog ?? document.body).append(...regions);
    if (callTop) (dialog ?? document.getElementById("top-home"))?.prepend(callTop);
  },
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

/** A dialog about a call closes with it; the keys are the telephone's own. */
document.addEventListener("hatif:patched", (event) => {
  const bar = event.target as HTMLElement;
  if (bar.id === "call-bar" && bar.dataset.phase !== "talking") close("hand-on");
});
document.addEventListener("hatif:telephone", (event) => {
  if (["none", "ended"].includes((event as CustomEvent).detail.call)) close("keypad");
});

function close(dialog: string): void {
  document.querySelector<HTMLDialogElement>(`#${dialog}`)?.close();
}
