// Reading photos as a person sees them: upright, in sRGB, transparency over white; and refusing what is none, as
// most_sketch/photo/images.py does. The browser decodes; what it would spend too much memory on is refused before.

import { picture } from "./pillow.js";

export const MAX_PIXELS = 100_000_000;
const HEADER_BYTES = 1 << 18;
const STRIP_PIXELS = 1 << 22;

/** What is wrong with a photo: `code` names a text in texts.json, `values` fill it in. */
export class PhotoError extends Error {
  constructor(code, values = {}) {
    super(code);
    this.code = code;
    this.values = values;
  }
}

/** The pixels of a photo, RGB. Raises `PhotoError`. */
export async function readPhoto(blob) {
  if (!blob.size) throw new PhotoError("empty");
  const header = new Uint8Array(await blob.slice(0, HEADER_BYTES).arrayBuffer());
  const format = formatOf(header);
  if (!format) throw new PhotoError({ style: "styleFile", model: "weightsFile" }[madeHere(header)] ?? "notAPicture");
  const size = sizeOf(format, header);
  if (size && size[0] * size[1] > MAX_PIXELS) {
    throw new PhotoError("tooManyPixels", { width: size[0], height: size[1], most: MAX_PIXELS / 1e6 });
  }
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    throw new PhotoError(["HEIC", "TIFF", "JPEG 2000"].includes(format) ? "notInThisBrowser" : "damaged", { format });
  }
  try {
    if (bitmap.width * bitmap.height > MAX_PIXELS) {
      throw new PhotoError("tooManyPixels", { width: bitmap.width, height: bitmap.height, most: MAX_PIXELS / 1e6 });
    }
    return pixelsOf(bitmap, 3);
  } finally {
    bitmap.close();
  }
}

/** The pixels of what the browser has decoded, over white, with so many bands: 3, or 1 of a grey picture. */
export function pixelsOf(bitmap, bands) {
  const { width, height } = bitmap;
  const out = picture(width, height, bands);
  // In strips: some browsers have no canvas as large as a camera's photo.
  const rows = Math.max(1, Math.min(height, Math.floor(STRIP_PIXELS / width)));
  const canvas = new OffscreenCanvas(width, rows);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let top = 0, place = 0; top < height; top += rows) {
    context.fillStyle = "white";
    context.fillRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, width, Math.min(rows, height - top));
    for (let from = 0; from < data.length; from += 4) {
      for (let band = 0; band < bands; band++) out.data[place++] = data[from + band];
    }
  }
  return out;
}

/** The format that a file's first bytes say, whatever its name; undefined for what is no picture of pixels. */
export function formatOf(bytes) {
  const text = String.fromCharCode(...bytes.subarray(0, 32));
  const signatures = {
    "\xff\xd8\xff": "JPEG", "\x89PNG\r\n\x1a\n": "PNG", GIF8: "GIF", BM: "BMP", "II*\0": "TIFF", "MM\0*": "TIFF",
    "\0\0\x01\0": "ICO", "\0\0\0\x0cjP  ": "JPEG 2000",
  };
  for (const [start, format] of Object.entries(signatures)) if (text.startsWith(start)) return format;
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "WebP";
  if (text.slice(4, 8) === "ftyp") return /avi[fs]/.test(text.slice(8)) ? "AVIF" : "HEIC";
  return undefined;
}

/** "style" or "model" for a file of safetensors that most-sketch wrote: somebody may drop a style that was taught. */
function madeHere(bytes) {
  if (bytes[8] !== "{".charCodeAt(0)) return undefined;
  return new TextDecoder().decode(bytes.subarray(8)).match(/"most_sketch_(style|model)"/)?.[1];
}

/** Width and height that a file's header says, where that is quickly read; the browser asks the others. */
function sizeOf(format, bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    if (format === "PNG") return [view.getUint32(16), view.getUint32(20)];
    if (format === "GIF") return [view.getUint16(6, true), view.getUint16(8, true)];
    if (format === "BMP") return [view.getInt32(18, true), Math.abs(view.getInt32(22, true))];
    if (format === "JPEG") return jpegSize(view);
    if (format === "WebP") return webpSize(view);
  } catch (error) {
    // The header ends before it says so: damaged, which decoding tells.
    if (!(error instanceof RangeError)) throw error;
  }
  return undefined;
}

function jpegSize(view) {
  for (let place = 2; ; place += 2 + view.getUint16(place + 2)) {
    const marker = view.getUint8(place + 1);
    if (view.getUint8(place) !== 0xff) return undefined;
    // Start of frame, of whatever coding; C4, C8 and CC are none.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return [view.getUint16(place + 7), view.getUint16(place + 5)];
    }
  }
}

function webpSize(view) {
  const kind = String.fromCharCode(view.getUint8(12), view.getUint8(13), view.getUint8(14), view.getUint8(15));
  if (kind === "VP8 ") return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
  const low = (place) => view.getUint16(place, true) | (view.getUint8(place + 2) << 16);
  if (kind === "VP8X") return [low(24) + 1, low(27) + 1];
  const bits = view.getUint32(21, true);
  return [(bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1];
}
