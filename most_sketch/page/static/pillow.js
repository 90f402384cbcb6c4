// Pillow's resampling, bit for bit where its arithmetic is in whole numbers, so that the page draws the pictures that
// `most-sketch convert` draws. A picture is {width, height, bands, data}: bytes, its bands side by side in each pixel.
//
// Reference: Resample.c, Reduce.c, Geometry.c, BoxBlur.c, Paste.c of Pillow 12.

const PRECISION_BITS = 22;

/** What each resampling filter looks like, and how far it looks. */
const FILTERS = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, at: cubic },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

function cubic(x) {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

function sinc(x) {
  if (x === 0) return 1;
  x *= Math.PI;
  return Math.sin(x) / x;
}

export function picture(width, height, bands, data) {
  return { width, height, bands, data: data ?? new Uint8ClampedArray(width * height * bands) };
}

/** Python's `round`: halves to the even number. */
export function round(value) {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}

/** `Image.resize`; `box` is (left, top, right, bottom), and `gap` is its `reducing_gap`. */
export function resize(image, width, height, filter, box = [0, 0, image.width, image.height], gap = 0) {
  if (gap) {
    const factors = [
      Math.trunc((box[2] - box[0]) / width / gap) || 1,
      Math.trunc((box[3] - box[1]) / height / gap) || 1,
    ];
    if (factors[0] > 1 || factors[1] > 1) {
      const safe = safeBox(image, width, height, FILTERS[filter].support, box);
      image = reduce(image, factors[0], factors[1], safe);
      box = box.map((side, index) => (side - safe[index % 2]) / factors[index % 2]);
    }
  }
  if (image.width === width && image.height === height && box[0] === 0 && box[1] === 0
      && box[2] === width && box[3] === height) {
    return picture(width, height, image.bands, image.data.slice());
  }
  const across = coefficients(image.width, box[0], box[2], width, FILTERS[filter]);
  const down = coefficients(image.height, box[1], box[3], height, FILTERS[filter]);
  const first = down.starts[0];
  const last = down.starts[height - 1] + down.counts[height - 1];
  let middle = image;
  let skipped = 0;
  if (width !== image.width || box[0] !== 0 || box[2] !== width) {
    middle = resampledRows(image, across, width, first, last);
    skipped = first;
  }
  if (height === image.height && box[1] === 0 && box[3] === height) return middle;
  return resampledColumns(middle, down, height, skipped);
}

function safeBox(image, width, height, support, box) {
  const across = (support - 0.5) * ((box[2] - box[0]) / width);
  const down = (support - 0.5) * ((box[3] - box[1]) / height);
  return [
    Math.max(0, Math.trunc(box[0] - across)),
    Math.max(0, Math.trunc(box[1] - down)),
    Math.min(image.width, Math.ceil(box[2] + across)),
    Math.min(image.height, Math.ceil(box[3] + down)),
  ];
}

/** Of each pixel of a line, which pixels of another it is made of, and with what weights. */
function weights(size, low, high, count, filter) {
  const scale = (high - low) / count;
  const filterScale = Math.max(scale, 1);
  const support = filter.support * filterScale;
  const width = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(count);
  const counts = new Int32Array(count);
  const values = new Float64Array(count * width);
  for (let place = 0; place < count; place++) {
    const centre = low + (place + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), size);
    let sum = 0;
    for (let index = 0; index < end - start; index++) {
      const weight = filter.at((index + start - centre + 0.5) * (1 / filterScale));
      values[place * width + index] = weight;
      sum += weight;
    }
    if (sum !== 0) for (let index = 0; index < end - start; index++) values[place * width + index] /= sum;
    starts[place] = start;
    counts[place] = end - start;
  }
  return { starts, counts, values, width };
}

function coefficients(size, low, high, count, filter) {
  const found = weights(size, low, high, count, filter);
  const whole = new Int32Array(found.values.length);
  for (let index = 0; index < whole.length; index++) {
    const value = found.values[index] * (1 << PRECISION_BITS);
    whole[index] = Math.trunc(value < 0 ? value - 0.5 : value + 0.5);
  }
  return { ...found, values: whole };
}

function resampledRows(image, { starts, counts, values, width: taps }, width, first, last) {
  const { bands, data } = image;
  const out = picture(width, last - first, bands);
  for (let y = first; y < last; y++) {
    const row = y * image.width * bands;
    let place = (y - first) * width * bands;
    for (let x = 0; x < width; x++) {
      for (let band = 0; band < bands; band++) {
        let sum = 1 << (PRECISION_BITS - 1);
        let from = row + starts[x] * bands + band;
        for (let tap = x * taps; tap < x * taps + counts[x]; tap++, from += bands) sum += data[from] * values[tap];
        out.data[place++] = sum >> PRECISION_BITS;
      }
    }
  }
  return out;
}

