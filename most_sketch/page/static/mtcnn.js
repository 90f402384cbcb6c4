// MTCNN: faces with five landmarks, as most_sketch/photo/mtcnn.py finds them, which says where the numbers come from.
// Numbers are rounded to float32 where numpy rounds them, so that both find the same boxes.

export const MIN_FACE = 20;
export const PYRAMID = 0.709;
export const P_SIDE = 12;
export const R_SIDE = 24;
export const O_SIDE = 48;
export const P_STRIDE = 2;
export const P_LEAST = 0.6;
export const R_LEAST = 0.7;
export const O_LEAST = 0.7;
export const LEVEL_OVERLAP = 0.5;
export const MAX_OVERLAP = 0.7;
export const BATCH = 512;

const f = Math.fround;

/**
 * The faces in an RGB picture: [{box, landmarks, confidence}], the surest first.
 * A network takes (pictures, [n, 3, h, w]) and gives {probabilities, offsets, landmarks}, each {data, dims}.
 */
export async function detect(image, { pNet, rNet, oNet }) {
  const sums = summedArea(image);
  let boxes = (await propose(pNet, sums)).filter((each) => inPicture(each.box, sums));
  boxes = (await look(rNet, sums, boxes, R_SIDE)).filter((each) => each.score > R_LEAST);
  boxes = apart(boxes, MAX_OVERLAP).map((each) => ({ ...each, box: square(moved(each.box, each.offsets, 1)) }));
  boxes = boxes.filter((each) => inPicture(each.box, sums));
  boxes = (await look(oNet, sums, boxes, O_SIDE)).filter((each) => each.score > O_LEAST);
  const faces = boxes.map(({ box, score, offsets, points }) => {
    const [width, height] = sides(box, 1);
    const landmarks = [0, 1, 2, 3, 4].map((index) => [
      f(f(f(width * points[index]) + box[0]) - 1),
      f(f(f(height * points[index + 5]) + box[1]) - 1),
    ]);
    return { box: moved(box, offsets, 1), landmarks, score };
  });
  // Of equally sure boxes the last in the list comes first, as numpy sorts them.
  const order = faces.map((_, index) => index).sort((one, other) => faces[one].score - faces[other].score).reverse();
  return suppress(faces, order, MAX_OVERLAP, overSmaller)
    .map(({ box, landmarks, score }) => ({ box, landmarks, confidence: score }));
}

/** What P-Net takes for faces at any size, as squares. */
async function propose(network, sums) {
  const found = [];
  for (const scale of scales(sums)) found.push(...apart(await scan(network, sums, scale), LEVEL_OVERLAP));
  return apart(found, MAX_OVERLAP).map((each) => ({ box: square(moved(each.box, each.offsets, 0)) }));
}

/** What P-Net takes for faces of 12 x 12 pixels in the picture at this scale. */
async function scan(network, sums, scale) {
  const width = Math.trunc(sums.width * scale + 1);
  const height = Math.trunc(sums.height * scale + 1);
  const pixels = new Float32Array(3 * width * height);
  averages(sums, [0, 0, sums.width, sums.height], width, height, pixels, 0);
  const { probabilities, offsets } = await network(pixels, [1, 3, height, width]);
  const [rows, columns] = probabilities.dims.slice(-2);
  const plane = rows * columns;
  const single = f(scale);
  const found = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const place = row * columns + column;
      const score = probabilities.data[place];
      if (!(score >= f(P_LEAST))) continue;
      const edge = (value) => Math.floor(f(value / single));
      const [x, y] = [P_STRIDE * column, P_STRIDE * row];
      found.push({
        box: [edge(x + 1), edge(y + 1), edge(x + P_SIDE), edge(y + P_SIDE)],
        score,
        offsets: [0, 1, 2, 3].map((index) => offsets.data[index * plane + place]),
      });
    }
  }
  return found;
}

/** What a network answers for boxes, each seen at `side` x `side` pixels. */
async function look(network, sums, boxes, side) {
  const answers = [];
  const length = 3 * side * side;
  for (let start = 0; start < boxes.length; start += BATCH) {
    const part = boxes.slice(start, start + BATCH);
    const pixels = new Float32Array(part.length * length);
    part.forEach(({ box }, index) => averages(sums, windowOf(box, sums), side, side, pixels, index * length));
    const { probabilities, offsets, landmarks } = await network(pixels, [part.length, 3, side, side]);
    part.forEach(({ box }, index) => answers.push({
      box,
      score: probabilities.data[index],
      offsets: Array.from(offsets.data.subarray(4 * index, 4 * index + 4)),
      points: landmarks ? Array.from(landmarks.data.subarray(10 * index, 10 * index + 10)) : undefined,
    }));
  }
  return answers;
}

