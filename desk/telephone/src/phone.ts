/**
 * The telephone itself: registered at Asterisk while the shift lasts, with at most one call.
 *
 * It needs nothing of the desk while it runs. A call outlives its connection: after a reconnect it is renegotiated, so
 * that Asterisk finds the page again. A call that a former page had, or this one at an address that the computer no
 * longer has, rings again, and is answered at once.
 */

import { UA } from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";
import type { RTCSessionEvent } from "jssip/lib/UA";

import type { Credential } from "./credential";
import type { Devices } from "./devices";
import { Quality } from "./quality";
import type { Report } from "./report";
import { Route } from "./route";
import { contact, SipSocket } from "./socket";
import { Sound } from "./sound";
import { text } from "./texts";

/** Asterisk's realm; no name service knows it, and none is asked. */
const DOMAIN = "hatif";
const REGISTER_S = 60;
const RECONNECT_S = { min: 1, max: 4 };
/** How long further addresses of this machine are waited for after the first. There is no server to ask for any. */
const GATHER_MS = 100;
const TRIAL_MS = 30_000;
/** How long an answer waits for its call: the desk shows an offer before or after the telephone rings. */
const EARLY_MS = 3_000;
/** How long a call that was ended without a connection may come back; the line gives it up before. */
const COMES_BACK_MS = 10_000;
/** How long the page shows that a call has ended. */
const ENDED_MS = 1_500;

const PEER: RTCConfiguration = { iceServers: [], bundlePolicy: "max-bundle", rtcpMuxPolicy: "require" };

export class Phone {
  report = (_report: Report): void => {};
  /** Called with whether a call rings here. */
  rings = (_rings: boolean): void => {};
  /** Called when Asterisk does not accept the password any more. */
  refused = (): void => {};

  /** Called when the gate lets this page in no more, or is away. */
  locked = (): void => {};

  private failures = 0; // attempts to connect since the last that went well
  private agent: UA | null = null;
  private readonly socket: SipSocket;
  private session: RTCSession | null = null;
  private answeredAt = -Infinity; // when a call was answered that had not come yet
  private endedAt = -Infinity; // when a call was ended of which Asterisk could not be told
  private trial: RTCSession | null = null; // the last test of the sound
  private microphone: MediaStream | null = null;
  private readonly sound = new Sound(new Audio());
  private readonly quality = new Quality(
    (quality) => this.report({ quality }),
    (isBad) => this.report({ problem: isBad ? text("bad_audio") : null }),
  );
  private readonly route = new Route(() => this.moved());
  private wasMuted = false; // in the call that comes back
  private wasLost = false;

  /** `blocked`: called with whether the browser blocks the sound of calls, when that changes. */
  constructor(
    private readonly devices: Devices,
    url: string,
    blocked: (is: boolean) => void,
  ) {
    this.socket = new SipSocket(url);
    this.sound.blocked = blocked;
    devices.changed = (track) => void this.useMicrophone(track);
    addEventListener("online", () => this.socket.renew());
    addEventListener("offline", () => this.socket.renew());
  }

  /** Connect and register; report how that goes. */
  start({ endpoint, user, password, ticket }: Credential): void {
    this.socket.ticket = ticket;
    this.report({ state: "connecting" });
    if (this.agent) {
      this.agent.set("authorization_user", user);
      this.agent.set("password", password);
      if (this.agent.isConnected()) this.agent.register();
      return;
    }
    const agent = new UA({
      sockets: this.socket,
      uri: `sip:${endpoint}@${DOMAIN}`,
      contact_uri: contact(endpoint),
      authorization_user: user,
      password,
      session_timers: false,
      register_expires: REGISTER_S,
      connection_recovery_min_interval: RECONNECT_S.min,
      connection_recovery_max_interval: RECONNECT_S.max,
    });
    agent.on("connected", () => this.connected());
    agent.on("disconnected", () => this.disconnected());
    agent.on("registered", () => this.report({ state: "registered", problem: null }));
    agent.on("unregistered", () => this.report({ state: "connecting" }));
    agent.on("registrationFailed", ({ response }) => {
      if (response) this.refused();
    });
    // Asterisk says that the password is no longer valid.
    agent.on("newMessage", (event: { originator: string }) => {
      if (event.originator === "remote") agent.register();
    });
    agent.on("newRTCSession", (event: RTCSessionEvent) => {
      if (event.originator === "remote") this.incoming(event);
    });
    this.agent = agent;
    agent.start();
  }

