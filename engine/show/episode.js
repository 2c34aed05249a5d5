// Plays an episode: what is drawn always belongs to the frame that the video shows
const data = JSON.parse(document.getElementById("data").textContent);
const video = document.getElementById("video"), beside = ["depth", "mask"].map(id => document.getElementById(id)).filter(Boolean);
const frames = data.place.length;
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const [text, soft, line, blue, mint, amber, red] = ["text", "soft", "line", "blue", "mint", "amber", "red"].map(colour);
const [field, off, unknownInk, stone] = ["field", "off", "unknown", "stone"].map(colour);
const caps = { up: "#0a0f18a6", letter: "#e6ecf5", down: "#6ea8ff", downLetter: "#08111f" }; // on the picture, whatever the page's colours
let shown = 0;

function sized(id, ratio, least = 0) {
  const canvas = document.getElementById(id), scale = devicePixelRatio;
  const width = canvas.clientWidth, height = ratio ? Math.max(least, Math.round(width * ratio)) : canvas.clientHeight;
  if (ratio) canvas.style.height = `${height}px`;
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.font = "11px system-ui, sans-serif";
  return [pen, width, height, canvas];
}

function drawKeys() {
  const [pen, width, height] = sized("overlay"), size = Math.max(14, Math.min(36, height / 9)), gap = size * 0.15;
  const keys = data.keyboard[shown], unknown = keys[0] < 0;
  const places = [["W", 1, 0], ["S", 1, 1], ["A", 0, 1], ["D", 2, 1], ["␣", 3.4, 1], ["E", 3.4, 0]];
  const left = size * 0.5, top = height - size * 2.9;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.font = `600 ${size * 0.5}px system-ui, sans-serif`;
  places.forEach(([name, column, row], key) => {
    const x = left + column * (size + gap), y = top + row * (size + gap);
    pen.fillStyle = keys[key] > 0 ? caps.down : caps.up;
    pen.beginPath();
    pen.roundRect(x, y, size, size, size * 0.2);
    pen.fill();
    pen.fillStyle = keys[key] > 0 ? caps.downLetter : caps.letter;
    pen.fillText(unknown ? "?" : name, x + size / 2, y + size / 2);
  });
  const [pitch, yaw] = data.mouse[shown], x = width - size * 1.6, y = height - size * 1.6, reach = size * 1.1;
  pen.strokeStyle = "#ffffff66";
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.arc(x, y, reach, 0, 7);
  pen.stroke();
  if (pitch === null) return;
  const pull = Math.min(1, Math.hypot(pitch, yaw) / 0.2), angle = Math.atan2(-pitch, yaw);
  pen.strokeStyle = pen.fillStyle = pull ? "#ffb86b" : "#ffffff66";
  pen.lineWidth = 3;
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x + reach * pull * Math.cos(angle), y + reach * pull * Math.sin(angle));
  pen.stroke();
}

function drawMap() {
  const [pen, width, height] = sized("map", 0.8);
  const xs = data.place.map(place => place[0]), zs = data.place.map(place => place[1]);
  const middle = [(Math.min(...xs) + Math.max(...xs)) / 2, (Math.min(...zs) + Math.max(...zs)) / 2];
  const span = Math.max(20, 1.5 * (Math.max(...xs) - Math.min(...xs)), 1.5 * (Math.max(...zs) - Math.min(...zs)));
  const scale = Math.min(width, height) / span, at = (x, z) => [width / 2 + (x - middle[0]) * scale, height / 2 - (z - middle[1]) * scale];
  pen.fillStyle = field;
  pen.fillRect(0, 0, width, height);
  for (const thing of data.map) {
    const [x, y] = at(thing.x, thing.z);
    pen.save();
    pen.translate(x, y);
    pen.rotate(thing.yaw * Math.PI / 180);
    pen.fillStyle = `color-mix(in srgb, ${thing.colour} 55%, ${stone})`;
    pen.fillRect(-thing.width * scale / 2, -thing.depth * scale / 2, thing.width * scale, thing.depth * scale);
    pen.restore();
  }
  pen.lineWidth = 2;
  for (let frame = 1; frame < frames; frame++) {
    pen.strokeStyle = `hsl(${210 - 170 * frame / frames} 80% 52%)`;
    pen.globalAlpha = frame <= shown ? 1 : 0.35;
    pen.beginPath();
    pen.moveTo(...at(...data.place[frame - 1]));
    pen.lineTo(...at(...data.place[frame]));
    pen.stroke();
  }
  pen.globalAlpha = 1;
  const [x, y] = at(...data.place[shown]), yaw = data.yaw[shown] * Math.PI / 180, half = data.fov * Math.PI / 360;
  pen.fillStyle = `color-mix(in srgb, ${text} 20%, transparent)`;
  pen.beginPath();
  pen.moveTo(x, y);
  pen.arc(x, y, 34, yaw - half - Math.PI / 2, yaw + half - Math.PI / 2);
  pen.fill();
  pen.fillStyle = text;
  pen.beginPath();
  pen.arc(x, y, 4, 0, 7);
  pen.fill();
  const metres = [1, 2, 5, 10, 20, 50, 100].find(length => length * scale > 40) || 100;
  pen.fillRect(10, height - 12, metres * scale, 2);
  pen.fillText(`${metres} m`, 10, height - 18);
}

