"use strict";
// The explorer: test images and the maps of every model over them, drawn from the raw values.
// A choice of image and target picks one map of each method; all are drawn side by side, and one
// of them larger, with the image and the map's own values next to it.

const SHARP = 360; // pixels, the least width of a drawing
const MANY = 12; // maps; where there are more, some are shown at first

/** base64 -> Uint8Array */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** The values of a stored map, row after row. */
function valuesOf(map) {
  const step = (map.high - map.low) / 255;
  return Float64Array.from(bytesOf(map.data), (byte) => map.low + step * byte);
}

/** (h, w) -> (side, side), bilinear with half-pixel centres, as the evaluations do. */
function enlarge(values, [height, width], side) {
  const large = new Float64Array(side * side);
  const place = (index, count) => {
    const at = Math.max(((index + 0.5) * count) / side - 0.5, 0);
    const first = Math.min(Math.floor(at), count - 1);
    return [first, Math.min(first + 1, count - 1), at - first];
  };
  for (let y = 0; y < side; y += 1) {
    const [top, bottom, down] = place(y, height);
    for (let x = 0; x < side; x += 1) {
      const [left, right, across] = place(x, width);
      const above = values[top * width + left] * (1 - across) + values[top * width + right] * across;
      const below =
        values[bottom * width + left] * (1 - across) + values[bottom * width + right] * across;
      large[y * side + x] = above * (1 - down) + below * down;
    }
  }
  return large;
}

/** Two digits, or whole from 100 on. */
function numberText(value) {
  if (value === 0) return "0";
  const text = Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(2)));
  return text.replace("-", "−");
}

/** [label, length, ...] -> Uint8Array, a label for each pixel */
function labelsOf(runs, side) {
  const labels = new Uint8Array(side * side);
  let start = 0;
  for (let index = 0; index < runs.length; index += 2) {
    labels.fill(runs[index], start, start + runs[index + 1]);
    start += runs[index + 1];
  }
  return labels;
}

/** The edges of a mask as a path, in pixels times `zoom`. */
function outlineOf(inside, side, zoom) {
  const path = new Path2D();
  const at = (x, y) => x >= 0 && y >= 0 && x < side && y < side && inside(y * side + x);
  for (let y = 0; y <= side; y += 1) {
    for (let x = 0; x <= side; x += 1) {
      const here = at(x, y);
      if (here !== at(x - 1, y)) {
        path.moveTo(x * zoom, y * zoom);
        path.lineTo(x * zoom, (y + 1) * zoom);
      }
      if (here !== at(x, y - 1)) {
        path.moveTo(x * zoom, y * zoom);
        path.lineTo((x + 1) * zoom, y * zoom);
      }
    }
  }
  return path;
}

/** Colours for values: fractions of the peak from a table of 256; signed ones have 0 in its middle. */
function colourOf(table, value, peak, signed) {
  const fraction = peak > 0 ? value / peak : 0;
  const place = signed ? (fraction + 1) / 2 : fraction;
  const index = 3 * Math.min(Math.max(Math.floor(place * 256), 0), 255);
  return [table[index], table[index + 1], table[index + 2]];
}

/** The map that a method has for a target: values, shape, signed, probability; or null. */
function mapFor(study, image, index, target, zeroNegative) {
  const stored = image.maps[index];
  const method = study.methods[index];
  if (target.other === null) {
    const key = {
      class: String(target.label),
      superset: target.label === image.label ? `superset:${image.label}` : "",
      prior: "prior",
    }[method.kind];
    const map = stored[key];
    if (!map) return null;
    let values = valuesOf(map);
    if (zeroNegative) values = values.map((value) => Math.max(value, 0));
    const name = { class: "p(y|x)", superset: "p(Y|x)" }[method.kind];
    const says = name ? `${name} ${map.p.toFixed(2)}` : "";
    return { values, shape: map.shape, signed: method.signed && !zeroNegative, says };
  }
  const own = stored[image.label];
  const other = stored[target.other];
  const difference = stored[`${image.label}>${target.other}`];
  const says = (p) => `p(y|x) − p(y′|x) ${p.toFixed(2).replace("-", "−")}`;
  if (method.kind === "counterfactual" && difference) {
    const { shape, p } = difference;
    return { values: valuesOf(difference), shape, signed: true, says: says(p) };
  }
  if (method.kind !== "class" || !own || !other) return null;
  const less = valuesOf(other);
  const values = valuesOf(own).map((value, place) => value - less[place]);
  return { values, shape: own.shape, signed: true, says: says(own.p - other.p) };
}

/** Largest value, or largest size of a signed one, at the size of the image. */
function peakOf(map, side) {
  map.large ??= enlarge(map.values, map.shape, side);
  return map.large.reduce((peak, value) => Math.max(peak, map.signed ? Math.abs(value) : value), 0);
}

