// The walk from above: integrated path, where the player stands and looks, and which frames memory recalls.

const LEAST_METRES = 8; // across
const COLOURS = { path: "#6ea8ff", start: "#8be0c8", memory: "#ffb86b", grid: "#ffffff14", text: "#a9b6cb", player: "#ffffff" };

export class MiniMap {
  constructor(canvas) {
    this.canvas = canvas;
    this.scale = Math.min(2, window.devicePixelRatio || 1) * 1;
    canvas.width = canvas.height = 200 * this.scale;
    this.clear();
  }

  clear() {
    this.path = [[0, 0, 0]]; // [x, z, yaw]; the index is the frame number
    this.recalled = [];
    this.metres = LEAST_METRES;
    this.draw(0);
  }

  /** Take a segment note; poses beyond what is drawn wait for their frames. */
  add(note) {
    note.poses.forEach((pose, index) => { this.path[note.first_frame + index] = pose; });
    this.recalled = note.memory_poses;
  }

  /** Draw up to frame ``frame``. */
  draw(frame) {
    const context = this.canvas.getContext("2d");
    const size = this.canvas.width / this.scale;
    context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    context.clearRect(0, 0, size, size);
    const path = this.path.slice(0, frame + 1).filter(Boolean);
    if (!path.length) return;
    const [cx, cz, extent] = bounds(path);
    this.metres += (Math.max(LEAST_METRES, extent * 1.25) - this.metres) * 0.2; // grows softly
    const zoom = size / this.metres;
    const place = ([x, z]) => [size / 2 + (x - cx) * zoom, size / 2 - (z - cz) * zoom];
    drawGrid(context, size, this.metres, place, cx, cz);
    drawPath(context, path.map(place));
    dot(context, place([0, 0]), 3.5, COLOURS.start);
    const here = path.at(-1);
    for (const pose of this.recalled) drawRecalled(context, place(pose), pose[2], place(here));
    drawPlayer(context, place(here), here[2]);
  }
}

function bounds(path) {
  let [west, east, south, north] = [0, 0, 0, 0];
  for (const [x, z] of path) {
    west = Math.min(west, x); east = Math.max(east, x);
    south = Math.min(south, z); north = Math.max(north, z);
  }
  return [(west + east) / 2, (south + north) / 2, Math.max(east - west, north - south)];
}

function drawGrid(context, size, metres, place, cx, cz) {
  const step = metres > 60 ? 20 : metres > 25 ? 5 : metres > 12 ? 2 : 1;
  context.strokeStyle = COLOURS.grid;
  context.lineWidth = 1;
  context.beginPath();
  for (let i = Math.floor(-metres / step); i <= metres / step; i += 1) {
    const [x, y] = place([Math.round(cx / step) * step + i * step, Math.round(cz / step) * step + i * step]);
    context.moveTo(x, 0); context.lineTo(x, size);
    context.moveTo(0, y); context.lineTo(size, y);
  }
  context.stroke();
  const length = (step / metres) * size;
  context.fillStyle = COLOURS.text;
  context.fillRect(10, size - 11, length, 2);
  context.font = "11px system-ui, sans-serif";
  context.fillText(`${step} m`, 10, size - 16);
}

function drawPath(context, points) {
  context.lineWidth = 2;
  context.lineJoin = "round";
  context.strokeStyle = COLOURS.path;
  context.beginPath();
  points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.stroke();
}

function dot(context, [x, y], radius, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}

function wedge(context, [x, y], yaw, length, colour) {
  const towards = (degrees) => [x + length * Math.sin(degrees * Math.PI / 180), y - length * Math.cos(degrees * Math.PI / 180)];
  context.fillStyle = colour;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(...towards(yaw - 40));
  context.lineTo(...towards(yaw + 40));
  context.closePath();
  context.fill();
}

function drawRecalled(context, point, yaw, player) {
  context.strokeStyle = "#ffb86b80";
  context.setLineDash([3, 3]);
  context.beginPath();
  context.moveTo(...player);
  context.lineTo(...point);
  context.stroke();
  context.setLineDash([]);
  wedge(context, point, yaw, 18, "#ffb86b40");
  dot(context, point, 4, COLOURS.memory);
}

function drawPlayer(context, point, yaw) {
  wedge(context, point, yaw, 26, "#ffffff2e");
  dot(context, point, 5, COLOURS.player);
  dot(context, point, 3, COLOURS.path);
}
