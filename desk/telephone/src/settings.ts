/** The choice of devices, in `#telephone-settings`: microphone with its level, loudspeaker, ringer, a test of the sound. */

import type { Devices, Kind } from "./devices";
import { text } from "./texts";

export interface Trials {
  ring: () => void;
  sound: () => void;
}

export async function fill(devices: Devices, trials: Trials): Promise<void> {
  const settings = document.getElementById("telephone-settings");
  if (!settings) return;
  const level = document.createElement("meter");
  level.id = "level";
  level.max = 1;
  level.setAttribute("aria-label", text("level"));
  settings.replaceChildren(
    await choice(devices, "microphone"),
    level,
    await choice(devices, "speaker"),
    button(text("echo_test"), trials.sound),
    await choice(devices, "ringer"),
    button(text("try_ringer"), trials.ring),
  );
}

async function choice(devices: Devices, kind: Kind): Promise<HTMLElement> {
  const label = document.createElement("label");
  const select = document.createElement("select");
  select.append(new Option(text("device_default"), ""));
  for (const device of await devices.list(kind)) select.append(new Option(device.label, device.deviceId));
  select.value = devices.choice(kind) ?? "";
  select.addEventListener("change", () => void devices.choose(kind, select.value));
  label.append(text(`device_${kind}`), select);
  return label;
}

function button(name: string, act: () => void): HTMLElement {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = name;
  made.addEventListener("click", act);
  return made;
}
