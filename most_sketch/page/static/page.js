// What a person does on the page, and what is seen then. The state below is all that is known; `render` shows it, and
// `work` does what it lacks, the most wanted first.

import { Sketcher, SketchError } from "./most-sketch.js";
import texts from "./texts.js";
import { zip } from "./files.js";

const FOLDER = new URL("./", import.meta.url);
const EXAMPLE_STRIP = new URL("examples/styles.webp", FOLDER);
const SMALL_FACE = 1.25;
const QUALITY = 0.92;
/** Milliseconds without a wish after which the other styles are drawn. */
const QUIET = 800;

const $ = (selector) => document.querySelector(selector);

const state = {
  about: undefined,
  sketcher: undefined,
  progress: { loaded: 0, total: 0 },
  photos: [],
  /** The photo that is shown; undefined shows the examples. */
  shown: undefined,
  style: undefined,
  size: "",
  framing: "portrait",
  finish: "fade",
  view: "sketch",
  /** {code, values, remedy}: why the last thing that was asked for could not be done. */
  problem: undefined,
  told: "",
  /** What is being done, and since when. */
  job: undefined,
  /** Photos and which was shown, before the last change of them. */
  before: undefined,
};

function text(name, values = {}) {
  return texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

// --- Photos -----------------------------------------------------------------------------------------------------

/** A photo as it comes: nothing is known of it but its name. */
function newPhoto(file) {
  return {
    file,
    name: file.name || texts.camera_file,
    /** What `Sketcher.open` says of it. */
    looked: undefined,
    /** A number from the left, "all", or null for the whole picture. */
    face: undefined,
    /** What is drawn of it, by `keyOf`. */
    drawings: new Map(),
    /** Small sketches in other styles, by `previewKey`. */
    previews: new Map(),
    placed: new Map(),
    failed: undefined,
  };
}

function add(files) {
  const photos = [...files].map(newPhoto);
  if (!photos.length) {
    fail({ code: "noFile" });
    return;
  }
  remember();
  state.problem = undefined;
  state.told = "";
  state.photos = [...state.photos, ...photos];
  // The first of them is shown once it is drawn; until then what is there stays.
  state.wanted = photos[0];
  kick();
}

function remember() {
  state.before = { photos: state.photos, shown: state.shown };
}

function undo() {
  const { photos, shown } = state.before;
  state.photos = photos;
  show(shown);
  state.before = undefined;
}

function remove() {
  const place = state.photos.indexOf(state.shown);
  remember();
  state.photos = state.photos.filter((photo) => photo !== state.shown);
  show(state.photos[Math.min(place, state.photos.length - 1)]);
}

function show(photo) {
  state.shown = photo;
  state.wanted = undefined;
  state.problem = photo?.failed && { ...photo.failed };
  state.told = "";
  kick();
}

/** The faces of a photo that are to be drawn: numbers from the left, or null for the whole picture. */
function chosen(photo) {
  if (photo.face === null) return [null];
  if (photo.face === "all") return photo.looked.faces.map((_, index) => index);
  return [photo.face ?? largest(photo)];
}

function largest(photo) {
  const areas = photo.looked.faces.map(({ box }) => (box[2] - box[0]) * (box[3] - box[1]));
  return areas.indexOf(Math.max(...areas));
}

function keyOf(face, style = state.style) {
  return JSON.stringify([face, style, state.size, state.framing, state.finish]);
}

function drawingsOf(photo, style = state.style) {
  return photo?.looked ? chosen(photo).map((face) => photo.drawings.get(keyOf(face, style))) : [];
}

/** What is drawn of a photo as it is chosen now, if all of it is. */
function finished(photo) {
  const drawings = drawingsOf(photo);
  return drawings.length && drawings.every(Boolean) ? drawings : undefined;
}

// --- Work -------------------------------------------------------------------------------------------------------

/** What is lacking most: {photo, run, said, main}; `main` for what a person waits for. */
function next() {
  const first = state.wanted ?? state.shown;
  const order = [...new Set([first, state.shown, ...state.photos])].filter(Boolean);
  for (const photo of order) {
    const job = lacking(photo);
    if (job) return job;
  }
  const shown = finished(state.shown);
  if (shown && state.view === "photo" && !state.shown.placed.has(placedKey(state.shown))) {
    return { photo: state.shown, main: true, said: text("placing"), run: placing(state.shown) };
  }
  return undefined;
}

/** The shown face in a style, for the style's picture: close, and as small as the network draws, which is quicker. */
function preview() {
  const photo = state.shown;
  const drawings = finished(photo);
  if (!drawings || photo.failed) return undefined;
  const [{ face, height }] = drawings;
  const least = state.about.least ?? height;
  const { finish } = state;
  for (const { name: style, generator } of state.about.styles) {
    // A network that nobody has asked for yet is not downloaded for a small picture.
    if (closeUp(photo, face, style) || generator !== generatorOf(state.style)) continue;
    const run = async () => {
      const options = { style, face, size: least, framing: "face", finish };
      const drawn = await state.sketcher.sketch(photo.file, options);
      photo.previews.set(previewKey(face, style), drawn);
      if (isClose(face) && height === least) photo.drawings.set(keyOf(face, style), drawn);
    };
    return { photo, main: false, said: "", run };
  }
  return undefined;
}

function generatorOf(style) {
  return state.about.styles.find(({ name }) => name === style).generator;
}

function previewKey(face, style) {
  return JSON.stringify([face, style, state.finish]);
}

/** Whether the sketch that is asked for shows the face as close as the pictures of styles do. */
function isClose(face) {
  return face === null || state.framing === "face" || !state.about.person;
}

/** A sketch in a style that shows a face close. */
function closeUp(photo, face, style) {
  const drawn = isClose(face) ? photo.drawings.get(keyOf(face, style)) : undefined;
  return drawn ?? photo.previews.get(previewKey(face, style));
}

function lacking(photo) {
  if (photo.failed) return undefined;
  if (!photo.looked) {
    const run = async () => { photo.looked = await state.sketcher.open(photo.file); };
    return { photo, main: true, said: text("looking", photo), run };
  }
  if (photo.face !== null && !photo.looked.faces.length) {
    return { photo, main: true, said: "", run: async () => { throw new SketchError({ code: "noFace", values: {} }); } };
  }
  const face = chosen(photo).find((each) => !photo.drawings.has(keyOf(each)));
  return face === undefined ? undefined : drawing(photo, face, state.style, true);
}

function drawing(photo, face, style, main) {
  const count = photo.looked.faces.length;
  const said = count > 1 && face !== null
    ? text("drawing_face", { name: photo.name, number: face + 1, count })
    : text("drawing", photo);
  const key = keyOf(face, style);
  const size = state.size ? Number(state.size) : undefined;
  const options = { style, size, face, framing: state.framing, finish: state.finish };
  const run = async () => { photo.drawings.set(key, await state.sketcher.sketch(photo.file, options)); };
  return { photo, main, said, run, draws: true };
}

function placedKey(photo) {
  return JSON.stringify(chosen(photo).map((face) => keyOf(face)));
}

function placing(photo) {
  const key = placedKey(photo);
  const drawings = finished(photo);
  return async () => {
    photo.placed.set(key, await state.sketcher.inPhoto(photo.looked.width, photo.looked.height, drawings));
  };
}

/** Do what is lacking until nothing is. */
async function work() {
  if (state.job || !state.sketcher) return;
  clearTimeout(state.idle);
  for (let job = wanted(); job; job = wanted()) {
    state.job = { ...job, since: performance.now() };
    render();
    try {
      await job.run();
      if (job.draws) state.seconds = (performance.now() - state.job.since) / 1000;
    } catch (error) {
      refuse(job, error);
    }
    if (job.photo === state.wanted && finished(state.wanted)) {
      state.shown = state.wanted;
      state.wanted = undefined;
      state.arrived = true;
    }
    state.job = undefined;
    if (job.main) state.lastMain = performance.now();
  }
  render();
  // In the quiet after what was asked for, so that the next wish need not wait.
  if (preview()) state.idle = setTimeout(work, QUIET);
}

function wanted() {
  return next() ?? (performance.now() - (state.lastMain ?? 0) >= QUIET ? preview() : undefined);
}

/** Say why a photo could not be drawn. What is no picture goes; a picture without a face may still be drawn whole. */
function refuse({ photo, main }, error) {
  if (!(error instanceof SketchError)) throw error;
  const problem = { code: error.code, values: { ...error.values, name: photo.name }, photo };
  photo.failed = problem;
  if (!main) return;
  if (error.code !== "noFace" && !photo.drawings.size) state.photos = state.photos.filter((each) => each !== photo);
  if (photo === state.wanted) state.wanted = undefined;
  state.problem = problem;
}

function kick() {
  render();
  work();
}

function fail(problem) {
  state.problem = problem;
  render();
}

async function load() {
  state.problem = undefined;
  state.progress = { loaded: 0, total: 0 };
  render();
  try {
    const sketcher = await Sketcher.load(FOLDER, (progress) => {
      state.progress = progress;
      tell();
    });
    state.about = sketcher.about;
    state.style ??= sketcher.first;
    state.sketcher = sketcher;
    keepForLater();
    kick();
  } catch (error) {
    if (!(error instanceof SketchError)) throw error;
    fail({ code: "network", values: error.values, remedy: "retry" });
  }
}

/** The service worker, which keeps the site on the device; where there is none, the page draws all the same. */
function keepForLater() {
  navigator.serviceWorker?.register(new URL("../sw.js", FOLDER)).catch(() => {});
}

// --- What is seen -----------------------------------------------------------------------------------------------

function render() {
  showStage();
  showCards();
  showStyles();
  showFaces();
  showButtons();
  tell();
}

function tell() {
  const drawing = state.sketcher && (state.job?.main || next()?.main);
  const busy = !state.sketcher || drawing;
  const said = state.problem ? "error" : !state.sketcher ? "loading" : drawing ? "drawing" : "drawn";
  document.body.dataset.state = said;
  document.body.toggleAttribute("data-busy", Boolean(busy && !(state.problem && !state.sketcher)));
  $("#problem").hidden = !state.problem;
  if (state.problem) {
    const { code, values, photo } = state.problem;
    put($("#error"), text(`error_${code}`, values));
    const remedy = code === "network" ? texts.retry : code === "noFace" && photo ? texts.draw_whole : "";
    $("#remedy").hidden = !remedy;
    $("#remedy").textContent = remedy;
  }
  put($("#status"), line());
  $("#progress").value = share();
}

/** Set the words of a part that is read aloud, if they are others: the same would be read again. */
function put(part, words) {
  if (part.textContent !== words) part.textContent = words;
}

function line() {
  const { loaded, total } = state.progress;
  if (!state.sketcher) {
    if (state.problem) return "";
    const waiting = state.wanted ? ` ${text("waiting_for_network", state.wanted)}` : "";
    if (!total || loaded >= total) return texts.starting + waiting;
    const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
    const percent = Math.floor((100 * loaded) / total);
    return text("loading", { loaded: megabytes(loaded), total: megabytes(total), percent }) + waiting;
  }
  if (state.job?.main) return state.job.said;
  if (state.told) return state.told;
  const drawings = finished(state.shown);
  if (!drawings) return state.shown || state.problem ? "" : texts.ready;
  const { name, looked } = state.shown;
  const { style, width, height, face, turned, enlargement } = drawings[0];
  if (drawings.length > 1) return text("drawn_all", { name, style, count: drawings.length });
  const count = looked.faces.length;
  const which = count > 1 && face !== null ? `${name}, ${text("face_one", { number: face + 1, count })}` : name;
  const notes = [
    turned ? text("turned", { degrees: turned }) : "",
    enlargement > SMALL_FACE ? text("small", { times: enlargement.toFixed(1) }) : "",
  ];
  return [`${text("drawn", { name: which, style, width, height })}.`, ...notes].filter(Boolean).join(" ");
}

function share() {
  if (!state.sketcher) return state.progress.total ? state.progress.loaded / state.progress.total : 0;
  if (!state.job) return 1;
  // The network does not say how far it is; the last drawing says how long one takes.
  const seconds = (performance.now() - state.job.since) / 1000;
  return 1 - Math.exp((-1.5 * seconds) / (state.seconds ?? 4));
}

setInterval(() => {
  if (state.job?.main) $("#progress").value = share();
}, 100);

/** An address for a blob, the same for the same; freed when its photo is. */
const addresses = new WeakMap();
const freed = new FinalizationRegistry((address) => URL.revokeObjectURL(address));
function addressOf(blob) {
  if (!addresses.has(blob)) {
    const address = URL.createObjectURL(blob);
    addresses.set(blob, address);
    freed.register(blob, address);
  }
  return addresses.get(blob);
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function image(blob, alt, attributes = {}) {
  return element("img", { src: addressOf(blob), alt, draggable: "false", ...attributes });
}

/** Replace what a part holds, if that is something else than before. */
const shownKeys = new WeakMap();
function replace(part, key, make) {
  if (shownKeys.get(part) === key) return;
  shownKeys.set(part, key);
  const focused = part.contains(document.activeElement) ? document.activeElement.value : undefined;
  part.replaceChildren(...make());
  if (focused !== undefined) part.querySelector(`input[value="${CSS.escape(focused)}"]`)?.focus();
}

const numbers = new WeakMap();
let counted = 0;
function numberOf(thing) {
  if (!thing) return 0;
  if (!numbers.has(thing)) numbers.set(thing, ++counted);
  return numbers.get(thing);
}

let examples;
function showStage() {
  const pane = $("#pane");
  examples ??= [...pane.children];
  const drawings = finished(state.shown);
  document.body.dataset.view = state.view;
  if (!state.shown) {
    pane.classList.remove("single");
    replace(pane, "examples", () => examples);
    return;
  }
  // Until it is drawn as it is wanted now, what is there stays.
  if (!drawings) return;
  const placed = state.shown.placed.get(placedKey(state.shown));
  if (state.view === "photo" && !placed) return;
  const key = [state.view, ...drawings.map(numberOf), numberOf(placed)].join(" ");
  const { name } = state.shown;
  replace(pane, key, () => {
    pane.classList.toggle("single", state.view === "photo" || drawings.length === 1);
    const { width, height } = state.shown.looked;
    if (state.view === "photo") return [shaped(image(placed, text("in_photo_alt", { name }), { width, height }), width, height)];
    return drawings.map((each) => shaped(seen(each, name), each.width, each.height));
  });
  if (state.arrived) {
    state.arrived = false;
    bringIntoView();
  }
}

function seen({ sketch, photo, style, width, height }, name) {
  const sketched = image(sketch, text("sketch_alt", { name, style }), { width, height });
  if (state.view === "sketch") return sketched;
  const before = image(photo, text("photo_alt", { name }), { width, height });
  if (state.view === "sides") return element("div", { class: "sides" }, before, sketched);
  const slider = element("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": texts.slider });
  return element("div", { class: "compare" }, before, sketched, slider);
}

function shaped(content, width, height) {
  const figure = element("figure", {}, content);
  figure.style.setProperty("--shape", width / height);
  return figure;
}

/** On a phone the sketch and its buttons are below what was touched. */
function bringIntoView() {
  if ($("#pane").getBoundingClientRect().top < 0 || $("#keep").getBoundingClientRect().bottom > innerHeight) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    $("#stage").scrollIntoView({ block: "start", behavior: still ? "auto" : "smooth" });
  }
}

