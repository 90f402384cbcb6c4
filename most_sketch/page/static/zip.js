// ZIP files of files that are compressed already: stored, not deflated. Names in UTF-8.

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