function drawTimeline() {
  const [pen, width, height, canvas] = sized("timeline", 0.24, 130), label = 58, names = ["forward", "back", "left", "right", "jump", "use"];
  const row = Math.min(15, height / 10), x = frame => label + (width - label) * (frame + 0.5) / frames, step = Math.max(1, (width - label) / frames);
  pen.textBaseline = "middle";
  names.forEach((name, key) => {
    const y = key * row;
    pen.fillStyle = soft;
    pen.fillText(name, 0, y + row / 2);
    data.keyboard.forEach((keys, frame) => {
      pen.fillStyle = keys[key] > 0 ? blue : keys[key] < 0 ? unknownInk : off;
      pen.fillRect(x(frame) - step / 2, y + 1, step + 0.5, row - 2);
    });
  });
  const top = names.length * row + 6, room = height - top - 4, most = Math.max(0.1, ...data.mouse.flat().map(Math.abs));
  [["yaw", 1, mint], ["pitch", 0, amber]].forEach(([name, axis, ink], number) => {
    pen.fillStyle = ink;
    pen.fillText(name, 0, top + 8 + number * 14);
    pen.strokeStyle = ink;
    pen.beginPath();
    data.mouse.forEach((mouse, frame) => pen.lineTo(x(frame), top + room / 2 - (mouse[axis] ?? 0) / most * room / 2));
    pen.stroke();
  });
  pen.fillStyle = red;
  data.collided.forEach((hit, frame) => hit && pen.fillRect(x(frame) - 1, height - 4, 2, 4));
  pen.fillStyle = text;
  pen.fillRect(x(shown) - 0.5, 0, 1.5, height);
  canvas.onclick = event => show(Math.floor((event.offsetX - label) / (width - label) * frames));
}

function listThings() {
  document.getElementById("things")?.replaceChildren(...data.things[shown].map(([name, colour]) => {
    const item = document.createElement("li"), patch = document.createElement("i");
    patch.style.background = colour;
    item.append(patch, name);
    return item;
  }));
}

function drawActionSync() {
  const note = document.getElementById("answered"), curve = data.sync && data.sync.actions;
  const [pen, width, height] = sized("actions", 0.3);
  if (!curve || !curve.shifts.length) {
    document.getElementById("actions").style.height = 0;
    note.textContent = "Not told from keys and mouse: they changed too little.";
    return;
  }
  const from = curve.shifts[0] - 0.5, to = curve.shifts.at(-1) + 0.5, edge = 34, bottom = height - 20;
  const x = shift => edge + (width - edge - 8) * (shift - from) / (to - from);
  pen.strokeStyle = line;
  pen.strokeRect(edge, 10, width - edge - 8, bottom - 10);
  pen.fillStyle = soft;
  pen.fillText("100 %", 0, 14);
  pen.fillText("0", edge - 10, bottom);
  curve.shifts.forEach((shift, number) => {
    const share = Math.max(0, curve.explained[number]);
    pen.fillStyle = soft;
    pen.fillText(String(shift), x(shift) - 4, height - 6);
    pen.fillStyle = mint;
    pen.fillRect(x(shift) - 8, bottom - (bottom - 10) * share, 16, (bottom - 10) * share);
  });
  const moved = curve.corrected_frames ? ` after actions were moved by ${curve.corrected_frames} rows` : "";
  const lag = curve.lag_frames === null ? "No lag explains it clearly" : `Motion trails its action by ${curve.lag_frames.toFixed(2)} rows`;
  if (curve.lag_frames !== null) {
    pen.fillStyle = amber;
    pen.fillRect(x(curve.lag_frames) - 1, 10, 2, bottom - 10);
  }
  const share = Math.round(100 * curve.agreement);
  note.textContent = `Share of the motion that actions of so many rows earlier explain. ${lag}${moved}; ${share} % of their changes are answered so.`;
}

