// Everything that takes time, away from the page: decoding, finding faces, drawing, encoding. One request at a time.
// most-sketch.js asks; a request is {id, task, ...}, an answer {id, result}, {id, error} or {progress}.

import * as ort from "./ort/ort.wasm.bundle.min.mjs";
import { distance, findFaces } from "./faces.js";
import { LOOK_SCALE, movedBox, overlap, personBox, photoBox, portrait, roomBeside } from "./canvas.js";
import { canvasCrop, finished, frameCrop, shownPhoto } from "./crop.js";
import {
  EYES, FRAME_HEIGHT, FRAME_WIDTH, inFrame, onPaper, placeFace, placeWhole, scaleOf, scaleShift, times, toCanvas, toFrame,
} from "./frame.js";
import { picture, resize, resizeFloats, round } from "./pillow.js";
import { PhotoError, pixelsOf, readPhoto } from "./photo.js";
import { encodePng } from "./files.js";

const THUMBNAIL = 160;
const MOST_THREADS = 4;
/** A sketch's height is a multiple of it, so that its width is whole. */
const FIVE = 5;

let base;
let about;
let faceNetworks;
/** Tells the person from the rest; undefined where the weights cannot. */
let person;
const generators = new Map();
/** The photo that was last looked at; more than one at a time would fill a phone's memory. */
let opened = { key: undefined };

const TASKS = { load, open, draw, inPhoto, sideBySide, transparent, jpeg };

let queue = Promise.resolve();
self.onmessage = ({ data }) => {
  queue = queue.then(async () => {
    try {
      self.postMessage({ id: data.id, result: await TASKS[data.task](data) });
    } catch (error) {
      self.postMessage({ id: data.id, error: told(error) });
    }
  });
};

function told(error) {
  if (error instanceof PhotoError) return { code: error.code, values: error.values };
  const memory = error instanceof RangeError || /memory|alloc|bad_alloc/i.test(String(error?.message ?? error));
  return { code: memory ? "memory" : "fault", values: { message: String(error?.message ?? error).split("\n")[0] } };
}

/** What the networks are, after they were fetched: the contents of network.json. */
async function load({ url, threads }) {
  base = url;
  about = await (await fetched("network.json")).json();
  const first = about.styles[about.first].generator;
  const [runtime, pack] = await contents([about.runtime, about.pack]);
  ort.env.wasm.wasmBinary = runtime;
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(threads, MOST_THREADS) : 1;
  ort.env.logLevel = "error";
  const networks = joined(pack);
  const part = (name) => {
    const [start, length] = about.packed[name];
    return networks.subarray(start, start + length);
  };
  faceNetworks = {};
  for (const [name, file] of Object.entries(about.faces)) faceNetworks[name] = network(await session(part(file)));
  if (about.person) person = network(await session(part(about.person)));
  generators.set(first, await session(part(first)));
  return { ...about, threads: ort.env.wasm.numThreads };
}

async function fetched(name) {
  const response = await fetch(new URL(name, base));
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return response;
}

/** What compressed files hold; the page hears how much of them has come. */
async function contents(names) {
  const total = names.reduce((sum, name) => sum + about.sizes[name], 0);
  let loaded = 0;
  const tell = () => self.postMessage({ progress: { loaded, total } });
  tell();
  return Promise.all(names.map(async (name) => {
    const counted = new TransformStream({
      transform(chunk, after) {
        loaded += chunk.length;
        tell();
        after.enqueue(chunk);
      },
    });
    const { body } = await fetched(name);
    const stream = body.pipeThrough(counted).pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }));
}

/** A file of networks, in which the first byte of every two come before the second. */
function joined(halves) {
  const bytes = new Uint8Array(halves.length);
  const second = Math.ceil(halves.length / 2);
  for (let pair = 0; pair < second; pair++) {
    bytes[2 * pair] = halves[pair];
    bytes[2 * pair + 1] = halves[second + pair];
  }
  return bytes;
}

function session(bytes) {
  return ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
}

function network(made) {
  const [input] = made.inputNames;
  return (pixels, dims) => made.run({ [input]: new ort.Tensor("float32", pixels, dims) });
}

async function generator(name) {
  if (!generators.has(name)) {
    const [halves] = await contents([name]);
    generators.set(name, await session(joined(halves)));
  }
  return generators.get(name);
}

