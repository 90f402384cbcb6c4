// PNG files of grey pictures: a third of what a canvas would write, and with what the sketch is said of in the file.

import { crc32 } from "./zip.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const GREY = 0;
const GREY_AND_ALPHA = 4;
const METRES_PER_INCH = 0.0254;

/** A picture of one band, or of two, grey and alpha, as a PNG file; `texts` are what to say of it, in Latin-1. */
export async function encodePng({ width, height, bands, data }, texts = {}, dpi = 300) {
  const rows = new Uint8Array(height * (width * bands + 1));
  const length = width * bands;
  // Each row as its difference from the one above, which strokes and paper are alike in.
  for (let y = 0; y < height; y++) {
    const place = y * (length + 1);
    rows[place] = 2;
    for (let x = 0; x < length; x++) {
      rows[place + 1 + x] = data[y * length + x] - (y ? data[(y - 1) * length + x] : 0);
    }
  }
  const packed = await new Response(
    new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate")),
  ).arrayBuffer();
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8);
  header.setUint8(9, bands === 1 ? GREY : GREY_AND_ALPHA);
  const density = new DataView(new ArrayBuffer(9));
  density.setUint32(0, Math.round(dpi / METRES_PER_INCH));
  density.setUint32(4, Math.round(dpi / METRES_PER_INCH));
  density.setUint8(8, 1);
  return new Blob([
    new Uint8Array(SIGNATURE),
    chunk("IHDR", new Uint8Array(header.buffer)),
    chunk("pHYs", new Uint8Array(density.buffer)),
    ...Object.entries(texts).map(([key, text]) => chunk("tEXt", latin1(`${key}\0${text}`))),
    chunk("IDAT", new Uint8Array(packed)),
    chunk("IEND", new Uint8Array(0)),
  ], { type: "image/png" });
}

function chunk(kind, data) {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(latin1(kind), 4);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

function latin1(text) {
  return Uint8Array.from(text, (letter) => Math.min(letter.charCodeAt(0), 255));
}
