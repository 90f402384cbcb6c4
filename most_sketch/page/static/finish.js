// How a drawing ends where photo or paper do, as most_sketch/photo/finish.py has it, which says why: it fades to paper.

import { inverted, scaleOf } from "./frame.js";
import { composite, gaussianBlur, maxFilter, picture, resize, round } from "./pillow.js";

export const DEPTH_BELOW = 0.085;
export const DEPTH_BESIDE = 0.06;
export const DEPTH_ABOVE = 0.03;
export const RAGGED = 0.3;
export const EDGE = 0.012;
export const FAINT = 0.02;
export const CLEAR = 0.1;
export const GRID = 250;

/** A grey sketch that fades to paper where it or its photo ends within the person. Beyond the photo is paper. */
export function faded(sketch, placement, photoWidth, photoHeight, paper) {
  const width = Math.max(1, round((sketch.width * GRID) / sketch.height));
  const small = resize(sketch, width, GRID, "box");
  const ink = Float64Array.from(small.data, (level) => Math.abs(level - paper) / 255);
  const stays = fadeMap(ink, width, GRID, placement, photoWidth, photoHeight, sketch.height);
  const kept = picture(width, GRID, 1, Uint8ClampedArray.from(stays, (value) => round(value * 255)));
  const blank = picture(sketch.width, sketch.height, 1);
  blank.data.fill(paper);
  return composite(sketch, blank, resize(kept, sketch.width, sketch.height, "bilinear"));
}

/** An RGB picture of a photo, white where the photo ends, into which `placement` brought it. */
export function cutOut(shown, placement, photoWidth, photoHeight) {
  const scale = scaleOf(placement);
  const [a, b, c, d, e, f] = inverted(placement);
  const mask = picture(shown.width, shown.height, 1);
  for (let y = 0; y < shown.height; y++) {
    for (let x = 0; x < shown.width; x++) {
      const across = a * (x + 0.5) + b * (y + 0.5) + c;
      const down = d * (x + 0.5) + e * (y + 0.5) + f;
      const depth = Math.min(across, photoWidth - across, down, photoHeight - down);
      mask.data[y * shown.width + x] = round(Math.min(Math.max(depth * scale + 0.5, 0), 1) * 255);
    }
  }
  const blank = picture(shown.width, shown.height, 3);
  blank.data.fill(255);
  return composite(shown, blank, mask);
}

/** How much of the ink stays at each place: 1 is all of it. */
function fadeMap(ink, columns, rows, placement, photoWidth, photoHeight, sketchHeight) {
  const grid = sketchHeight / rows;
  const [a, b, c, d, e, f] = inverted(placement);
  const count = rows * columns;
  const own = [new Float64Array(count), new Float64Array(count)];
  const photo = [new Float64Array(count), new Float64Array(count)];
  for (let index = 0; index < count; index++) {
    const across = ((index % columns) + 0.5) * grid;
    const down = (Math.floor(index / columns) + 0.5) * grid;
    own[0][index] = across;
    own[1][index] = down;
    photo[0][index] = a * across + b * down + c;
    photo[1][index] = d * across + e * down + f;
  }
  const kept = new Float64Array(count).fill(1);
  const larger = scaleOf(placement);
  for (const [wide, high, [x, y], scale, rightness, downness] of [
    [columns * grid, rows * grid, own, 1 / sketchHeight, 0, 1],
    [photoWidth, photoHeight, photo, larger / sketchHeight, b * larger, e * larger],
  ]) {
    const edges = [
      [(index) => x[index], y, rightness], [(index) => wide - x[index], y, -rightness],
      [(index) => y[index], x, downness], [(index) => high - y[index], x, -downness],
    ];
    for (const [depth, along, upper] of edges) {
      const furthest = upper > 0 ? DEPTH_ABOVE : DEPTH_BELOW;
      const reach = DEPTH_BESIDE + (furthest - DEPTH_BESIDE) * Math.min(Math.abs(upper), 1);
      const deep = Float64Array.from(kept, (_, index) => depth(index) * scale);
      const stays = fading(ink, columns, rows, deep, along.map((value) => value * scale), reach);
      if (stays) stays.forEach((value, index) => { kept[index] *= value; });
    }
  }
  return kept;
}

/** How much of the ink stays by one edge; undefined where all does. Lengths are in canvas heights. */
function fading(ink, columns, rows, depth, along, reach) {
  if (depth.reduce((least, value) => Math.min(least, value), Infinity) > reach * (1 + RAGGED)) return undefined;
  const band = ink.map((value, index) => (depth[index] > 0 && depth[index] < EDGE ? value : 0));
  if (band.reduce((most, value) => Math.max(most, value), 0) <= FAINT) return depth.map((deep) => (deep > 0 ? 1 : 0));
  const cut = cutOff(band, columns, rows, round(reach * rows));
  return depth.map((deep, index) => {
    if (!(deep > 0)) return 0;
    return 1 - cut[index] * (1 - smoothstep(deep / (reach * (1 + RAGGED * wave(along[index])))));
  });
}

/** How surely the person is cut off near each place, by the ink in the band along an edge. */
function cutOff(band, columns, rows, spread) {
  const levels = picture(columns, rows, 1, Uint8ClampedArray.from(band, (value) => Math.trunc(value * 255)));
  const near = gaussianBlur(maxFilter(levels, 2 * Math.floor(spread / 2) + 1), spread / 3);
  return Float64Array.from(near.data, (level) => Math.min(Math.max((level / 255 - FAINT) / (CLEAR - FAINT), 0), 1));
}

/** Uneven waves along an edge, the same for every drawing. */
function wave(along) {
  return (Math.sin(along * 23) + Math.sin(along * 51 + 1.3) + Math.sin(along * 97 + 4.1)) / 3;
}

function smoothstep(value) {
  const within = Math.min(Math.max(value, 0), 1);
  return within * within * (3 - 2 * within);
}
