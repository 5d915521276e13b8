/** How good the audio of the call is, by what the browser counts. */

import type { Quality as Report } from "./report";

const EVERY_MS = 2_000;

export class Quality {
  private timer = 0;
  private received = 0;
  private lost = 0;

  constructor(private readonly report: (quality: Report) => void) {}

  watch(connection: RTCPeerConnection): void {
    this.stop();
    this.received = this.lost = 0;
    this.timer = window.setInterval(() => void this.look(connection), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async look(connection: RTCPeerConnection): Promise<void> {
    let jitter = 0;
    let delay = 0;
    let received = 0;
    let lost = 0;
    for (const row of (await connection.getStats()).values()) {
      if (row.type === "inbound-rtp") {
        received = row.packetsReceived;
        lost = row.packetsLost;
        jitter = row.jitter ?? 0;
      } else if (row.type === "remote-inbound-rtp") {
        delay = row.roundTripTime ?? 0;
      }
    }
    const gone = Math.max(0, lost - this.lost);
    const all = received - this.received + gone;
    this.received = received;
    this.lost = lost;
    if (all > 0) this.report({ loss: gone / all, jitter, delay });
  }
}
