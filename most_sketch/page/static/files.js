// Files as they are kept. PNG of grey pictures: a third of what a canvas would write, and with what the sketch is said of in
// the file. ZIP of files that are compressed already: stored, not deflated, with names in UTF-8.

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const UTF8_NAMES = 0x0800;
const VERSION = 20;
// The format's first day, 1980-01-01: a sketch has no time of its own.
const DATE = 0x21;

const TABLE = new Uint32Array(256).map((_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** A ZIP of files [{name, blob}], whose names are all different. */
export async function zip(files) {
  const parts = [];
  const directory = [];
  let place = 0;
  for (const { name, blob } of files) {
    const content = new Uint8Array(await blob.arrayBuffer());
    const letters = new TextEncoder().encode(name);
    const facts = [VERSION, UTF8_NAMES, 0, 0, DATE];
    const sizes = [crc32(content), content.length, content.length];
    parts.push(record([LOCAL], facts, sizes, [letters.length, 0]), letters, content);
    directory.push(record([CENTRAL], [VERSION, ...facts], sizes, [letters.length, 0, 0, 0, 0], [0, place]), letters);
    place += 30 + letters.length + content.length;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const count = files.length;
  const end = record([END], [0, 0, count, count], [length, place], [0]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** Groups of numbers, by turns of four bytes and of two, the lowest byte first. */
function record(...groups) {
  const bytes = groups.flatMap((group, index) => group.map((value) => [value, index % 2 ? 2 : 4])).flat();
  const view = new DataView(new ArrayBuffer(bytes.filter((_, index) => index % 2).reduce((sum, size) => sum + size, 0)));
  let place = 0;
  for (let index = 0; index < bytes.length; index += 2) {
    if (bytes[index + 1] === 2) view.setUint16(place, bytes[index], true);
    else view.setUint32(place, bytes[index], true);
    place += bytes[index + 1];
  }
  return new Uint8Array(view.buffer);
}

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
