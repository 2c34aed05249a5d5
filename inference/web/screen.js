// Draws frames as they come, counts them, and keeps small copies for the memory panel.

const LEAST_WIDTH = 896; // pixels of the canvas: scaled up smoothly, and readable when recorded
const COPIES_EVERY = 4; // frames; memory keeps the last frame of each segment
const MOST_COPIES = 400;

export class Screen {
  /** drawn(header) hears of each frame that reached the canvas. */
  constructor(canvas, drawn) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.drawn = drawn;
    this.session = 0;
    this.clear(0);
    this.times = [];
  }

  resize(width, height) {
    const scale = Math.max(1, Math.ceil(LEAST_WIDTH / width));
    [this.canvas.width, this.canvas.height] = [width * scale, height * scale];
    this.canvas.style.aspectRatio = `${width} / ${height}`;
    this.context.imageSmoothingQuality = "high";
  }

  clear(session) {
    this.session = session;
    this.newest = -1;
    this.next = null;
    this.dropped = 0;
    this.copies = new Map();
  }

  async show(header, blob) {
    if (header.session !== this.session) return;
    const bitmap = await createImageBitmap(blob);
    if (header.session !== this.session || header.frame <= this.newest) return bitmap.close();
    this.dropped += Math.max(0, header.frame - this.newest - 1);
    this.newest = header.frame;
    if (this.next) this.next.bitmap.close();
    else requestAnimationFrame(() => this.draw());
    this.next = { header, bitmap };
    if (header.frame % COPIES_EVERY === 0) this.keepCopy(header.frame, bitmap);
  }

  draw() {
    if (!this.next) return;
    const { header, bitmap } = this.next;
    this.next = null;
    this.context.drawImage(bitmap, 0, 0, this.canvas.width, this.canvas.height);
    bitmap.close();
    const now = performance.now();
    this.times.push(now);
    this.times = this.times.filter((time) => now - time < 2000);
    this.drawn(header);
  }

  keepCopy(frame, bitmap) {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [112, 64];
    copy.getContext("2d").drawImage(bitmap, 0, 0, 112, 64);
    this.copies.set(frame, copy);
    if (this.copies.size > MOST_COPIES) this.copies.delete([...this.copies.keys()][1]); // the first stays
  }

  get fps() {
    const count = this.times.length;
    return count > 1 ? ((count - 1) * 1000) / (this.times[count - 1] - this.times[0]) : 0;
  }
}
