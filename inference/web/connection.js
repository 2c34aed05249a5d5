// The WebSocket of inference/protocol.py: JSON both ways, frames with a header of 32 bytes to us.

const HEADER_BYTES = 32;
const MICRO = 1000;

/** Header fields of a binary frame; times in milliseconds since 1970. */
export function readHeader(buffer) {
  const view = new DataView(buffer);
  return {
    session: view.getUint32(0, true),
    segment: view.getUint32(4, true),
    frame: view.getUint32(8, true),
    applied: view.getUint32(12, true),
    generated: Number(view.getBigUint64(16, true)) / MICRO,
    sent: Number(view.getBigUint64(24, true)) / MICRO,
  };
}

/** What a closing code means to a player, and whether trying again by itself makes sense. */
export function explainClose(code, reason) {
  switch (code) {
    case 1000: return { title: "Goodbye", text: "You left the game.", retry: 0 };
    case 1001: return { title: "Seat freed", text: reason || "The server is closing.", retry: 0 };
    case 1008: return { title: "Connection refused", text: explainRefusal(reason), retry: 0 };
    case 1009: return { title: "Too large", text: "That image is too large; choose one below 2 MB.", retry: 0 };
    case 1011: return { title: "The model is down", text: reason, retry: 0 };
    case 1013: return { title: "All seats are taken", text: reason, retry: 5 };
    default: return { title: "Connection lost", text: "The server does not answer.", retry: 1 };
  }
}

/** A page whose origin the server does not know is told what allows it; the server's own line may be too short for that. */
function explainRefusal(reason) {
  if (!reason.includes("serve.allowed_origins")) return reason || "This page may not play here.";
  const setting = `--set 'serve.allowed_origins=["${location.origin}"]'`;
  return `The server does not know pages of ${location.origin}. If they are yours, start it with: worldloom play ${setting}`;
}

export class Connection {
  /** handlers: note(message), frame(header, jpeg Blob), lost({title, text, seconds}), trying() */
  constructor(handlers) {
    this.handlers = handlers;
    this.failures = 0;
    this.socket = null;
    this.timer = 0;
  }

  open() {
    clearTimeout(this.timer);
    this.handlers.trying();
    const address = new URL("play", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.say({ type: "hello", version: 1 });
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = (event) => this.closed(socket, event);
    this.socket = socket;
  }

  receive(data) {
    if (typeof data === "string") {
      const note = JSON.parse(data);
      if (note.type === "welcome") this.failures = 0;
      this.handlers.note(note);
    } else {
      this.handlers.frame(readHeader(data), new Blob([new Uint8Array(data, HEADER_BYTES)], { type: "image/jpeg" }));
    }
  }

  closed(socket, event) {
    if (socket !== this.socket) return;
    this.socket = null;
    const { title, text, retry } = explainClose(event.code, event.reason);
    const seconds = retry ? Math.min(10, retry * 2 ** this.failures) : 0;
    this.failures = Math.min(this.failures + 1, 6);
    if (seconds) this.timer = setTimeout(() => this.open(), seconds * 1000);
    this.handlers.lost({ title, text, seconds });
  }

  get isOpen() {
    return this.socket !== null && this.socket.readyState === WebSocket.OPEN;
  }

  say(message) {
    if (this.isOpen) this.socket.send(JSON.stringify(message));
  }
}