  /** Unregister and disconnect. A call ends. */
  stop(): void {
    this.hangUp();
    this.agent?.stop();
    this.agent = null;
    this.report({ state: "off" });
  }

  get isBusy(): boolean {
    return this.session !== null;
  }

  get isStarted(): boolean {
    return this.agent !== null;
  }

  answer(): void {
    const session = this.session;
    if (!session) this.answeredAt = performance.now();
    if (!session || session.direction !== "incoming" || !session.isInProgress()) return;
    const stream = this.ownMicrophone();
    if (!stream) return;
    this.rings(false);
    this.report({ call: "answering" });
    session.answer({ mediaStream: stream, pcConfig: PEER });
  }

  /** End the call, or decline it while it rings. */
  hangUp(): void {
    this.answeredAt = -Infinity;
    const session = this.session;
    if (!session || session.isEnded()) return;
    if (session.isEstablished() && !this.agent?.isConnected()) this.endedAt = performance.now();
    session.terminate(session.isEstablished() ? {} : { status_code: 603 });
  }

  mute(): void {
    const session = this.session;
    if (!session?.isEstablished()) return;
    if (session.isMuted().audio) session.unmute({ audio: true });
    else session.mute({ audio: true });
    this.report({ muted: session.isMuted().audio === true });
  }