function drawSync() {
  const note = document.getElementById("synced"), curve = data.sync;
  const [pen, width, height] = sized("sync", 0.5);
  if (!curve || curve.lag_frames === null) {
    document.getElementById("sync").style.height = 0;
    note.textContent = "Not told from the pixels: the camera moved too little or too evenly.";
    return;
  }
  const most = Math.max(...curve.residual_px), from = curve.shifts[0], to = curve.shifts.at(-1), edge = 34;
  const x = shift => edge + (width - edge - 8) * (shift - from) / (to - from), y = residual => height - 20 - (height - 30) * residual / most;
  pen.strokeStyle = line;
  pen.strokeRect(edge, 10, width - edge - 8, height - 30);
  pen.fillStyle = soft;
  pen.fillText(`${most.toFixed(1)} px`, 0, 14);
  pen.fillText("0", edge - 10, height - 20);
  for (const shift of curve.shifts) if (Number.isInteger(shift)) pen.fillText(String(shift), x(shift) - 4, height - 6);
  pen.strokeStyle = mint;
  pen.lineWidth = 2;
  pen.beginPath();
  curve.shifts.forEach((shift, number) => pen.lineTo(x(shift), y(curve.residual_px[number])));
  pen.stroke();
  pen.fillStyle = amber;
  pen.fillRect(x(curve.lag_frames) - 1, 10, 2, height - 30);
  const moved = curve.corrected_frames ? ` after poses were moved by ${curve.corrected_frames.toFixed(2)}` : "";
  const lag = curve.lag_frames, said = Math.abs(lag) < 0.05 ? "Pixels and pose are in step" : `Pixels ${lag > 0 ? "trail" : "lead"} the pose`;
  note.textContent = `Residual in pixels by how many frames the pose is shifted. ${said} (${lag.toFixed(2)} frames)${moved}.`;
}

function draw() {
  drawKeys();
  drawMap();
  drawTimeline();
  listThings();
  document.getElementById("seek").value = shown;
  document.getElementById("now").textContent = `frame ${shown} · tick ${data.tick[shown]} · ${(shown / data.fps).toFixed(2)} s`;
}

function show(frame) {
  shown = Math.max(0, Math.min(frames - 1, frame));
  video.currentTime = (shown + 0.5) / data.fps;
  align();
  draw();
}

function align() { // a clock that stands may be half a frame from what it shows: frames are told by their number
  for (const other of beside) other.currentTime = (shown + 0.5) / data.fps;
}

function follow(now, meta) {
  shown = video.ended ? frames - 1 : Math.min(frames - 1, Math.floor(meta.mediaTime * data.fps + 0.01)); // it may come late
  if (video.paused) align();
  else for (const other of beside) if (Math.abs(other.currentTime - video.currentTime) > 0.5 / data.fps) other.currentTime = video.currentTime;
  draw();
  video.requestVideoFrameCallback(follow);
}

const button = document.getElementById("play");
button.onclick = () => video.paused ? video.play() : video.pause();
video.onplay = () => { button.textContent = "Pause"; beside.forEach(other => other.play()); };
video.onpause = () => {
  button.textContent = "Play";
  beside.forEach(other => other.pause());
  align(); // they may have lagged or led by some frames
};
video.onended = () => { // a busy browser may skip the callback of the last frame
  shown = frames - 1;
  align();
  draw();
};
document.getElementById("seek").oninput = event => show(Number(event.target.value));
addEventListener("keydown", event => {
  const steps = { ArrowLeft: -1, ArrowRight: 1, ",": -1, ".": 1 }[event.key];
  if (event.key === " ") button.click();
  else if (steps) show(shown + steps);
  else return;
  event.preventDefault();
});
matchMedia("(prefers-color-scheme: light)").onchange = () => location.reload(); // canvases take their colours once
addEventListener("resize", () => { draw(); drawSync(); drawActionSync(); });
video.requestVideoFrameCallback(follow);
draw();
drawSync();
drawActionSync();
