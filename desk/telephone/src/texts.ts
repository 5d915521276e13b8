/** The sentences of the telephone. The page brings them in the operator's language (`data-texts`, JSON). */

import { place } from "./report";

const ENGLISH = {
  microphone_denied: "The browser does not let this page use the microphone. Allow it beside the page's address, then start your shift again.",
  microphone_missing: "There is no microphone. Connect a headset; the telephone uses it as soon as it is there.",
  microphone_lost: "The microphone is gone. Connect it again or choose another one; until then nobody hears you.",
  insecure: "The browser gives no microphone to this address. Open the desk by https, or on this machine by localhost.",
  sound_blocked: "The browser blocks sound. Click anywhere in the page.",
  network: "The line cannot be reached. The telephone tries again by itself.",
  refused: "The line does not accept this telephone. Sign in again.",
  elsewhere: "This telephone is open on another computer. Start your shift here to take it over.",
  taken: "Another computer has taken over this telephone.",
  signed_out: "You are signed out. Sign in again to use the telephone.",
  bad_audio: "The sound is bad: packets are lost on the way. Use a cable instead of wireless if you can.",
  incoming: "Incoming call",
  device_microphone: "Microphone",
  device_speaker: "Loudspeaker",
  device_ringer: "Ringing",
  device_default: "The system's own",
  level: "Level of the microphone",
  try_ringer: "Ring",
  echo_test: "Test the sound",
  echo_stop: "End the test",
};

export type TextName = keyof typeof ENGLISH;

const given: Partial<Record<TextName, string>> = JSON.parse(place.dataset.texts ?? "{}");

/** Return a sentence in the operator's language. */
export function text(name: TextName): string {
  return given[name] ?? ENGLISH[name];
}