function resampledColumns(image, { starts, counts, values, width: taps }, height, skipped) {
  const { bands, data } = image;
  const length = image.width * bands;
  const out = picture(image.width, height, bands);
  const sums = new Float64Array(length);
  for (let y = 0; y < height; y++) {
    sums.fill(1 << (PRECISION_BITS - 1));
    for (let tap = 0; tap < counts[y]; tap++) {
      const weight = values[y * taps + tap];
      const row = (starts[y] - skipped + tap) * length;
      for (let x = 0; x < length; x++) sums[x] += data[row + x] * weight;
    }
    for (let x = 0; x < length; x++) out.data[y * length + x] = sums[x] >> PRECISION_BITS;
  }
  return out;
}

/** `Image.resize` of planes of float32 numbers, each width x height, with the bicubic filter. */
export function resizeFloats(planes, count, width, height, newWidth, newHeight) {
  const across = weights(width, 0, width, newWidth, FILTERS.bicubic);
  const down = weights(height, 0, height, newHeight, FILTERS.bicubic);
  const middle = new Float32Array(newWidth * height);
  const out = new Float32Array(count * newWidth * newHeight);
  for (let plane = 0; plane < count; plane++) {
    const from = plane * width * height;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < newWidth; x++) {
        let sum = 0;
        for (let tap = 0; tap < across.counts[x]; tap++) {
          sum += planes[from + y * width + across.starts[x] + tap] * across.values[x * across.width + tap];
        }
        middle[y * newWidth + x] = sum;
      }
    }
    for (let y = 0; y < newHeight; y++) {
      for (let x = 0; x < newWidth; x++) {
        let sum = 0;
        for (let tap = 0; tap < down.counts[y]; tap++) {
          sum += middle[(down.starts[y] + tap) * newWidth + x] * down.values[y * down.width + tap];
        }
        out[plane * newWidth * newHeight + y * newWidth + x] = sum;
      }
    }
  }
  return out;
}

/** `Image.reduce`: the mean of blocks of pixels, within a box (left, top, right, bottom). */
export function reduce(image, across, down, box = [0, 0, image.width, image.height]) {
  const { bands, data } = image;
  const [left, top, right, bottom] = box;
  const width = Math.ceil((right - left) / across);
  const height = Math.ceil((bottom - top) / down);
  const out = picture(width, height, bands);
  let place = 0;
  for (let y = 0; y < height; y++) {
    const low = top + y * down;
    const high = Math.min(low + down, bottom);
    for (let x = 0; x < width; x++) {
      const start = left + x * across;
      const end = Math.min(start + across, right);
      const count = (high - low) * (end - start);
      const multiplier = Math.floor(2 ** 24 / count);
      for (let band = 0; band < bands; band++) {
        let sum = count >> 1;
        for (let row = low; row < high; row++) {
          const offset = row * image.width;
          for (let column = start; column < end; column++) sum += data[(offset + column) * bands + band];
        }
        out.data[place++] = Math.floor((sum * multiplier) / 2 ** 24);
      }
    }
  }
  return out;
}

/** `Image.transform` by an affine map (a, b, c, d, e, f) from the new picture's places to the old one's; bicubic. */
export function transform(image, width, height, [a, b, c, d, e, f]) {
  const { bands, data, width: oldWidth, height: oldHeight } = image;
  const out = picture(width, height, bands);
  const columns = [0, 0, 0, 0];
  const rows = [0, 0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let across = a * (x + 0.5) + b * (y + 0.5) + c;
      let down = d * (x + 0.5) + e * (y + 0.5) + f;
      if (across < 0 || across >= oldWidth || down < 0 || down >= oldHeight) continue;
      across -= 0.5;
      down -= 0.5;
      const column = Math.floor(across);
      const row = Math.floor(down);
      const right = across - column;
      const below = down - row;
      for (let index = 0; index < 4; index++) {
        columns[index] = Math.min(Math.max(column - 1 + index, 0), oldWidth - 1) * bands;
        rows[index] = Math.min(Math.max(row - 1 + index, 0), oldHeight - 1) * oldWidth * bands;
      }
      const place = (y * width + x) * bands;
      const [c0, c1, c2, c3] = columns;
      for (let band = 0; band < bands; band++) {
        // Written out: a closure for each pixel costs more than the sums.
        const [r0, r1, r2, r3] = [rows[0] + band, rows[1] + band, rows[2] + band, rows[3] + band];
        const one = between(data[r0 + c0], data[r0 + c1], data[r0 + c2], data[r0 + c3], right);
        const two = between(data[r1 + c0], data[r1 + c1], data[r1 + c2], data[r1 + c3], right);
        const three = between(data[r2 + c0], data[r2 + c1], data[r2 + c2], data[r2 + c3], right);
        const four = between(data[r3 + c0], data[r3 + c1], data[r3 + c2], data[r3 + c3], right);
        const value = between(one, two, three, four, below);
        out.data[place + band] = value <= 0 ? 0 : value >= 255 ? 255 : Math.trunc(value);
      }
    }
  }
  return out;
}

function between(one, two, three, four, place) {
  const linear = three - one;
  const square = 2 * (one - two) + three - four;
  const cube = two - one - three + four;
  return two + place * (linear + place * (square + place * cube));
}

/** `ImageFilter.GaussianBlur`: three box blurs along the rows, then three along the columns. */
export function gaussianBlur(image, radius) {
  const box = boxRadius(radius, 3);
  const rows = blurredRows(image, box, 3);
  return transposed(blurredRows(transposed(rows), box, 3));
}

