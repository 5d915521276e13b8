/**
 * Whether the call's audio still reaches Asterisk. When the computer's address changes, neither the browser nor the
 * connection of the signalling need notice for a long time, and Asterisk ends a call that sends nothing for ten seconds.
 */

const EVERY_MS = 250;
/**
 * The route is lost if this many questions to Asterisk (STUN) have no answer at this many looks in a row, and no sound comes
 * either. While the caller is on hold there is no sound, and neither a lost packet nor a long way, as by satellite, may end
 * the call.
 */
const UNANSWERED = 2;
const LOOKS = 4;

export class Route {
  private timer = 0;
  private came = 0; // packets and answers so far
  private asked = 0; // questions that had been sent when something came last
  private overdue = 0; // looks in a row

  /** `lost`: called once, when nothing comes any more although something did before. */
  constructor(private readonly lost: () => void) {}

  watch(connection: RTCPeerConnection): void {
    this.stop();
    this.came = this.asked = this.overdue = 0;
    this.timer = window.setInterval(() => void this.look(connection), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = 0;
  }

  private async look(connection: RTCPeerConnection): Promise<void> {
    const timer = this.timer;
    let came = 0;
    const pairs: { requestsSent: number; responsesReceived: number }[] = [];
    for (const row of (await connection.getStats()).values()) {
      if (row.type === "inbound-rtp") came += row.packetsReceived;
      else if (row.type === "candidate-pair") pairs.push(row);
    }
    // The browser also asks by its other networks for a while, and Asterisk may not be reachable by them.
    const answered = pairs.filter((pair) => pair.responsesReceived > 0);
    const asked = (answered.length ? answered : pairs).reduce((sum, pair) => sum + pair.requestsSent, 0);
    came += answered.reduce((sum, pair) => sum + pair.responsesReceived, 0);
    if (timer !== this.timer) return; // the call has ended meanwhile
    if (came !== this.came) {
      this.came = came;
      this.asked = asked;
      this.overdue = 0;
    } else if (came > 0 && asked >= this.asked + UNANSWERED && ++this.overdue >= LOOKS) {
      this.stop();
      this.lost();
    }
  }
}