/** A photo's size, its faces from left to right, and small pictures of them. */
async function open({ key, blob }) {
  const { photo, faces } = await look(key, blob);
  const pictures = [];
  for (const face of faces) {
    const placement = placeFace(photo.width, photo.height, face.landmarks[0], face.landmarks[1]);
    pictures.push(await coloured(toFrame(photo, placement, THUMBNAIL / FRAME_WIDTH)));
  }
  const share = Math.min(1, (2 * THUMBNAIL) / Math.max(photo.width, photo.height));
  const [width, height] = [photo.width, photo.height].map((side) => Math.max(1, round(side * share)));
  return {
    width: photo.width,
    height: photo.height,
    faces: faces.map((face, index) => ({ ...face, picture: pictures[index] })),
    picture: await coloured(resize(photo, width, height, "box", undefined, 2)),
  };
}

async function look(key, blob) {
  if (opened.key !== key || key === undefined) {
    opened = { key: undefined };
    const photo = await readPhoto(blob);
    const faces = (await findFaces(photo, faceNetworks)).sort((one, other) => one.box[0] - other.box[0]);
    const apart = distance(...EYES);
    faces.forEach((face) => { face.enlargement = apart / distance(face.landmarks[0], face.landmarks[1]); });
    opened = { key, photo, faces };
  }
  return opened;
}

/** A sketch of one face, by its place from left to right; `face` null draws the whole picture, undefined the largest. */
async function draw({ key, blob, style, size, face, framing, finish }) {
  const { photo, faces } = await look(key, blob);
  if (face !== null && !faces.length) throw new PhotoError("noFace");
  const areas = faces.map(({ box }) => (box[2] - box[0]) * (box[3] - box[1]));
  const chosen = face === null ? undefined : faces[face ?? areas.indexOf(Math.max(...areas))];
  const crop = chosen ? await faceCrop(photo, chosen, faces, size, framing)
    : frameCrop(photo, placeWhole(photo.width, photo.height), size ?? sizeFor(placeWhole(photo.width, photo.height)));
  const wanted = about.styles.find(({ name }) => name === style);
  const sketch = finished(crop, await drawn(crop.drawn, crop.frameHeight, wanted), finish, wanted.paper, chosen);
  return {
    sketch: await encodePng(sketch, texts(style)),
    photo: await coloured(shownPhoto(crop)),
    placement: crop.placement,
    face: chosen ? faces.indexOf(chosen) : null,
    faces,
    turned: chosen?.turned ?? 0,
    enlargement: chosen?.enlargement ?? 1,
    width: sketch.width,
    height: sketch.height,
    paper: wanted.paper,
    style,
  };
}

async function faceCrop(photo, face, faces, size, framing) {
  const { width, height } = photo;
  const eyes = face.landmarks.slice(0, 2);
  const placement = placeFace(width, height, ...eyes);
  const others = faces.filter((other) => other !== face);
  const canvas = framing === "portrait" && person && !inFrame(width, height, ...eyes)
    ? await portraitOf(photo, placement, others) : undefined;
  const frameHeight = size ?? sizeFor(placement);
  if (!canvas) return frameCrop(photo, placement, frameHeight);
  if (size) return canvasCrop(photo, placement, canvas, size);
  // The face's scale stays exactly what suits it: a whole height makes the canvas a little larger or smaller.
  const tall = FIVE * round((frameHeight * canvas.times) / FIVE);
  return canvasCrop(photo, placement, { ...canvas, times: tall / frameHeight }, tall);
}

/** The canvas for the person whose face is in the frame; undefined if the network cannot tell the person. */
async function portraitOf(photo, placement, others) {
  const room = roomBeside(others.map(({ box }) => movedBox(placement, box)));
  const whole = photoBox(placement, photo.width, photo.height);
  const [left, top, right, bottom] = overlap(whole, room);
  const [across, down] = [right - left, bottom - top].map((side) =>
    Math.ceil((side * LOOK_SCALE) / about.stride) * about.stride);
  const look = times(scaleShift(LOOK_SCALE, LOOK_SCALE, -left * LOOK_SCALE, -top * LOOK_SCALE), placement);
  const { person: sureness } = await person(numbersOf(toCanvas(photo, look, across, down)), [1, 3, down, across]);
  const [height, width] = sureness.dims.slice(-2);
  const found = personBox({ data: sureness.data, width, height }, [left, top], about.stride / LOOK_SCALE, whole);
  return found && portrait(found, room);
}