function choice(group, value, checked, label, picture) {
  const input = element("input", { type: "radio", name: group, value, checked });
  return element("label", {}, picture, element("span", {}, label), input);
}

function showCards() {
  const { photos } = state;
  $("#cards").hidden = photos.length < 2;
  $("#changes").hidden = !photos.length && !state.before;
  $("#remove").hidden = !state.shown;
  $("#undo").hidden = !state.before;
  const current = state.wanted ?? state.shown;
  const pictures = photos.map((photo) => drawingsOf(photo).find(Boolean)?.sketch ?? photo.looked?.picture);
  const said = photos.map((photo) => (photo.failed ? texts.card_no_face : photo.looked ? "" : texts.card_waiting));
  const key = JSON.stringify([photos.map(numberOf), pictures.map(numberOf), said, numberOf(current)]);
  replace($("#cards"), key, () => photos.map((photo, index) => {
    const label = said[index] ? `${photo.name}, ${said[index]}` : photo.name;
    return choice("card", index, photo === current, label, thumb(pictures[index]));
  }));
}

function thumb(blob, waiting = !blob) {
  const name = waiting ? "thumb waiting" : "thumb";
  return blob ? image(blob, "", { class: name }) : element("div", { class: name });
}

function showStyles() {
  const styles = state.about?.styles ?? [];
  const [face] = state.shown?.looked && finished(state.shown) ? chosen(state.shown) : [];
  const sketches = styles.map(({ name }) => state.shown && closeUp(state.shown, face, name)?.sketch);
  const key = JSON.stringify([styles.map(({ name }) => name), sketches.map(numberOf), numberOf(state.shown)]);
  replace($("#styles"), key, () => styles.map(({ name, description }, index) => {
    const label = choice("style", name, name === state.style, name, sketches[index] ? thumb(sketches[index])
      : exampleThumb(index, styles.length));
    if (description) label.title = description;
    return label;
  }));
  for (const input of $("#styles").querySelectorAll("input")) input.checked = input.value === state.style;
}

