/**
 * One tab of the browser is the telephone; the others show it and pass on what is asked of it.
 *
 * The telephone is the tab that holds a lock. When it is closed or crashes, the browser gives the lock to the next tab.
 */

import type { Report } from "./report";

type Message =
  | { kind: "hello" }
  | { kind: "report"; report: Report }
  | { kind: "ask"; what: string; detail: unknown };

export class Tabs {
  /** Called in the other tabs with each report of the telephone. */
  reported = (_report: Report): void => {};
  /** Called in the telephone's tab with what another tab asks for. */
  asked = (_what: string, _detail: unknown): void => {};
  /** Called once, when this tab becomes the telephone. */
  lead = (): void => {};

  isLeading = false;
  private readonly channel: BroadcastChannel;
  private latest: Report = {};
  private waits = false;

  constructor(private readonly name: string) {
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = ({ data }) => this.heard(data as Message);
    this.channel.postMessage({ kind: "hello" } satisfies Message);
  }

  /** Become the telephone as soon as no other tab is. */
  join(): void {
    if (this.waits) return;
    this.waits = true;
    void navigator.locks.request(this.name, () => {
      this.isLeading = true;
      this.lead();
      return new Promise(() => {}); // until the tab is closed
    });
  }

  /** Tell the other tabs what the telephone reports. */
  report(report: Report): void {
    this.latest = { ...this.latest, ...report };
    this.send({ kind: "report", report });
  }

  /** Have the telephone's tab do something. */
  ask(what: string, detail: unknown): void {
    this.send({ kind: "ask", what, detail });
  }

  private send(message: Message): void {
    this.channel.postMessage(message);
  }

  private heard(message: Message): void {
    if (this.isLeading) {
      if (message.kind === "ask") this.asked(message.what, message.detail);
      if (message.kind === "hello") this.send({ kind: "report", report: this.latest });
    } else if (message.kind === "report") {
      if (message.report.state && message.report.state !== "off") this.join(); // to take over if that tab is closed
      this.reported(message.report);
    }
  }
}
