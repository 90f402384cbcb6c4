// The library of this site, at an address that stays: import { Sketcher } from "./most-sketch.js".
export * from "./$version/most-sketch.js";
