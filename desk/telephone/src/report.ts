/** What the telephone says about itself: to the page by `hatif:telephone` events, to other tabs by messages. */

export type LineState = "off" | "connecting" | "registered" | "lost";
export type CallState = "none" | "ringing" | "answering" | "talking" | "ended";

export interface Report {
  state?: LineState;
  call?: CallState;
  muted?: boolean;
  /** Of the microphone, 0 to 1. */
  level?: number;
  /** A sentence for the operator; null once it no longer applies. */
  problem?: string | null;
  /** Of the call's audio, while it lasts. */
  quality?: Quality;
}

export interface Quality {
  /** Of packets that came, 0 to 1, over the last seconds. */
  loss: number;
  /** Seconds. */
  jitter: number;
  /** Round trip in seconds; 0 if it is not known yet. */
  delay: number;
}

/** The telephone's own place in the page, which nothing ever replaces. */
export const place = document.getElementById("telephone") as HTMLElement;

/** Report to the page of this tab. */
export function show(report: Report): void {
  place.dispatchEvent(new CustomEvent("hatif:telephone", { detail: report, bubbles: true }));
}
