// What of a photo is drawn, and how a drawing of it comes to be a sketch, as most_sketch/drawing/crop.py has it. A crop is
// {drawn, corner, width, height, placement, frameHeight, photoWidth, photoHeight, whole}.

import { overlap, photoBox } from "./canvas.js";
import { cutOut, faded } from "./finish.js";
import { FRAME_HEIGHT, FRAME_WIDTH, scaleShift, times, toCanvas } from "./frame.js";
import { picture, round } from "./pillow.js";

export const BEYOND = 4.0;

/** What the frame shows, at this height; the photo's border, blurred, fills the rest. */
export function frameCrop(photo, placement, height) {
  const scale = height / FRAME_HEIGHT;
  const width = round(scale * FRAME_WIDTH);
  const toSketch = times(scaleShift(scale, scale), placement);
  const drawn = toCanvas(photo, toSketch, width, height);
  return crop(photo, drawn, [0, 0], width, height, toSketch, height);
}

/** What a canvas shows, at this height; only as much as there is of the photo is drawn. */
export function canvasCrop(photo, placement, canvas, height) {
  const scale = height / (FRAME_HEIGHT * canvas.times);
  const width = round((height * FRAME_WIDTH) / FRAME_HEIGHT);
  const toSketch = times(scaleShift(scale, scale, -scale * canvas.left, -scale * canvas.top), placement);
  const margin = BEYOND * scale;
  const reach = photoBox(toSketch, photo.width, photo.height).map((side, index) => side + (index < 2 ? -margin : margin));
  const [left, top, right, bottom] = overlap(reach, [0, 0, width, height]);
  const corner = [Math.floor(left), Math.floor(top)];
  const [drawnWidth, drawnHeight] = [Math.ceil(right) - corner[0], Math.ceil(bottom) - corner[1]];
  const drawn = toCanvas(photo, times(scaleShift(1, 1, -corner[0], -corner[1]), toSketch), drawnWidth, drawnHeight);
  return crop(photo, drawn, corner, width, height, toSketch, scale * FRAME_HEIGHT);
}

function crop(photo, drawn, corner, width, height, placement, frameHeight) {
  const { width: photoWidth, height: photoHeight } = photo;
  return { drawn, corner, width, height, placement, frameHeight, photoWidth, photoHeight };
}

/** The photo as the sketch shows it; where the photo ends it is white. */
export function shownPhoto({ drawn, corner, width, height, placement, photoWidth, photoHeight }) {
  return cutOut(placed(drawn, corner, width, height, 255), placement, photoWidth, photoHeight);
}

/** The sketch from a drawing of `drawn`, on paper of this grey level; `face` if it is one that was looked for. */
export function finished({ corner, width, height, placement, photoWidth, photoHeight }, drawing, finish, paper, face) {
  const sketch = placed(drawing, corner, width, height, paper);
  const [a, b, c, d, e, f] = placement;
  const [right, bottom] = [a * photoWidth + b * photoHeight + c, d * photoWidth + e * photoHeight + f];
  const whole = !face && Math.max(Math.abs(right - width), Math.abs(bottom - height)) < 1;
  return finish === "none" || whole ? sketch : faded(sketch, placement, photoWidth, photoHeight, paper);
}

/** A picture on a sheet of this size and level, with its corner there. */
function placed(part, [left, top], width, height, level) {
  if (part.width === width && part.height === height) return part;
  const { bands } = part;
  const sheet = picture(width, height, bands);
  sheet.data.fill(level);
  for (let y = 0; y < part.height; y++) {
    const row = part.data.subarray(y * part.width * bands, (y + 1) * part.width * bands);
    sheet.data.set(row, ((y + top) * width + left) * bands);
  }
  return sheet;
}
