// most-sketch in a browser: photos in, sketches out, all on this device.
//
//     const sketcher = await Sketcher.load();
//     const { sketch, placement, face } = await sketcher.sketch(blob, { style: "ink" });
//
// A photo is a Blob or File of a picture; a sketch is a PNG Blob.

/** Why a photo was not drawn: `code` is a name in texts.json, and `values` fill in what stands in braces there. */
export class SketchError extends Error {
  constructor({ code, values }) {
    super(values.message ?? code);
    this.name = "SketchError";
    this.code = code;
    this.values = values;
  }
}

export class Sketcher {
  #worker;
  #waiting = new Map();
  #keys = new WeakMap();
  #asked = 0;
  #opened = 0;
  #progress = () => {};

  /** With the networks that lie at `url`, where network.json is; `progress` hears {loaded, total} in bytes. */
  static async load(url = new URL("./", import.meta.url), progress = () => {}) {
    const sketcher = new Sketcher();
    try {
      await sketcher.#start(String(url), progress);
    } catch (error) {
      sketcher.close();
      throw error;
    }
    return sketcher;
  }

  async #start(url, progress) {
    this.#progress = progress;
    this.#worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#hear(data);
    this.#worker.onerror = (event) => this.#fail(event.message || "the worker could not be started");
    this.about = await this.#ask("load", { url, threads: navigator.hardwareConcurrency || 1 });
  }

  #hear({ id, result, error, progress }) {
    if (progress) {
      this.#progress(progress);
      return;
    }
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) reject(new SketchError(error));
    else resolve(result);
  }

  #fail(message) {
    for (const { reject } of this.#waiting.values()) reject(new SketchError({ code: "fault", values: { message } }));
    this.#waiting.clear();
  }

  #ask(task, values) {
    return new Promise((resolve, reject) => {
      const id = ++this.#asked;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, task, ...values });
    });
  }

  /** A number for each photo, so that one that was just looked at is not decoded anew. */
  #key(blob) {
    if (!this.#keys.has(blob)) this.#keys.set(blob, ++this.#opened);
    return this.#keys.get(blob);
  }

  /** [{name, description, paper}], the default at `first`. */
  get styles() {
    return this.about.styles;
  }

  get first() {
    return this.about.styles[this.about.first].name;
  }

  /** {width, height, faces, picture}: faces from left to right, each with its box, landmarks and a small picture. */
  async open(blob) {
    return this.#ask("open", { key: this.#key(blob), blob });
  }

  /**
   * {sketch, photo, placement, face, faces, width, height, paper, ...}. `photo` is what the sketch was drawn of, and
   * `placement` the map [a, b, c, d, e, f] from the photo's pixels to the sketch's. `face` counts from the left; without
   * it the largest is drawn, and with null the picture as it is. `size` is the height; without it what suits the photo.
   * `framing` is "portrait" or "face", `finish` "fade" or "none", as those options of `most-sketch convert`.
   */
  async sketch(blob, { style = this.first, size, face, framing = "portrait", finish = "fade" } = {}) {
    return this.#ask("draw", { key: this.#key(blob), blob, style, size, face, framing, finish });
  }

  /** What `sketch` gave of some faces of one photo, where they are in it, as a PNG of the photo's size. */
  async inPhoto(width, height, drawings) {
    const needed = drawings.map(({ sketch, placement, paper, style }) => ({ sketch, placement, paper, style }));
    return this.#ask("inPhoto", { width, height, drawings: needed });
  }

  /** The photo to the left, the sketch to the right; `kind` is the type of the file. */
  async sideBySide({ photo, sketch }, kind = "image/png", quality = 0.92) {
    return this.#ask("sideBySide", { photo, sketch, kind, quality });
  }

  /** A PNG of the ink alone, its paper transparent. */
  async transparent(sketch, style) {
    return this.#ask("transparent", { sketch, style });
  }

  async jpeg(sketch, quality = 0.92) {
    return this.#ask("jpeg", { sketch, quality });
  }

  close() {
    this.#worker.terminate();
    this.#fail("closed");
  }
}
