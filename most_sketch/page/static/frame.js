// The frame that the network draws in, as most_sketch/photo/frame.py has it: 200 x 250 pixels, the eyes at fixed places.
// A placement is an affine map from photo to frame, [a, b, c, d, e, f]: x' = a x + b y + c, y' = d x + e y + f.

import { distance } from "./faces.js";
import { composite, gaussianBlur, paste, picture, reduce, resize, round, transform } from "./pillow.js";

export const FRAME_WIDTH = 200;
export const FRAME_HEIGHT = 250;
export const EYES = [[75.36, 125.97], [126.35, 125.95]];
export const SNAP = 4.5;
export const SOFT_EDGE = 16;
export const FADE = 20;

/** Bring a face, its eyes at these places of a picture of this size, into the frame if it is not there yet. */
export function placeFace(width, height, left, right) {
  return inFrame(width, height, left, right) ? placeWhole(width, height) : placeByEyes(left, right);
}

/** The similarity transform that brings the two eyes to their places. */
export function placeByEyes(left, right) {
  const [across, down] = [right[0] - left[0], right[1] - left[1]];
  const [wideX, wideY] = [EYES[1][0] - EYES[0][0], EYES[1][1] - EYES[0][1]];
  const length = across * across + down * down;
  const real = (wideX * across + wideY * down) / length;
  const imaginary = (wideY * across - wideX * down) / length;
  const shiftX = EYES[0][0] - (real * left[0] - imaginary * left[1]);
  const shiftY = EYES[0][1] - (real * left[1] + imaginary * left[0]);
  return [real, -imaginary, shiftX, imaginary, real, shiftY];
}

/** Fit a picture into the middle of the frame, without stretching. */
export function placeWhole(width, height) {
  const scale = Math.min(FRAME_WIDTH / width, FRAME_HEIGHT / height);
  return [scale, 0, (FRAME_WIDTH - scale * width) / 2, 0, scale, (FRAME_HEIGHT - scale * height) / 2];
}

export function inFrame(width, height, left, right) {
  const scale = width / FRAME_WIDTH;
  const off = Math.max(
    distance(left, EYES[0].map((value) => scale * value)),
    distance(right, EYES[1].map((value) => scale * value)),
  );
  const [frameWidth, frameHeight] = scaledSize(scale);
  return width === frameWidth && height === frameHeight && off <= scale * SNAP;
}

/** Width and height of the frame at a multiple of 200 x 250, in whole pixels. */
export function scaledSize(scale) {
  return [round(scale * FRAME_WIDTH), round(scale * FRAME_HEIGHT)];
}

/** Frame pixels per photo pixel. */
export function scaleOf(placement) {
  return Math.hypot(placement[0], placement[3]);
}

/** What the frame shows of a photo, at `scale` times 200 x 250. */
export function toFrame(photo, placement, scale) {
  return toCanvas(photo, times(scaleShift(scale, scale), placement), ...scaledSize(scale));
}

/** A photo brought into pictures of this size by a placement from pixels to pixels. */
export function toCanvas(photo, placement, width, height) {
  if (photo.width === width && photo.height === height && isIdentity(placement)) return photo;
  return reduce(warp(photo, times(scaleShift(2, 2), placement), 2 * width, 2 * height, extend), 2, 2);
}

/** Sketches where they are in a photo of this size, on paper of this grey level; placements are into the sketches. */
export function onPaper(width, height, sketches, placements, level) {
  const paper = picture(width, height, 1);
  paper.data.fill(level);
  sketches.forEach((sketch, index) => putBack(sketch, placements[index], paper));
  return paper;
}

function putBack(sketch, placement, paper) {
  const inverse = inverted(placement);
  const [low, high] = bounds(inverse, [0, 0], [sketch.width, sketch.height]);
  const box = wholePixels(low, high, paper.width, paper.height);
  const [width, height] = [box[2] - box[0], box[3] - box[1]];
  const back = times(scaleShift(1, 1, -box[0], -box[1]), inverse);
  const mask = warp(softMask(sketch.width, sketch.height), back, width, height, extend);
  paste(paper, warp(sketch, back, width, height, extend), box[0], box[1], mask);
}

/** How much of a sketch covers the paper: 255 inside, falling to 0 at the frame's border. */
function softMask(width, height) {
  const edge = (SOFT_EDGE * width) / FRAME_WIDTH;
  const share = (place, side) => Math.min(Math.min(place, side - 1 - place) / edge, 1);
  return field(width, height, (x, y) => Math.min(share(x, width), share(y, height)));
}

