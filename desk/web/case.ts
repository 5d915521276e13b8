/**
 * The caller's file appears as the operator answers, and stays until the next call. What is known of the caller has come
 * while it rang and lies hidden in `#coming`; only the case, which is opened at the answer, is still to be fetched.
 */

import { htmx } from "./htmx";

const panel = document.getElementById("case");
let shown = answered()?.call;

/** The call that the operator has, once they have answered it. */
function answered(): DOMStringMap | undefined {
  const call = document.getElementById("call")?.dataset;
  return call?.phase === "talking" || call?.phase === "helping" ? call : undefined;
}

function follow(): void {
  const call = answered();
  if (!panel || !call?.call || call.call === shown) return;
  shown = call.call;
  const id = encodeURIComponent(shown);
  const caller = document.querySelector(`#coming > [data-call="${CSS.escape(shown)}"]`);
  if (!caller || !call.case) {
    void htmx.ajax("get", `/case/call/${id}`, { target: "#case", swap: "innerHTML" });
    return;
  }
  const file = document.createElement("div");
  file.id = "case-file";
  panel.replaceChildren(caller, file);
  void htmx.ajax("get", `/case/file/${encodeURIComponent(call.case)}?call=${id}`, { target: "#case-file", swap: "innerHTML" });
}

document.addEventListener("hatif:patched", (event) => {
  if ((event.target as Element).id === "call") follow();
});
