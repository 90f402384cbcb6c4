// How much of a photo around the frame a sketch shows, as most_sketch/photo/canvas.py has it, which says why. Lengths are
// in pixels of the frame; a box is [left, top, right, bottom].

import { EYES, FRAME_HEIGHT, FRAME_WIDTH } from "./frame.js";

export const LARGEST = 1.6;
export const REACH = [-80.0, -80.0, 280.0, 390.0];
export const LOOK_SCALE = 1.25;
export const PERSON = 0.5;
export const NEAR = 1.5;
export const ABOVE = 0.08;
export const BESIDE = 0.04;
export const BELOW = 0.03;
export const ASIDE = 12.0;
export const HIGHER = 0.45;

const MIDDLE_EYES = (EYES[0][0] + EYES[1][0]) / 2;

/** The upright box around one that a placement moves. */
export function movedBox([a, b, c, d, e, f], [left, top, right, bottom]) {
  const corners = [left, right].flatMap((x) => [top, bottom].map((y) => [a * x + b * y + c, d * x + e * y + f]));
  const [across, down] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  return [Math.min(...across), Math.min(...down), Math.max(...across), Math.max(...down)];
}

/** The upright box around a photo that a placement brings into the frame. */
export function photoBox(placement, width, height) {
  return movedBox(placement, [0, 0, width, height]);
}

export function overlap(one, other) {
  return one.map((side, index) => (index < 2 ? Math.max : Math.min)(side, other[index]));
}

/**
 * The box around the person whose face is in the frame; undefined if the map does not show any. The map is how surely
 * each place shows a person, {data, width, height}, `corner` where its first place begins, `step` the side of a place.
 */
export function personBox({ data, width, height }, corner, step, photo) {
  const place = (middle, start, count) => Math.trunc(Math.min(Math.max((middle - start) / step, 0), count - 1));
  const first = place(EYES[0][1] + 25, corner[1], height) * width + place(MIDDLE_EYES, corner[0], width);
  if (!(data[first] >= PERSON)) return undefined;
  // What hangs together with the face.
  const joined = new Uint8Array(data.length);
  joined[first] = 1;
  for (const waiting = [first]; waiting.length;) {
    const index = waiting.pop();
    const column = index % width;
    const beside = [column ? index - 1 : -1, column < width - 1 ? index + 1 : -1, index - width, index + width];
    for (const next of beside) {
      if (next >= 0 && next < data.length && !joined[next] && data[next] >= PERSON) {
        joined[next] = 1;
        waiting.push(next);
      }
    }
  }
  const columns = new Float32Array(width);
  const rows = new Float32Array(height);
  data.forEach((sure, index) => {
    if (!joined[index]) return;
    const [column, row] = [index % width, Math.floor(index / width)];
    columns[column] = Math.max(columns[column], sure);
    rows[row] = Math.max(rows[row], sure);
  });
  const [left, right] = span(columns).map((value) => corner[0] + value * step);
  const [top, bottom] = span(rows).map((value) => corner[1] + value * step);
  const near = NEAR * step;
  return [
    left - photo[0] < near ? photo[0] : left,
    top - photo[1] < near ? photo[1] : top,
    photo[2] - right < near ? photo[2] : right,
    photo[3] - bottom < near ? photo[3] : bottom,
  ];
}

/** Where a row of places is the person, its ends between places: one that is half sure counts half. */
function span(sureness) {
  const first = sureness.findIndex((sure) => sure >= PERSON);
  const last = sureness.findLastIndex((sure) => sure >= PERSON);
  return [first + 1 - sureness[first], last + sureness[last]];
}

/** How far a canvas may reach so that it does not show the faces of others, given as boxes. */
export function roomBeside(others) {
  let [left, top, right, bottom] = REACH;
  for (const other of others) {
    const [across, down] = [(other[0] + other[2]) / 2, (other[1] + other[3]) / 2];
    if (across < 0) left = Math.max(left, Math.min(0, other[2]));
    else if (across > FRAME_WIDTH) right = Math.min(right, Math.max(FRAME_WIDTH, other[0]));
    else if (down > FRAME_HEIGHT) bottom = Math.min(bottom, Math.max(FRAME_HEIGHT, other[1]));
    else if (down < 0) top = Math.max(top, Math.min(0, other[3]));
  }
  return [left, top, right, bottom];
}

/** The canvas that shows the person, {left, top, times}: the whole head with paper above it, and the shoulders. */
export function portrait(person, room) {
  const [left, top, right, bottom] = overlap(person, room);
  const aside = (left + right) / 2 - MIDDLE_EYES;
  const middle = MIDDLE_EYES + Math.min(Math.max(aside, -ASIDE), ASIDE);
  const wide = (2 * Math.max(middle - left, right - middle)) / (FRAME_WIDTH - 2 * BESIDE * FRAME_HEIGHT);
  const high = (bottom - top) / (FRAME_HEIGHT * (1 - ABOVE - BELOW));
  const most = Math.min(LARGEST, (room[2] - room[0]) / FRAME_WIDTH, (room[3] - room[1]) / FRAME_HEIGHT);
  const times = Math.min(Math.max(wide, high, 1), most);
  const [width, height] = [times * FRAME_WIDTH, times * FRAME_HEIGHT];
  const over = Math.max(0, height * (1 - ABOVE - BELOW) - (bottom - top));
  let start = top - ABOVE * height - HIGHER * over;
  start = Math.min(Math.max(start, EYES[0][1] - 0.6 * height), EYES[0][1] - 0.3 * height);
  return {
    left: within(middle - width / 2, width, room[0], room[2]),
    top: within(start, height, room[1], room[3]),
    times,
  };
}

function within(start, length, low, high) {
  return Math.min(Math.max(start, low), high - length);
}
