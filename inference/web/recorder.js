// Records the canvas as a WebM file.

const FORMATS = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm"];

export class ScreenRecorder {
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed; // hears true and false
    this.recorder = null;
  }

  get supported() {
    return "MediaRecorder" in window && "captureStream" in this.canvas;
  }

  toggle(fps) {
    if (this.recorder) return this.recorder.stop();
    const mimeType = FORMATS.find((format) => MediaRecorder.isTypeSupported(format));
    const parts = [];
    this.recorder = new MediaRecorder(this.canvas.captureStream(fps), { mimeType, videoBitsPerSecond: 6_000_000 });
    this.recorder.ondataavailable = (event) => parts.push(event.data);
    this.recorder.onstop = () => {
      this.recorder = null;
      this.changed(false);
      save(new Blob(parts, { type: "video/webm" }), `worldloom-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.webm`);
    };
    this.recorder.start(1000);
    this.changed(true);
  }
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