function boxRadius(radius, passes) {
  const f = Math.fround;
  const variance = f(f(radius * radius) / passes);
  const length = f(Math.sqrt(12 * variance + 1));
  const whole = f(Math.floor((length - 1) / 2));
  let part = f(f(2 * whole + 1) * f(f(whole * f(whole + 1)) - f(3 * variance)));
  part = f(part / f(6 * f(variance - f(f(whole + 1) * f(whole + 1)))));
  return f(whole + part);
}

function blurredRows(image, radius, passes) {
  const { width, height, bands } = image;
  const whole = Math.trunc(radius);
  const inner = Math.trunc(Math.fround(2 ** 24 / Math.fround(Math.fround(radius * 2) + 1)));
  const outer = Math.floor((2 ** 24 - (whole * 2 + 1) * inner) / 2);
  const out = picture(width, height, bands);
  let line = new Uint8Array(width);
  let next = new Uint8Array(width);
  const last = width - 1;
  for (let y = 0; y < height; y++) {
    for (let band = 0; band < bands; band++) {
      const start = y * width * bands + band;
      for (let x = 0; x < width; x++) line[x] = image.data[start + x * bands];
      for (let pass = 0; pass < passes; pass++) {
        let sum = line[0] * (whole + 1);
        for (let x = 0; x < whole; x++) sum += line[Math.min(x, last)];
        for (let x = 0; x < width; x++) {
          const left = line[Math.max(x - whole - 1, 0)];
          sum += line[Math.min(x + whole, last)] - left;
          const bulk = sum * inner + (left + line[Math.min(x + whole + 1, last)]) * outer;
          next[x] = Math.floor((bulk + 2 ** 23) / 2 ** 24);
        }
        [line, next] = [next, line];
      }
      for (let x = 0; x < width; x++) out.data[start + x * bands] = line[x];
    }
  }
  return out;
}

function transposed({ width, height, bands, data }) {
  const out = picture(height, width, bands);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let band = 0; band < bands; band++) {
        out.data[(x * height + y) * bands + band] = data[(y * width + x) * bands + band];
      }
    }
  }
  return out;
}

/** `ImageFilter.MaxFilter` of a picture of one band: the brightest of size x size pixels. */
export function maxFilter(image, size) {
  const rows = brightestOfRows(image, size >> 1);
  return transposed(brightestOfRows(transposed(rows), size >> 1));
}

function brightestOfRows({ width, height, data }, reach) {
  const out = picture(width, height, 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let brightest = 0;
      const end = Math.min(x + reach, width - 1);
      for (let near = Math.max(x - reach, 0); near <= end; near++) {
        brightest = Math.max(brightest, data[y * width + near]);
      }
      out.data[y * width + x] = brightest;
    }
  }
  return out;
}

/** `Image.composite`: of two pictures of one size the first as far as the mask (one band) is 255. */
export function composite(first, second, mask) {
  const out = picture(first.width, first.height, first.bands);
  for (let pixel = 0, place = 0; pixel < mask.data.length; pixel++) {
    const share = mask.data[pixel];
    for (let band = 0; band < first.bands; band++, place++) {
      out.data[place] = blended(second.data[place], first.data[place], share);
    }
  }
  return out;
}

/** `Image.paste` with a mask, at (left, top), which lies in the picture. Changes `image`. */
export function paste(image, part, left, top, mask) {
  for (let y = 0; y < part.height; y++) {
    for (let x = 0; x < part.width; x++) {
      const share = mask.data[y * part.width + x];
      for (let band = 0; band < part.bands; band++) {
        const place = ((y + top) * image.width + x + left) * image.bands + band;
        image.data[place] = blended(image.data[place], part.data[(y * part.width + x) * part.bands + band], share);
      }
    }
  }
}

function blended(under, over, share) {
  const sum = under * (255 - share) + over * share + 128;
  return ((sum >> 8) + sum) >> 8;
}

/** `Image.crop` of a box (left, top, right, bottom) in the picture. */
export function crop(image, [left, top, right, bottom]) {
  const { bands } = image;
  const out = picture(right - left, bottom - top, bands);
  for (let y = top; y < bottom; y++) {
    const start = (y * image.width + left) * bands;
    out.data.set(image.data.subarray(start, start + out.width * bands), (y - top) * out.width * bands);
  }
  return out;
}

/** `Image.transpose` by 0, 90, 180 or 270 degrees clockwise. */
export function turned(image, degrees) {
  const { width, height, bands, data } = image;
  if (degrees === 0) return image;
  const out = degrees === 180 ? picture(width, height, bands) : picture(height, width, bands);
  for (let y = 0; y < out.height; y++) {
    for (let x = 0; x < out.width; x++) {
      const [column, row] = {
        90: [y, height - 1 - x],
        180: [width - 1 - x, height - 1 - y],
        270: [width - 1 - y, x],
      }[degrees];
      for (let band = 0; band < bands; band++) {
        out.data[(y * out.width + x) * bands + band] = data[(row * width + column) * bands + band];
      }
    }
  }
  return out;
}
