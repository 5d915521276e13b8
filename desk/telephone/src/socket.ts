/**
 * The WebSocket to Asterisk, as JsSIP wants it.
 *
 * Asterisk asks every registered telephone every 15 s whether it is there. So a connection on which nothing arrives for
 * longer is dead, whatever the browser believes, and is made again.
 */

const SILENCE_MS = 40_000;
const LOOK_MS = 5_000;

/** Return the telephone's own address in this page. The gate lets only the telephone's own user through. */
export function contact(endpoint: string): string {
  return `sip:${endpoint}@${crypto.getRandomValues(new Uint32Array(2)).join("-")}.invalid;transport=ws`;
}

export class SipSocket {
  readonly via_transport = location.protocol === "https:" ? "wss" : "ws";
  readonly sip_uri: string;
  onconnect = (): void => {};
  ondisconnect = (_error: boolean, _code?: number, _reason?: string): void => {};
  ondata = <T>(_data: T): void => {};

  /** Lets the page in at the gate. Asked for as a protocol: browsers and proxies write addresses down. */
  ticket = "";
  private socket: WebSocket | null = null;
  private heard = 0;
  private watch = 0;

  /** `silenceMs`: how long nothing may arrive; a telephone that is not registered is asked nothing. */
  constructor(
    readonly url: string,
    private readonly silenceMs = SILENCE_MS,
  ) {
    this.sip_uri = `sip:${new URL(url).host};transport=ws`;
  }

  connect(): void {
    this.disconnect();
    const socket = new WebSocket(this.url, ["sip", `ticket.${this.ticket}`]);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.heard = performance.now();
      this.watch = window.setInterval(() => this.look(), LOOK_MS);
      this.onconnect();
    };
    socket.onmessage = ({ data }) => {
      this.heard = performance.now();
      this.ondata(data);
    };
    socket.onclose = ({ code, reason, wasClean }) => this.closed(socket, !wasClean, code, reason);
    this.socket = socket;
  }

  disconnect(): void {
    const socket = this.socket;
    this.forget();
    socket?.close();
  }

  /** Return whether it was sent. */
  send(message: string | ArrayBufferLike | Blob | ArrayBufferView): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(message as string);
    return true;
  }

  isConnected(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  isConnecting(): boolean {
    return this.socket?.readyState === WebSocket.CONNECTING;
  }

  /** Give up a connection that may be dead: the network has changed. JsSIP makes a new one. */
  renew(): void {
    const socket = this.socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.close();
    this.closed(socket, true, 1006, "renewed"); // closing a dead connection takes the browser a minute
  }

  private look(): void {
    if (performance.now() - this.heard > this.silenceMs) this.renew();
  }

  private closed(socket: WebSocket, error: boolean, code: number, reason: string): void {
    if (this.socket !== socket) return;
    this.forget();
    this.ondisconnect(error, code, reason);
  }

  private forget(): void {
    if (this.socket) this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket = null;
    clearInterval(this.watch);
  }
}