function exampleThumb(index, count) {
  const made = element("div", { class: state.shown ? "thumb waiting" : "thumb" });
  made.style.backgroundImage = `url("${EXAMPLE_STRIP}")`;
  made.style.backgroundPosition = `${count > 1 ? (100 * index) / (count - 1) : 0}% 0`;
  return made;
}

function showFaces() {
  const photo = state.shown;
  const faces = photo?.looked?.faces ?? [];
  const whole = photo?.face === null;
  $("#faces-group").hidden = faces.length < 2 || whole;
  $("#whole-group").hidden = !faces.length;
  // A network that cannot tell the person has one framing.
  $("#framing-group").hidden = !state.about?.person || whole;
  $("#whole").value = whole ? "whole" : "face";
  if (faces.length < 2) return;
  const key = String(numberOf(photo));
  replace($("#faces"), key, () => [
    ...faces.map(({ picture }, index) =>
      choice("face", index, false, text("face", { number: index + 1 }), thumb(picture))),
    choice("face", "all", false, text("all_faces", { count: faces.length }),
      element("div", { class: "all" }, ...faces.slice(0, 4).map(({ picture }) => image(picture, "")))),
  ]);
  const value = String(photo.face ?? largest(photo));
  for (const input of $("#faces").querySelectorAll("input")) input.checked = input.value === value;
}