  key(digit: string): void {
    if (this.session?.isEstablished() && /^[0-9*#]$/.test(digit)) {
      this.session.sendDTMF(digit, { transportType: "RFC2833" as never, duration: 160, interToneGap: 80 });
    }
  }

  /** Call a place that gives back what it hears, for half a minute; asked again, end that. */
  testSound(): void {
    if (this.session) {
      if (this.session === this.trial) this.hangUp();
      return;
    }
    this.call("echo");
    const trial = this.session as RTCSession | null;
    this.trial = trial;
    setTimeout(() => {
      if (trial && trial === this.session) this.hangUp();
    }, TRIAL_MS);
  }

  // Calls

  private call(target: string): void {
    const stream = this.ownMicrophone();
    if (!this.agent || !stream || (this.session && !this.session.isEnded())) return;
    this.report({ call: "answering" });
    const session = this.agent.call(`sip:${target}@${DOMAIN}`, {
      mediaStream: stream,
      pcConfig: PEER,
      eventHandlers: {
        peerconnection: ({ peerconnection }) => this.connection(peerconnection),
        icecandidate: gathered(),
      },
    });
    this.follow(session);
  }

  private incoming({ session, request }: RTCSessionEvent): void {
    if (this.session && !this.session.isEnded()) {
      session.terminate({ status_code: 486 });
      return;
    }
    const comesBack = /answer-after=0/.test(request.getHeader("Call-Info") ?? "");
    session.on("icecandidate", gathered());
    if (comesBack && performance.now() - this.endedAt < COMES_BACK_MS) {
      this.endAgain(session);
      return;
    }
    session.on("peerconnection", ({ peerconnection }) => this.connection(peerconnection));
    this.follow(session);
    this.report({ call: "ringing", muted: false });
    if (comesBack) this.answerAgain(session);
    else if (performance.now() - this.answeredAt < EARLY_MS) this.answer();
    else this.rings(true);
    this.answeredAt = -Infinity;
    this.wasMuted = false;
  }

  /** Take the call back that this page or a former one had. */
  private answerAgain(session: RTCSession): void {
    this.answer();
    if (!this.wasMuted) return;
    this.microphone?.getTracks().forEach((track) => (track.enabled = false));
    session.on("confirmed", () => this.mute());
  }

  /** End a call that was ended here while there was no connection: taken back, so that the line hears of a hang-up. */
  private endAgain(session: RTCSession): void {
    this.endedAt = -Infinity;
    session.on("confirmed", () => session.terminate());
    const mediaStream = this.devices.microphone?.clone();
    for (const end of ["ended", "failed"] as const) {
      session.on(end, () => mediaStream?.getTracks().forEach((track) => track.stop()));
    }
    mediaStream?.getTracks().forEach((track) => (track.enabled = false));
    session.answer({ mediaStream, pcConfig: PEER });
  }

  private follow(session: RTCSession): void {
    this.session = session;
    session.on("confirmed", () => this.report({ call: "talking" }));
    session.on("ended", () => this.over(session));
    session.on("failed", () => this.over(session));
  }

  private over(session: RTCSession): void {
    if (this.session !== session) return;
    this.forget();
    this.report({ call: "ended", muted: false });
    setTimeout(() => {
      if (!this.session) this.report({ call: "none" });
    }, ENDED_MS);
  }

  private forget(): void {
    this.session = null;
    this.quality.stop();
    this.route.stop();
    this.rings(false);
    this.microphone?.getTracks().forEach((track) => track.stop());
    this.sound.stop();
    this.microphone = this.sound.element.srcObject = null;
  }

  // Sound

  /** Return a microphone for one call, so that muting it leaves the shift's own open. */
  private ownMicrophone(): MediaStream | null {
    this.microphone = this.devices.microphone?.clone() ?? null;
    if (!this.microphone) this.report({ problem: text("microphone_missing") });
    return this.microphone;
  }

  private connection(connection: RTCPeerConnection): void {
    connection.addEventListener("track", ({ track }) => {
      this.sound.element.srcObject = new MediaStream([track]);
      void this.devices.route(this.sound.element, "speaker");
      void this.sound.play();
    });
    this.quality.watch(connection);
    this.route.watch(connection);
  }

  private async useMicrophone(track: MediaStreamTrack): Promise<void> {
    const sender = this.session?.connection?.getSenders().find((found) => found.track?.kind === "audio");
    if (!sender) return;
    const own = track.clone();
    own.enabled = sender.track?.enabled ?? true;
    this.microphone?.getTracks().forEach((former) => former.stop());
    this.microphone = new MediaStream([own]);
    await sender.replaceTrack(own);
  }

  // Connection

  private connected(): void {
    this.failures = 0;
    if (!this.wasLost) return;
    this.wasLost = false;
    // Asterisk knows only the former connection of the page. The audio stays as it is: after a restart of ICE in a call
    // Asterisk sends none to a new address.
    if (this.session?.isEstablished()) this.session.renegotiate();
  }

  /** Give up a call whose audio is lost. It comes back once this page is registered again, as after a reload. */
  private moved(): void {
    const session = this.session;
    this.socket.renew(); // first: Asterisk must not be told that the call has ended
    this.forget();
    if (session && !session.isEnded()) {
      this.wasMuted = session.isMuted().audio === true;
      session.terminate();
    }
    this.report({ call: "none", muted: false });
  }

  private disconnected(): void {
    this.wasLost = true;
    if (!this.agent) return;
    this.report({ state: "lost" });
    // The gate may not take the ticket any more; the desk says why, or gives another one.
    this.failures += 1;
    if (this.failures % 3 === 2) this.locked();
  }
}

/** Return a listener that ends the gathering of addresses soon after the first one. */
function gathered(): (event: { ready: () => void }) => void {
  let timer: number | undefined;
  return ({ ready }) => {
    timer ??= window.setTimeout(ready, GATHER_MS);
  };
}
