/**
 * Keys of the page: an element with `data-key="F2"` (or "Shift+F2") is clicked when that key is pressed, wherever the
 * focus is. Only function keys, so that typing is never disturbed.
 */

document.addEventListener("keydown", (event) => {
  if (!/^F\d{1,2}$/.test(event.key) || event.ctrlKey || event.altKey || event.metaKey) return;
  const name = event.shiftKey ? `Shift+${event.key}` : event.key;
  const found = [...document.querySelectorAll<HTMLElement>(`[data-key="${name}"]`)].find(
    (element) => element.checkVisibility() && !(element as HTMLButtonElement).disabled,
  );
  if (!found) return;
  event.preventDefault();
  if (!event.repeat) found.click();
});
