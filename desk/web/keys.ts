/**
 * Keys of the page: an element with `data-key="F2"` (or "Shift+F2") is clicked when that key is pressed, wherever the
 * focus is; a text or a list gets the focus. Digits count only where nothing is typed.
 */

const TYPED = "input, textarea, select, [contenteditable], dialog[open] *";

document.addEventListener("keydown", (event) => {
  const isDigit = /^\d$/.test(event.key) && !(event.target as Element).closest(TYPED);
  if (!(isDigit || /^F\d{1,2}$/.test(event.key)) || event.ctrlKey || event.altKey || event.metaKey) return;
  const name = event.shiftKey ? `Shift+${event.key}` : event.key;
  // The picture of the flow has keys of its own, which are no buttons.
  const found = [...document.querySelectorAll(`[data-key="${name}"]`)]
    .filter((element) => element instanceof HTMLElement)
    .find((element) => element.checkVisibility() && !(element as HTMLButtonElement).disabled);
  if (!found) return;
  event.preventDefault();
  if (found instanceof HTMLTextAreaElement || found instanceof HTMLSelectElement) found.focus();
  else if (!event.repeat) found.click();
});
