/** The sound of an incoming call, made here: two tones, as a telephone rings. */

import type { Devices } from "./devices";

const RATE = 16_000;

export class Ringer {
  private readonly sound = new Audio(ringing());

  constructor(private readonly devices: Devices) {
    this.sound.loop = true;
  }

  /** Ring until `stop`; return whether the browser lets it sound. */
  async start(): Promise<boolean> {
    await this.devices.route(this.sound, "ringer");
    this.sound.currentTime = 0;
    return this.sound.play().then(
      () => true,
      (error: DOMException) => error.name !== "NotAllowedError", // AbortError: stopped meanwhile
    );
  }

  stop(): void {
    this.sound.pause();
  }

  /** Ring once; return whether the browser lets it sound. */
  async once(): Promise<boolean> {
    const sounds = await this.start();
    setTimeout(() => this.stop(), 1_000);
    return sounds;
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