function showButtons() {
  const drawings = finished(state.shown);
  const ready = Boolean(drawings);
  $("#views").disabled = !state.shown;
  for (const name of ["download", "copy", "print", "share"]) $(`#${name}`).disabled = !ready;
  $("#copy").hidden = !(navigator.clipboard && window.ClipboardItem);
  const several = ready && drawings.length > 1 && state.view !== "photo";
  $("#download").textContent = several ? text("download_zip", { count: drawings.length }) : texts.download;
  $("#download-all").hidden = state.photos.length < 2;
  $("#download-all").disabled = !state.photos.some(finished);
  const sharable = new File([""], "sketch.png", { type: "image/png" });
  $("#share").hidden = !navigator.canShare?.({ files: [sharable] });
}

// --- Keeping sketches -------------------------------------------------------------------------------------------

/** Files [{name, blob}] of a photo's sketches as they are seen now. */
async function filesOf(photo, format = $("#format").value) {
  const drawings = finished(photo);
  const stem = photo.name.replace(/\.[^.]*$/, "");
  const suffix = format === "jpeg" ? "jpg" : "png";
  const named = (...tags) => `${[stem, ...tags.filter(Boolean), "sketch"].join(".")}.${suffix}`;
  if (state.view === "photo") {
    if (!photo.placed.has(placedKey(photo))) await placing(photo)();
    const picture = photo.placed.get(placedKey(photo));
    return [{ name: named(state.style, "photo"), blob: await inFormat(picture, format) }];
  }
  const several = photo.looked.faces.length > 1;
  return Promise.all(drawings.map(async (each) => {
    const number = several && each.face !== null ? String(each.face + 1) : "";
    if (state.view !== "sides") return { name: named(number, each.style), blob: await inFormat(each.sketch, format) };
    const kind = format === "jpeg" ? "image/jpeg" : "image/png";
    return {
      name: named(number, each.style, "side-by-side"),
      blob: await state.sketcher.sideBySide(each, kind, QUALITY),
    };
  }));
}

