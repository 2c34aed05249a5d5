// Keys, mouse and touch, turned into numbered actions.

const KEYS = {
  KeyW: "forward", KeyS: "back", KeyA: "left", KeyD: "right", Space: "jump", KeyF: "interact",
  KeyQ: "turn_left", KeyE: "turn_right", ArrowLeft: "turn_left", ArrowRight: "turn_right",
  ArrowUp: "look_up", ArrowDown: "look_down",
};
const DEGREES_PER_PIXEL = 0.14;
const DEGREES_PER_UNIT = 15; // of the model's mouse
const SEND_EVERY = 33; // milliseconds between mouse messages
const TAP_PATIENCE = 1500; // milliseconds that a released key waits to be shown

export class Controls {
  /** say(action) sends; changed(keys) hears what is down. */
  constructor(screen, pads, say, changed) {
    this.screen = screen;
    this.pads = pads;
    this.say = say;
    this.changed = changed;
    this.number = 0;
    this.applied = 0;
    this.pressed = new Map(); // source, such as "KeyW" -> {key, number, at, released}
    this.moved = [0, 0]; // pixels not yet sent, x and y
    this.waiting = []; // {number, at, byKey} of actions that no frame shows yet
    this.timer = 0;
    this.listen();
  }

  listen() {
    addEventListener("keydown", (event) => this.keyDown(event));
    addEventListener("keyup", (event) => this.release(event.code));
    addEventListener("blur", () => this.releaseAll());
    document.addEventListener("pointermove", (event) => this.pointerMoved(event));
    this.screen.addEventListener("click", (event) => {
      this.screen.focus();
      if (event.pointerType !== "touch" && !document.pointerLockElement) this.screen.requestPointerLock?.()?.catch?.(() => {});
    });
    this.screen.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch") this.screen.setPointerCapture(event.pointerId);
    });
    for (const button of this.pads) {
      const source = `pad ${button.dataset.key}`;
      button.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        button.setPointerCapture(event.pointerId);
        this.press(source, button.dataset.key);
      });
      for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) button.addEventListener(end, () => this.release(source));
    }
  }

  keyDown(event) {
    const key = KEYS[event.code];
    const typing = event.target.closest?.("input, textarea, dialog[open]");
    const pressing = event.target.closest?.("button") && event.code === "Space";
    if (!key || typing || pressing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!event.repeat) this.press(event.code, key);
  }

  press(source, key) {
    // Another key ends what only waits to be shown: the newest wish counts.
    for (const [other, held] of this.pressed) if (held.released) this.pressed.delete(other);
    this.pressed.set(source, { key, number: this.number + 1, at: performance.now(), released: false });
    this.send(true);
  }

  /** A tap shorter than a segment is held until a frame shows it, or it would be lost between two segments. */
  release(source) {
    const held = this.pressed.get(source);
    if (!held || held.released) return;
    if (this.applied >= held.number) {
      this.pressed.delete(source);
      this.send(true);
    } else {
      held.released = true;
    }
  }

  releaseAll() {
    if (!this.pressed.size) return;
    this.pressed.clear();
    this.send(true);
  }

  pointerMoved(event) {
    const dragging = event.pointerType === "touch" && event.target === this.screen && event.buttons;
    if (document.pointerLockElement !== this.screen && !dragging) return;
    const sign = dragging ? -1 : 1; // a finger drags the world, a mouse turns the head
    this.moved[0] += sign * event.movementX;
    this.moved[1] += sign * event.movementY;
    if (!this.timer) this.timer = setTimeout(() => this.send(false), SEND_EVERY);
  }

  keys() {
    return [...new Set([...this.pressed.values()].map((held) => held.key))];
  }

  send(byKey) {
    clearTimeout(this.timer);
    this.timer = 0;
    const unit = DEGREES_PER_PIXEL / DEGREES_PER_UNIT;
    const mouse = [-this.moved[1] * unit, this.moved[0] * unit].map((value) => Math.max(-100, Math.min(100, value)));
    this.moved = [0, 0];
    this.number += 1;
    this.waiting.push({ number: this.number, at: performance.now(), byKey });
    if (this.waiting.length > 500) this.waiting.shift();
    this.say({ type: "action", number: this.number, keys: this.keys(), mouse });
    this.changed(this.keys());
  }

  /** A frame was drawn that shows action ``applied``; returns milliseconds since that action, or null. */
  shown(applied) {
    this.releaseShownTaps(applied);
    if (applied <= this.applied) return null;
    this.applied = applied;
    const answered = this.waiting.filter((action) => action.number <= applied);
    this.waiting = this.waiting.filter((action) => action.number > applied);
    const measured = answered.find((action) => action.byKey) ?? answered.at(-1);
    return measured ? performance.now() - measured.at : null;
  }

  releaseShownTaps(applied) {
    const now = performance.now();
    const done = [...this.pressed].filter(([, held]) => held.released && (applied >= held.number || now - held.at > TAP_PATIENCE));
    for (const [source] of done) this.pressed.delete(source);
    if (done.length) this.send(true);
  }

  /** Numbers start anew with each connection. */
  restart() {
    this.number = 0;
    this.applied = 0;
    this.waiting = [];
    this.pressed.clear();
    this.changed([]);
  }
}
