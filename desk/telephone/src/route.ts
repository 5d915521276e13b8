/**
 * Whether the call's audio still reaches Asterisk. When the computer's address changes, neither the browser nor the
 * connection of the signalling need notice for a long time, and Asterisk ends a call that sends nothing for ten seconds.
 */

const EVERY_MS = 500;
/** So many questions to Asterisk without an answer, and without any sound meanwhile, and the route is lost. */
const UNANSWERED = 2;

export class Route {
  private timer = 0;
  private came = 0; // packets and answers so far
  private asked = 0; // questions that had been sent when something came last

  /** `lost`: called once, when nothing comes any more although something did before. */
  constructor(private readonly lost: () => void) {}

  watch(connection: RTCPeerConnection): void {
    this.stop();
    this.came = this.asked = 0;
    this.timer = window.setInterval(() => void this.look(connection), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = 0;
  }

  private async look(connection: RTCPeerConnection): Promise<void> {
    const timer = this.timer;
    let came = 0;
    let asked = 0;
    for (const row of (await connection.getStats()).values()) {
      if (row.type === "inbound-rtp") {
        came += row.packetsReceived;
      } else if (row.type === "candidate-pair") {
        asked += row.requestsSent;
        came += row.responsesReceived;
      }
    }
    if (timer !== this.timer) return; // the call has ended meanwhile
    if (came !== this.came) {
      this.came = came;
      this.asked = asked;
    } else if (came > 0 && asked >= this.asked + UNANSWERED) {
      this.stop();
      this.lost();
    }
  }
}