function scales({ width, height }) {
  const found = [];
  for (let scale = P_SIDE / MIN_FACE; Math.min(width, height) * scale >= P_SIDE; scale *= PYRAMID) found.push(scale);
  return found;
}

/** The sums of all pixels above and left of each corner, a band after the other. Reference: Crow 1984. */
export function summedArea({ width, height, bands, data }) {
  const across = width + 1;
  const plane = across * (height + 1);
  const sums = new Int32Array(bands * plane);
  for (let band = 0; band < bands; band++) {
    for (let y = 0; y < height; y++) {
      let row = 0;
      const above = band * plane + y * across;
      for (let x = 0; x < width; x++) {
        row += data[(y * width + x) * bands + band];
        sums[above + across + x + 1] = sums[above + x + 1] + row;
      }
    }
  }
  return { sums, width, height };
}

/** The pixels within a whole box at a size, each the mean of those that it touches, as the networks want them. */
function averages({ sums, width, height }, [left, top, right, bottom], newWidth, newHeight, out, place) {
  const across = width + 1;
  const plane = across * (height + 1);
  const columns = edges(left, right, newWidth);
  const rows = edges(top, bottom, newHeight);
  for (let band = 0; band < 3; band++) {
    for (let y = 0; y < newHeight; y++) {
      const low = band * plane + rows.low[y] * across;
      const high = band * plane + rows.high[y] * across;
      const tall = rows.high[y] - rows.low[y];
      for (let x = 0; x < newWidth; x++) {
        const total = sums[high + columns.high[x]] - sums[low + columns.high[x]]
          - sums[high + columns.low[x]] + sums[low + columns.low[x]];
        const mean = f(f(f(total) / tall) / (columns.high[x] - columns.low[x]));
        out[place++] = f(mean - 127.5) / 128;
      }
    }
  }
}

/** Where each of `count` equal parts of a span begins and ends, in whole pixels. */
function edges(from, to, count) {
  const low = new Int32Array(count);
  const high = new Int32Array(count);
  for (let part = 0; part < count; part++) {
    low[part] = from + Math.floor((part * (to - from)) / count);
    high[part] = from + Math.ceil(((part + 1) * (to - from)) / count);
  }
  return { low, high };
}

/** The surest of those that overlap by more than a share of what both cover; of equally sure the first. */
function apart(boxes, most) {
  const order = boxes.map((_, index) => index).sort((one, other) => boxes[other].score - boxes[one].score);
  return suppress(boxes, order, most, overUnion);
}

/** Non-maximum suppression: of boxes that overlap by more than `most`, the first in the order. */
function suppress(boxes, order, most, overlap) {
  const kept = [];
  let left = order;
  while (left.length) {
    const [first, ...rest] = left;
    kept.push(boxes[first]);
    left = rest.filter((index) => !(overlap(boxes[first].box, boxes[index].box) > most));
  }
  return kept;
}

function overUnion(box, other) {
  const both = shared(box, other, 0);
  return f(both / f(f(area(box, 0) + area(other, 0)) - both));
}

function overSmaller(box, other) {
  return f(shared(box, other, 1) / Math.min(area(box, 1), area(other, 1)));
}

function shared(box, other, border) {
  const width = f(f(Math.min(box[2], other[2]) - Math.max(box[0], other[0])) + border);
  const height = f(f(Math.min(box[3], other[3]) - Math.max(box[1], other[1])) + border);
  return f(Math.max(width, 0) * Math.max(height, 0));
}

function area(box, border) {
  const [width, height] = sides(box, border);
  return f(width * height);
}

function sides(box, border) {
  return [f(f(box[2] - box[0]) + border), f(f(box[3] - box[1]) + border)];
}

/** The part of a box that lies in the picture, in whole pixels. */
function windowOf(box, { width, height }) {
  const [left, top, right, bottom] = box.map(Math.trunc);
  return [Math.max(left, 1) - 1, Math.max(top, 1) - 1, Math.min(right, width), Math.min(bottom, height)];
}

function inPicture(box, sums) {
  const [left, top, right, bottom] = windowOf(box, sums);
  return left < right && top < bottom;
}

function moved(box, offsets, border) {
  const size = sides(box, border);
  return box.map((side, index) => f(side + f(offsets[index] * size[index % 2])));
}

/** The square around the middle of a box, as wide as its longer side. */
function square(box) {
  const [width, height] = sides(box, 0);
  const longer = Math.max(width, height);
  const left = f(f(box[0] + f(width * 0.5)) - f(longer * 0.5));
  const top = f(f(box[1] + f(height * 0.5)) - f(longer * 0.5));
  return [left, top, f(left + longer), f(top + longer)];
}