/** A picture of one band of numbers from 0 to 1. */
function field(width, height, value) {
  const mask = picture(width, height, 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) mask.data[y * width + x] = round(value(x, y) * 255);
  }
  return mask;
}

/** Continue a picture beyond its borders: its outermost pixels, more and more blurred. */
export function extend(image, left, top, right, bottom) {
  const { width, height, bands, data } = image;
  if (!(left || top || right || bottom)) return image;
  const repeated = picture(left + width + right, top + height + bottom, bands);
  for (let y = 0, place = 0; y < repeated.height; y++) {
    const row = Math.min(Math.max(y - top, 0), height - 1);
    for (let x = 0; x < repeated.width; x++) {
      const column = Math.min(Math.max(x - left, 0), width - 1);
      for (let band = 0; band < bands; band++) repeated.data[place++] = data[(row * width + column) * bands + band];
    }
  }
  const beyond = (place, before, side) => Math.max(before - place, place - before - side + 1, 0);
  const mask = field(repeated.width, repeated.height, (x, y) =>
    Math.min(Math.max(beyond(x, left, width), beyond(y, top, height)) / FADE, 1));
  return composite(gaussianBlur(repeated, FADE * 0.7), repeated, mask);
}

/** Resample a picture by an affine map into one of another size, antialiased. */
export function warp(image, placement, width, height, extension) {
  let [low, high] = bounds(inverted(placement), [0, 0], [width, height]);
  const shrink = Math.min(1, scaleOf(placement));
  const margin = 3 / shrink + 1;
  low = low.map((value) => value - margin);
  high = high.map((value) => value + margin);
  const box = wholePixels(low, high, image.width, image.height);
  const [boxWidth, boxHeight] = [box[2] - box[0], box[3] - box[1]];
  const smallWidth = Math.max(1, round(boxWidth * shrink));
  const smallHeight = Math.max(1, round(boxHeight * shrink));
  const small = resize(image, smallWidth, smallHeight, "lanczos", box, 3);
  const toPart = times(scaleShift(smallWidth / boxWidth, smallHeight / boxHeight), scaleShift(1, 1, -box[0], -box[1]));
  const [partLow, partHigh] = bounds(toPart, low, high);
  const [left, top] = partLow.map((value) => Math.max(0, Math.ceil(-value)));
  const right = Math.max(0, Math.ceil(partHigh[0] - smallWidth));
  const bottom = Math.max(0, Math.ceil(partHigh[1] - smallHeight));
  const part = extension(small, left, top, right, bottom);
  const back = times(scaleShift(1, 1, left, top), times(toPart, inverted(placement)));
  return transform(part, width, height, back);
}

export function scaleShift(across, down, right = 0, below = 0) {
  return [across, 0, right, 0, down, below];
}

/** The map that does `second` first and then `first`. */
export function times(first, second) {
  const [a, b, c, d, e, f] = first;
  const [g, h, i, j, k, l] = second;
  return [a * g + b * j, a * h + b * k, a * i + b * l + c, d * g + e * j, d * h + e * k, d * i + e * l + f];
}

export function inverted([a, b, c, d, e, f]) {
  const determinant = a * e - b * d;
  return [
    e / determinant, -b / determinant, (b * f - c * e) / determinant,
    -d / determinant, a / determinant, (c * d - a * f) / determinant,
  ];
}

function isIdentity(map) {
  return map.every((value, index) => Math.abs(value - [1, 0, 0, 0, 1, 0][index]) <= 1e-8 + (index % 4 === 0 ? 1e-5 : 0));
}

/** The smallest upright rectangle, as corners, around the image of an upright rectangle. */
function bounds([a, b, c, d, e, f], low, high) {
  const corners = [low[0], high[0]].flatMap((x) => [low[1], high[1]].map((y) => [a * x + b * y + c, d * x + e * y + f]));
  const [across, down] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  return [[Math.min(...across), Math.min(...down)], [Math.max(...across), Math.max(...down)]];
}

/** The pixels of a picture that lie between two corners, at least one: [left, top, right, bottom]. */
function wholePixels(low, high, width, height) {
  const left = Math.min(Math.max(Math.floor(low[0]), 0), width - 1);
  const top = Math.min(Math.max(Math.floor(low[1]), 0), height - 1);
  const right = Math.max(Math.min(Math.ceil(high[0]), width), 1);
  const bottom = Math.max(Math.min(Math.ceil(high[1]), height), 1);
  return [left, top, Math.max(right, left + 1), Math.max(bottom, top + 1)];
}