async function inFormat(sketch, format) {
  if (format === "transparent") return state.sketcher.transparent(sketch, state.style);
  if (format === "jpeg") return state.sketcher.jpeg(sketch, QUALITY);
  return sketch;
}

async function download() {
  const files = await filesOf(state.shown);
  const stem = state.shown.name.replace(/\.[^.]*$/, "");
  if (files.length === 1) save(files[0].name, files[0].blob);
  else save(`${stem}.${state.style}.sketches.zip`, await zip(files));
}

async function downloadAll() {
  const files = [];
  for (const photo of state.photos.filter(finished)) files.push(...await filesOf(photo));
  // Photos of one name from two folders are two.
  const names = new Map();
  for (const file of files) {
    const count = (names.get(file.name) ?? 0) + 1;
    names.set(file.name, count);
    if (count > 1) file.name = file.name.replace(/(\.[^.]*)$/, ` (${count})$1`);
  }
  save("sketches.zip", await zip(files));
}

function save(name, blob) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  say(text("saved", { name }));
}

function say(words) {
  state.told = words;
  tell();
}

async function copy() {
  try {
    // As a promise: some browsers let nothing into the clipboard that comes later than the touch.
    const content = filesOf(state.shown, "png").then(([{ blob }]) => blob);
    await navigator.clipboard.write([new ClipboardItem({ "image/png": content })]);
    say(texts.copied);
  } catch {
    fail({ code: "copy" });
  }
}

