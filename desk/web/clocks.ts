/**
 * Clocks that tick in the browser: `<time data-since="POSIX seconds">` counts up, `data-until` counts down.
 * The desk's clock counts, not the computer's: `data-now` of the body, and later the stream, say what time it is there.
 */

let aheadMs = 0;

/** Note the desk's time, in POSIX seconds. */
export function setNow(seconds: number): void {
  aheadMs = seconds * 1000 - Date.now();
}

function format(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** Bring all clocks up to date. */
export function tick(): void {
  const now = (Date.now() + aheadMs) / 1000;
  for (const clock of document.querySelectorAll<HTMLElement>("time[data-since], time[data-until]")) {
    const { since, until } = clock.dataset;
    // Rounded up: a countdown shows 0:00 when it is over, not a second before.
    const text = since !== undefined ? format(now - Number(since)) : format(Math.ceil(Number(until) - now));
    if (clock.textContent !== text) clock.textContent = text;
    const over = until !== undefined && Number(until) - now < 5;
    clock.classList.toggle("soon", over);
  }
}

const loaded = Number(document.body.dataset.now);
if (loaded) setNow(loaded);
setInterval(tick, 1000);
tick();
