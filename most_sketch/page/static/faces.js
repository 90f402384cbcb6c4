// The faces in a photo, as most_sketch/photo/faces.py and search_area.py find them, which say why.

import { detect } from "./mtcnn.js";
import { crop, resize, round, turned } from "./pillow.js";

export const MIN_CONFIDENCE = 0.9;
export const SURE = 0.9995;
export const CLEARLY = 4;
export const MAX_DOUBT = 0.02;
export const PROBE_FACE = 100;
export const SEARCH_SIDE = 1000;
export const SEARCH_BREADTH = 500;
export const TILE = 1500;
export const TILE_OVERLAP = 500;

const TURNS = [90, 180, 270];

/** The faces in an RGB photo, each once, the largest first: [{box, landmarks, confidence, turned}]. */
export async function findFaces(photo, networks) {
  const { width, height } = photo;
  const searched = shrunk(photo, searchShrink(width, height));
  let faces = await search(searched, networks, 0);
  const turn = await surerTurn(searched, faces, networks);
  if (turn) {
    const others = await search(searched, networks, turn);
    if (doubt(others) < doubt(faces)) faces = others;
  }
  const across = width / searched.width;
  const down = height / searched.height;
  const sure = faces
    .map((face) => mapped(face, ([x, y]) => [x * across, y * down]))
    .filter((face) => distance(face.landmarks[0], face.landmarks[1]) > 1);
  return merge(sure).sort((one, other) => area(other) - area(one));
}

export function distance(one, other) {
  return Math.hypot(one[0] - other[0], one[1] - other[1]);
}

function searchShrink(width, height) {
  return Math.min(1, Math.max(SEARCH_SIDE / Math.max(width, height), SEARCH_BREADTH / Math.min(width, height)));
}

/** The turn in which faces are found clearly more surely than upright, or 0. */
async function surerTurn(searched, upright, networks) {
  const doubtful = doubt(upright);
  if (doubtful <= 1 - SURE) return 0;
  const widest = Math.max(0, ...upright.map((face) => face.box[2] - face.box[0]));
  const small = shrunk(searched, widest ? Math.min(1, PROBE_FACE / widest) : 1);
  const doubts = [];
  for (const turn of TURNS) doubts.push(doubt(await search(small, networks, turn)));
  const least = Math.min(...doubts);
  return least < Math.min(doubtful / CLEARLY, MAX_DOUBT) ? TURNS[doubts.indexOf(least)] : 0;
}

/** The faces in a picture that is turned first, in pixels of the picture as it is; some may be there twice. */
async function search(picture, networks, turn) {
  const upright = turned(picture, turn);
  const found = [];
  for (const [start, end] of tileSpans(Math.max(upright.width, upright.height))) {
    for (const face of await searchTile(upright, networks, start, end)) {
      if (face.confidence >= MIN_CONFIDENCE) found.push(turnedBack(face, turn, upright.width, upright.height));
    }
  }
  return found;
}

function tileSpans(length) {
  if (length <= TILE) return [[0, length]];
  const count = Math.ceil((length - TILE_OVERLAP) / (TILE - TILE_OVERLAP));
  return Array.from({ length: count }, (_, place) => {
    const start = round((place * (length - TILE)) / (count - 1));
    return [start, start + TILE];
  });
}

/** The faces in a part of a picture's longer side, without those that its inner edges cut. */
async function searchTile(picture, networks, start, end) {
  const { width, height } = picture;
  const across = width > height;
  const length = Math.max(width, height);
  const box = across ? [start, 0, end, height] : [0, start, width, end];
  const part = end - start === length ? picture : crop(picture, box);
  const faces = await detect(part, networks);
  return faces
    .map((face) => mapped({ ...face, turned: 0 }, ([x, y]) => [x + box[0], y + box[1]]))
    .filter((face) => {
      const [low, high] = across ? [face.box[0], face.box[2]] : [face.box[1], face.box[3]];
      return (low > start || start === 0) && (high < end || end === length);
    });
}

/** Of boxes on one face the surest: those whose smaller box lies by more than half in the larger. */
function merge(faces) {
  const kept = [];
  const order = [...faces].sort((one, other) => other.confidence - one.confidence || area(other) - area(one));
  for (const face of order) if (kept.every((other) => overlap(face, other) <= 0.5)) kept.push(face);
  return kept;
}

function overlap({ box: one, ...first }, { box: other, ...second }) {
  const width = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  const smaller = Math.min(area({ box: one, ...first }), area({ box: other, ...second }));
  return (Math.max(0, width) * Math.max(0, height)) / Math.max(smaller, 1e-9);
}

function area({ box }) {
  return Math.max(0, box[2] - box[0]) * Math.max(0, box[3] - box[1]);
}

/** A face whose points have gone elsewhere, its box upright again. */
function mapped(face, move) {
  const one = move([face.box[0], face.box[1]]);
  const other = move([face.box[2], face.box[3]]);
  return {
    ...face,
    box: [
      Math.min(one[0], other[0]), Math.min(one[1], other[1]),
      Math.max(one[0], other[0]), Math.max(one[1], other[1]),
    ],
    landmarks: face.landmarks.map(move),
  };
}

/** A face of a picture of this size, where it was before the picture was turned clockwise. */
function turnedBack(face, turn, width, height) {
  if (!turn) return face;
  const back = {
    90: ([x, y]) => [y, width - x],
    180: ([x, y]) => [width - x, height - y],
    270: ([x, y]) => [height - y, x],
  }[turn];
  return { ...mapped(face, back), turned: turn };
}

function shrunk(picture, shrink) {
  const width = round(picture.width * shrink);
  const height = round(picture.height * shrink);
  if (shrink === 1 || Math.min(width, height) < 1) return picture;
  return resize(picture, width, height, "box", undefined, 2);
}

/** How likely even the surest of these is none. */
function doubt(faces) {
  return 1 - Math.max(0, ...faces.map((face) => face.confidence));
}