async function shareSketch() {
  const files = await filesOf(state.shown);
  try {
    await navigator.share({ files: files.map(({ name, blob }) => new File([blob], name, { type: blob.type })) });
  } catch (error) {
    if (error.name !== "AbortError") fail({ code: "fault", values: { name: files[0].name, message: error.message } });
  }
}

// --- The camera -------------------------------------------------------------------------------------------------

async function openCamera() {
  // A phone's own camera is better than any window for one.
  if (matchMedia("(pointer: coarse)").matches || !navigator.mediaDevices?.getUserMedia) {
    $("#capture").click();
    return;
  }
  try {
    $("#video").srcObject = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "user", width: { ideal: 1920 }, height: { ideal: 1080 } },
    });
    $("#camera-dialog").showModal();
  } catch (error) {
    fail({ code: "camera", values: { message: error.message } });
  }
}

async function takePhoto() {
  const video = $("#video");
  const canvas = element("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
  $("#camera-dialog").close();
  add([new File([blob], texts.camera_file, { type: "image/jpeg" })]);
}

function closeCamera() {
  for (const track of $("#video").srcObject?.getTracks() ?? []) track.stop();
  $("#video").srcObject = null;
}

// --- Events -----------------------------------------------------------------------------------------------------

function on(selector, event, act) {
  $(selector).addEventListener(event, act);
}

on("#choose", "click", () => $("#file").click());
on("#camera", "click", openCamera);
for (const input of ["#file", "#capture"]) {
  on(input, "change", ({ target }) => {
    if (target.files.length) add(target.files);
    target.value = "";
  });
}
on("#cards", "change", ({ target }) => show(state.photos[Number(target.value)]));
on("#remove", "click", remove);
on("#undo", "click", undo);
on("#views", "change", ({ target }) => { state.view = target.value; state.told = ""; kick(); });
on("#styles", "change", ({ target }) => { state.style = target.value; again(); });
on("#faces", "change", ({ target }) => {
  state.shown.face = target.value === "all" ? "all" : Number(target.value);
  again();
});
on("#whole", "change", ({ target }) => { state.shown.face = target.value === "whole" ? null : undefined; again(); });
on("#framing", "change", ({ target }) => { state.framing = target.value; again(); });
on("#finish", "change", ({ target }) => { state.finish = target.value; again(); });
on("#size", "change", ({ target }) => { state.size = target.value; again(); });
on("#download", "click", download);
on("#download-all", "click", downloadAll);
on("#copy", "click", copy);
on("#share", "click", shareSketch);
on("#print", "click", () => print());
on("#dismiss", "click", () => { state.problem = undefined; render(); });
on("#remedy", "click", remedy);
on("#take", "click", takePhoto);
on("#cancel", "click", () => $("#camera-dialog").close());
on("#camera-dialog", "close", closeCamera);
on("#pane", "input", ({ target }) => {
  if (target.type === "range") target.parentElement.style.setProperty("--photo", `${target.value}%`);
});
on("#pane", "click", async ({ target }) => {
  const figure = target.closest("button") && target.closest("[data-example]");
  if (!figure) return;
  const name = `${figure.dataset.example}.jpg`;
  const response = await fetch(new URL(`examples/${name}`, FOLDER));
  add([new File([await response.blob()], name, { type: "image/jpeg" })]);
});

/** Something else is wanted of the photos that are there; what failed may succeed now. */
function again() {
  state.problem = undefined;
  state.told = "";
  for (const photo of state.photos) if (photo.failed?.code !== "noFace") photo.failed = undefined;
  kick();
}

function remedy() {
  const { photo } = state.problem;
  if (!photo) {
    load();
    return;
  }
  state.problem = undefined;
  photo.failed = undefined;
  photo.face = null;
  state.wanted = photo;
  kick();
}

// A file anywhere on the page is a photo to draw; the browser would open it instead.
const dragged = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
let inside = 0;
addEventListener("dragenter", (event) => {
  inside += 1;
  if (dragged(event)) $("#drop").hidden = false;
});
addEventListener("dragleave", () => {
  inside = Math.max(0, inside - 1);
  if (!inside) $("#drop").hidden = true;
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  inside = 0;
  $("#drop").hidden = true;
  add(event.dataTransfer?.files ?? []);
});
addEventListener("paste", (event) => {
  const files = event.clipboardData?.files ?? [];
  if (files.length) {
    event.preventDefault();
    add(files);
  }
});

load();