function texts(style) {
  return { Software: `most-sketch ${about.version}`, Comment: `${about.weights}, ${style}` };
}

/** The height of a sketch that suits a photo: a multiple of five, so that the width is whole. */
function sizeFor(placement) {
  if (about.least === null) return FRAME_HEIGHT;
  return drawnHeight(FIVE * Math.trunc(FRAME_HEIGHT / FIVE / scaleOf(placement)));
}

/** How high the network draws a photo of this height. */
function drawnHeight(height) {
  return about.least === null ? height : Math.min(Math.max(height, about.least), about.most);
}

/** The network's drawing of an RGB picture, of one band, in which the frame is so high. */
async function drawn(framed, frameHeight, { generator: file, index }) {
  const { width, height } = framed;
  const run = await generator(file);
  let pixels = numbersOf(framed);
  const scale = drawnHeight(frameHeight) / frameHeight;
  const resized = Math.abs(scale - 1) >= 1e-6;
  const [across, down] = resized ? [round(width * scale), round(height * scale)] : [width, height];
  if (resized) pixels = clipped(resizeFloats(pixels, 3, width, height, across, down));
  const photo = new ort.Tensor("float32", pixels, [1, 3, down, across]);
  const style = new ort.Tensor("int64", BigInt64Array.of(BigInt(index)), [1]);
  const { sketch } = await run.run({ photo, style }, ["sketch"]);
  const levels = resized ? clipped(resizeFloats(sketch.data, 1, across, down, width, height)) : sketch.data;
  const out = picture(width, height, 1);
  for (let place = 0; place < levels.length; place++) {
    out.data[place] = round(Math.fround(Math.fround(levels[place] + 1) * 127.5));
  }
  sketch.dispose?.();
  return out;
}

/** An RGB picture as the networks take it: band after band, in [-1, 1]. */
function numbersOf({ width, height, data }) {
  const plane = width * height;
  const numbers = new Float32Array(3 * plane);
  for (let place = 0; place < plane; place++) {
    for (let band = 0; band < 3; band++) {
      numbers[band * plane + place] = Math.fround(data[3 * place + band] / 127.5) - 1;
    }
  }
  return numbers;
}

function clipped(values) {
  return values.map((value) => Math.min(Math.max(value, -1), 1));
}

/** Sketches of a photo where their faces are, on paper: {sketch, placement, paper}[] -> PNG. */
async function inPhoto({ width, height, drawings }) {
  const sketches = [];
  for (const { sketch } of drawings) sketches.push(await decoded(sketch, 1));
  const paper = onPaper(width, height, sketches, drawings.map(({ placement }) => placement), drawings[0].paper);
  return encodePng(paper, texts(drawings[0].style));
}

/** The photo in the frame and its sketch to its right. */
async function sideBySide({ photo, sketch, kind, quality }) {
  const [left, right] = await Promise.all([createImageBitmap(photo), createImageBitmap(sketch)]);
  const canvas = new OffscreenCanvas(left.width + right.width, right.height);
  const context = canvas.getContext("2d");
  context.drawImage(left, 0, 0);
  context.drawImage(right, left.width, 0);
  return canvas.convertToBlob({ type: kind, quality });
}

/** The ink alone: grey paper becomes transparent. */
async function transparent({ sketch, style }) {
  const grey = await decoded(sketch, 1);
  const ink = picture(grey.width, grey.height, 2);
  grey.data.forEach((level, place) => { ink.data[2 * place + 1] = 255 - level; });
  return encodePng(ink, texts(style));
}

async function jpeg({ sketch, quality }) {
  const bitmap = await createImageBitmap(sketch);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas.convertToBlob({ type: "image/jpeg", quality });
}

async function decoded(blob, bands) {
  const bitmap = await createImageBitmap(blob);
  try {
    return pixelsOf(bitmap, bands);
  } finally {
    bitmap.close();
  }
}

/** An RGB picture as a file that a page can show. */
async function coloured({ width, height, data }) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let place = 0; place < width * height; place++) {
    for (let band = 0; band < 3; band++) image.data[4 * place + band] = data[3 * place + band];
    image.data[4 * place + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
}
