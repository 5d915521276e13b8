/** The sound of an incoming call, made here: two tones, as a telephone rings. */

import type { Devices } from "./devices";
import { Sound } from "./sound";

const RATE = 16_000;
const ONCE_MS = 1_000;

export class Ringer {
  private readonly sound = new Sound(new Audio(ringing()));
  private rings = false;

  /** `blocked`: called with whether the browser blocks the sound, when that changes. */
  constructor(
    private readonly devices: Devices,
    blocked: (is: boolean) => void,
  ) {
    this.sound.element.loop = true;
    this.sound.blocked = blocked;
  }

  /** Ring until `stop`. */
  async start(): Promise<void> {
    this.rings = true;
    await this.play();
    if (!this.rings) this.sound.stop(); // the call has ended before the device was ready
  }

  stop(): void {
    this.rings = false;
    this.sound.stop();
  }

  /** Ring briefly, unless a call rings. */
  async once(): Promise<void> {
    if (this.rings) return;
    await this.play();
    setTimeout(() => {
      if (!this.rings) this.sound.stop();
    }, ONCE_MS);
  }

  private async play(): Promise<void> {
    await this.devices.route(this.sound.element, "ringer");
    this.sound.element.currentTime = 0;
    await this.sound.play();
  }
}

/** Return the address of a WAV file: 1 s of two tones, and 2 s of silence. */
function ringing(): string {
  const samples = new Int16Array(RATE * 3);
  for (let index = 0; index < RATE; index++) {
    const at = index / RATE;
    const envelope = Math.min(1, at / 0.02, (1 - at) / 0.05) * (Math.floor(at * 20) % 2 ? 0.6 : 1);
    samples[index] = 9000 * envelope * (Math.sin(2 * Math.PI * 440 * at) + Math.sin(2 * Math.PI * 554 * at)) * 0.5;
  }
  const header = new DataView(new ArrayBuffer(44));
  const word = (at: number, value: string) => [...value].forEach((letter, index) => header.setUint8(at + index, letter.charCodeAt(0)));
  word(0, "RIFF");
  header.setUint32(4, 36 + samples.byteLength, true);
  word(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true);
  header.setUint16(22, 1, true);
  header.setUint32(24, RATE, true);
  header.setUint32(28, RATE * 2, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  word(36, "data");
  header.setUint32(40, samples.byteLength, true);
  return URL.createObjectURL(new Blob([header, samples], { type: "audio/wav" }));
}
