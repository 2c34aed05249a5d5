// The page: connects the parts and shows what state the game is in.

import { Connection } from "./connection.js";
import { Controls } from "./controls.js";
import { MiniMap } from "./minimap.js";
import { ScreenRecorder } from "./recorder.js";
import { Screen } from "./screen.js";

const $ = (id) => document.getElementById(id);
const LATENCIES = 7; // action-to-photon shows the median of the last few

const game = { info: null, image: 0, upload: null, paused: false, latencies: [], notes: [], played: false };
const map = new MiniMap($("map"));
const screen = new Screen($("screen"), frameDrawn);
const connection = new Connection({ note: heard, frame: (header, blob) => screen.show(header, blob), lost, trying });
const controls = new Controls($("screen"), document.querySelectorAll("[data-key]"), (action) => connection.say(action), showKeys);
const recorder = new ScreenRecorder($("screen"), (on) => press($("record"), on));

function press(button, on) {
  button.setAttribute("aria-pressed", String(on));
}

function setStatus(state, text) {
  $("status").dataset.state = state;
  $("status").textContent = text;
}

function tell(title, text = "", button = false) {
  $("message").dataset.quiet = "false";
  $("message-title").textContent = title;
  $("message-text").textContent = text;
  $("message-button").hidden = !button;
}

function hush() {
  $("message").dataset.quiet = "true";
  $("message-button").hidden = true;
}

function heard(note) {
  switch (note.type) {
    case "waiting":
      setStatus("waiting", `In the queue: ${note.position}`);
      return tell("All seats are taken", `You are number ${note.position} in the queue. The game begins by itself.`);
    case "welcome":
      controls.restart();
      screen.resize(note.width, note.height);
      return start();
    case "loading":
      setStatus("waiting", "Loading the model");
      return tell("The model is loading", "This takes some seconds.");
    case "started":
      return began(note);
    case "segment":
      if (note.session === screen.session) game.notes.push(note);
      return undefined;
    case "error":
      setStatus("waiting", note.text);
      return tell("The server says", note.text);
  }
  return undefined;
}

function began(note) {
  screen.clear(note.session);
  map.clear();
  game.notes = [];
  game.latencies = [];
  setPaused(false);
  setStatus("playing", "Playing");
  if (game.played) hush();
  else tell("Click to play", "W A S D to walk, mouse or arrow keys to look. H shows all keys.");
}

function frameDrawn(header) {
  while (game.notes.length && game.notes[0].first_frame <= header.frame) takeSegment(game.notes.shift());
  const latency = controls.shown(header.applied);
  if (latency !== null) game.latencies = [...game.latencies, latency].slice(-LATENCIES);
  map.draw(header.frame);
  $("hud-fps").textContent = screen.fps.toFixed(1);
  $("hud-segment").textContent = header.segment;
  $("hud-frame").textContent = header.frame;
  $("hud-applied").textContent = header.applied;
  $("hud-dropped").textContent = screen.dropped;
  if (game.latencies.length) $("hud-latency").textContent = Math.round(median(game.latencies));
}

function takeSegment(note) {
  map.add(note);
  $("hud-model").textContent = Math.round(note.seconds.all * 1000);
  const figures = note.memory_frames.filter((frame) => screen.copies.has(frame)).map((frame) => {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = `frame ${frame}`;
    figure.append(screen.copies.get(frame), caption);
    return figure;
  });
  if (figures.length) $("recalled").replaceChildren(...figures);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function showKeys(keys) {
  for (const button of document.querySelectorAll("[data-key]")) button.classList.toggle("down", keys.includes(button.dataset.key));
  if (keys.length) game.played = true;
  if (keys.length && !game.paused && connection.isOpen && $("status").dataset.state === "playing") hush();
}

function trying() {
  setStatus("connecting", "Connecting");
}

function lost({ title, text, seconds }) {
  setStatus("lost", title);
  tell(title, seconds ? `${text} Trying again in ${Math.round(seconds)} s.` : text, true);
}

function start() {
  const seed = Math.min(2147483647, Math.max(0, Math.trunc(Number($("seed").value) || 0)));
  const from = game.upload ? { png: game.upload } : { image: game.image };
  connection.say({ type: "start", ...from, seed, prompt: $("prompt").value.trim().slice(0, 300) });
}

function setPaused(paused) {
  game.paused = paused;
  press($("pause"), paused);
}

function togglePause(paused = !game.paused) {
  setPaused(paused);
  connection.say({ type: "pause", paused });
  if (paused) tell("Paused", "Press P to go on.");
  else hush();
}

function chooseStart(number) {
  game.image = number;
  game.upload = null;
  $("prompt").placeholder = game.info.starts[number]?.prompt ?? "";
  for (const button of $("starts").children) button.setAttribute("aria-checked", String(Number(button.dataset.number) === number));
}

function listStarts(starts) {
  $("starts").replaceChildren(...starts.map(({ number, prompt }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.role = "radio";
    button.title = prompt;
    button.dataset.number = number;
    const picture = new Image();
    picture.src = `starts/${number}.jpg`;
    picture.alt = `Start ${number}: ${prompt}`;
    button.append(picture);
    button.addEventListener("click", () => { chooseStart(number); start(); });
    return button;
  }));
}

async function takeUpload(file) {
  if (!file) return;
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  if (bytes.length > 2 * 1024 * 1024) return tell("Too large", "Choose an image below 2 MB.");
  chooseStart(-1);
  game.upload = btoa(text);
  start();
}

function wire() {
  $("start").addEventListener("submit", (event) => { event.preventDefault(); start(); $("screen").focus(); });
  $("reset").addEventListener("click", () => connection.say({ type: "reset" }));
  $("pause").addEventListener("click", () => togglePause());
  $("record").addEventListener("click", () => recorder.toggle(game.info.fps));
  $("record").disabled = !recorder.supported;
  $("fullscreen").addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : $("frame").requestFullscreen()));
  $("help").addEventListener("click", () => $("keys").showModal());
  $("upload").addEventListener("change", (event) => takeUpload(event.target.files[0]));
  $("message-button").addEventListener("click", () => connection.open());
  $("screen").addEventListener("click", () => { game.played = true; if (!game.paused && connection.isOpen) hush(); });
  addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, dialog[open]")) return;
    if (event.code === "KeyR") connection.say({ type: "reset" });
    if (event.code === "KeyP") togglePause();
    if (event.code === "KeyH" || event.key === "?") $("keys").showModal();
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden && !game.paused && connection.isOpen) togglePause(true); });
}

async function open() {
  try {
    const answer = await fetch("info");
    if (!answer.ok) throw new Error((await answer.text()).slice(0, 300));
    game.info = await answer.json();
  } catch (error) {
    lost({ title: "The server does not answer", text: error instanceof TypeError ? "Is it running?" : error.message, seconds: 3 });
    return setTimeout(open, 3000);
  }
  $("model").textContent = `${game.info.name} · ${game.info.bundle.slice(0, 8)} · ${game.info.width}×${game.info.height}`;
  $("banner").textContent = game.info.banner;
  $("banner").hidden = !game.info.banner;
  screen.resize(game.info.width, game.info.height);
  listStarts(game.info.starts);
  chooseStart(0);
  connection.open();
  return undefined;
}

wire();
open();
