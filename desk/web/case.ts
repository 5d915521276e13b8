/** The caller's file appears as the operator answers, and stays until the next call. */

import { htmx } from "./htmx";

const panel = document.getElementById("case");
let shown = "";

function follow(): void {
  const call = document.getElementById("call")?.dataset;
  if (!panel || !call?.call || call.call === shown) return;
  if (call.phase !== "talking" && call.phase !== "helping") return;
  shown = call.call;
  void htmx.ajax("get", `/case/call/${encodeURIComponent(shown)}`, { target: "#case", swap: "innerHTML" });
}

document.addEventListener("hatif:patched", (event) => {
  if ((event.target as Element).id === "call") follow();
});
shown = document.getElementById("call")?.dataset.call ?? "";
