/** How good the audio of the call is, by what the browser counts; bad audio is told to the desk, for the call. */

import { post } from "./credential";
import { place } from "./report";
import type { Quality as Report } from "./report";

const EVERY_MS = 2_000;
const BAD = { loss: 0.05, jitter: 0.06 };
/** So often in a row it must be bad, or good again, before anything is said. */
const TIMES = 2;

export class Quality {
  private timer = 0;
  private received = 0;
  private lost = 0;

  private isBad = false;
  private times = 0; // in a row, that it was otherwise

  constructor(
    private readonly report: (quality: Report) => void,
    private readonly changed: (isBad: boolean) => void,
  ) {}

  watch(connection: RTCPeerConnection): void {
    this.stop();
    this.received = this.lost = this.times = 0;
    this.timer = window.setInterval(() => void this.look(connection), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.note(false);
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
    if (all <= 0) return;
    const found = { loss: gone / all, jitter, delay };
    this.report(found);
    const isBad = found.loss > BAD.loss || jitter > BAD.jitter;
    this.times = isBad === this.isBad ? 0 : this.times + 1;
    if (this.times < TIMES) return;
    this.note(isBad);
    const call = document.getElementById("call")?.dataset.call;
    if (isBad && call && place.dataset.audioUrl) {
      post(place.dataset.audioUrl, { call, ...found }).catch(() => {}); // the next bad moment is told again
    }
  }

  private note(isBad: boolean): void {
    this.times = 0;
    if (this.isBad === isBad) return;
    this.isBad = isBad;
    this.changed(isBad);
  }
}
