/**
 * Microphone, loudspeaker and ringer: which ones, and what happens when one is unplugged.
 *
 * The microphone stays open during a shift: then a call is answered without waiting for it, its level can be shown, and
 * the browser does not put the page to sleep.
 */

import { text, type TextName } from "./texts";

export type Kind = "microphone" | "speaker" | "ringer";

const STORED = "hatif-telephone-devices";
const CONSTRAINTS: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export class DeviceProblem extends Error {
  constructor(readonly why: TextName) {
    super(why);
  }
}

export class Devices {
  /** Called with the new track when the microphone has changed. */
  changed = (_track: MediaStreamTrack): void => {};
  /** Called with what is wrong; null once it is right again. */
  problem = (_why: TextName | null): void => {};

  private stream: MediaStream | null = null;
  private readonly sounds = new Map<HTMLAudioElement, "speaker" | "ringer">(); // all that were routed
  private context: AudioContext | null = null;
  private meter: { source: MediaStreamAudioSourceNode; analyser: AnalyserNode } | null = null;

  constructor() {
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.look());
  }

  /** Read each time: another tab may have changed it. */
  private get chosen(): Partial<Record<Kind, string>> {
    return JSON.parse(localStorage.getItem(STORED) ?? "{}") as Partial<Record<Kind, string>>;
  }

  /** The open microphone. */
  get microphone(): MediaStream | null {
    return this.stream;
  }

  /** Open the microphone. Throws DeviceProblem. */
  async open(): Promise<void> {
    if (!navigator.mediaDevices) throw new DeviceProblem("insecure");
    const wanted = this.chosen.microphone;
    try {
      this.use(await this.ask(wanted));
    } catch (error) {
      const name = (error as DOMException).name;
      if (name === "NotAllowedError") throw new DeviceProblem("microphone_denied");
      if (name !== "OverconstrainedError" || wanted === undefined) throw new DeviceProblem("microphone_missing");
      this.use(await this.ask(undefined).catch(() => Promise.reject(new DeviceProblem("microphone_missing"))));
    }
  }

  close(): void {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.meter?.source.disconnect();
    this.stream = this.meter = null;
  }

  /** Return the devices of a kind; their names are known once the microphone was allowed. */
  async list(kind: Kind): Promise<MediaDeviceInfo[]> {
    const wanted = kind === "microphone" ? "audioinput" : "audiooutput";
    const found = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return found.filter((device) => device.kind === wanted && device.deviceId !== "" && device.deviceId !== "default");
  }

  /** Return the chosen device; undefined: the system's own. */
  choice(kind: Kind): string | undefined {
    return this.chosen[kind];
  }

  async choose(kind: Kind, id: string): Promise<void> {
    localStorage.setItem(STORED, JSON.stringify({ ...this.chosen, [kind]: id || undefined }));
    if (kind === "microphone" && this.stream) await this.reopen();
    for (const [sound, use] of this.sounds) if (use === kind) await this.route(sound, use);
  }

  /** Have an element sound on the chosen device, or on the system's own if that is gone. */
  async route(sound: HTMLAudioElement, kind: "speaker" | "ringer"): Promise<void> {
    this.sounds.set(sound, kind);
    if (!("setSinkId" in sound)) return;
    await sound.setSinkId(this.chosen[kind] ?? "").catch(() => sound.setSinkId(""));
  }

  /** Return the level of the microphone, 0 to 1. */
  level(): number {
    if (!this.meter) return 0;
    const samples = new Float32Array(this.meter.analyser.fftSize);
    this.meter.analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    const decibels = 10 * Math.log10(power + 1e-10);
    return Math.min(1, Math.max(0, (decibels + 60) / 60));
  }

  private ask(id: string | undefined): Promise<MediaStream> {
    const audio = id === undefined ? CONSTRAINTS : { ...CONSTRAINTS, deviceId: { exact: id } };
    return navigator.mediaDevices.getUserMedia({ audio });
  }

  private use(stream: MediaStream): void {
    this.close();
    this.stream = stream;
    const [track] = stream.getAudioTracks();
    if (!track) return;
    track.onended = () => {
      if (this.stream === stream) void this.lost();
    };
    this.context ??= new AudioContext();
    void this.context.resume();
    const source = this.context.createMediaStreamSource(stream);
    const analyser = this.context.createAnalyser();
    source.connect(analyser);
    this.meter = { source, analyser };
    this.problem(null);
    this.changed(track);
  }

  private async lost(): Promise<void> {
    this.problem("microphone_lost");
    await this.reopen();
  }

  private async reopen(): Promise<void> {
    try {
      await this.open();
    } catch (error) {
      this.problem(error instanceof DeviceProblem ? error.why : "microphone_lost");
    }
  }

  /** Move sounds to the system's own device while the chosen one is gone: there they would go on unheard. */
  private async reroute(): Promise<void> {
    const there = (await this.list("speaker")).map((device) => device.deviceId);
    if (there.length === 0) return; // nothing to sound on, or the browser does not say
    for (const [sound, use] of this.sounds) {
      const wanted = this.chosen[use];
      if (wanted === undefined || there.includes(wanted)) await this.route(sound, use);
      else await sound.setSinkId("");
    }
  }

  /** Devices have come or gone. */
  private async look(): Promise<void> {
    if (!this.stream) return;
    await this.reroute();
    const track = this.stream.getAudioTracks()[0];
    const wanted = this.chosen.microphone;
    const there = (await this.list("microphone")).map((device) => device.deviceId);
    const back = wanted !== undefined && there.includes(wanted) && track?.getSettings().deviceId !== wanted;
    if (!track || track.readyState === "ended" || back) await this.reopen();
  }
}

/** A sentence about a problem with a device. */
export function sentence(why: TextName | null): string | null {
  return why === null ? null : text(why);
}
