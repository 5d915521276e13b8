/**
 * What is typed into a form with `data-draft` is kept in this browser until the desk has it: over a reload, a lost
 * connection, a sign-out. Only what differs from what the desk has sent is kept, so that a draft never brings back what
 * somebody else has changed since.
 */

const PREFIX = "hatif-draft:";
const KEPT_MS = 24 * 3600 * 1000;

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;
/** By name, and by value for boxes: the text, or whether the box is ticked. */
type Draft = { at: number; typed: Record<string, string | boolean> };

function key(form: HTMLFormElement): string {
  return `${PREFIX}${document.body.dataset.account ?? ""}:${form.dataset.draft}`;
}

/** Hidden fields are the desk's own, such as the version that the form was opened with. */
function fields(form: HTMLFormElement): [string, Field][] {
  const found = [...form.elements].filter(
    (element): element is Field => element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement,
  );
  return found
    .filter((field) => field.name && field.type !== "hidden")
    .map((field) => [isBox(field) ? `${field.name}=${field.value}` : field.name, field]);
}

function isBox(field: Field): field is HTMLInputElement {
  return field.type === "checkbox" || field.type === "radio";
}

function isChanged(field: Field): boolean {
  if (isBox(field)) return field.checked !== field.defaultChecked;
  if (!(field instanceof HTMLSelectElement)) return field.value !== field.defaultValue;
  const sent = [...field.options].find((option) => option.defaultSelected) ?? field.options[0];
  return field.value !== sent?.value;
}

/** Return whether anything is typed in a form that the desk does not have. */
export function isTyped(form: HTMLFormElement): boolean {
  return fields(form).some(([, field]) => isChanged(field));
}

function keep(form: HTMLFormElement): void {
  const changed = fields(form).filter(([, field]) => isChanged(field));
  const typed = Object.fromEntries(changed.map(([name, field]) => [name, isBox(field) ? field.checked : field.value]));
  if (changed.length) localStorage.setItem(key(form), JSON.stringify({ at: Date.now(), typed } satisfies Draft));
  else localStorage.removeItem(key(form));
}

function restore(form: HTMLFormElement): void {
  const kept = localStorage.getItem(key(form));
  if (!kept) return;
  const { at, typed } = JSON.parse(kept) as Draft;
  if (Date.now() - at > KEPT_MS) {
    localStorage.removeItem(key(form));
    return;
  }
  for (const [name, field] of fields(form)) {
    const value = typed[name];
    if (typeof value === "boolean" && isBox(field)) field.checked = value;
    else if (typeof value === "string") field.value = value;
  }
}

document.addEventListener("input", (event) => {
  const form = (event.target as Element).closest<HTMLFormElement>("form[data-draft]");
  if (form) keep(form);
});

document.addEventListener("htmx:load", (event) => {
  const added = (event as CustomEvent).detail.elt as Element;
  for (const form of added.querySelectorAll<HTMLFormElement>("form[data-draft]")) restore(form);
});

/** The desk has it. Before its answer is shown, which brings the same form again. */
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig } = (event as CustomEvent).detail;
  const form = requestConfig?.elt as Element | undefined;
  if (form instanceof HTMLFormElement && form.dataset.draft && xhr.status < 300) localStorage.removeItem(key(form));
});
