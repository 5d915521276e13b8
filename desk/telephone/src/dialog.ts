/**
 * The call that is up, remembered beyond the page: after a reload or a crash the next page takes it back.
 *
 * The memory is the tab's own; other tabs know the call by messages, for when this one is closed.
 */

export interface DialogId {
  callId: string;
  /** Asterisk's. */
  theirTag: string;
  ourTag: string;
}

const STORED = "hatif-telephone-call";

export function remember(dialog: DialogId | null): void {
  if (dialog) sessionStorage.setItem(STORED, JSON.stringify(dialog));
  else sessionStorage.removeItem(STORED);
}

export function remembered(): DialogId | null {
  return JSON.parse(sessionStorage.getItem(STORED) ?? "null") as DialogId | null;
}

/** Return the header of a call that takes the place of another one (RFC 3891). */
export function replaces({ callId, theirTag, ourTag }: DialogId): string {
  return `Replaces: ${callId};to-tag=${theirTag};from-tag=${ourTag}`;
}
