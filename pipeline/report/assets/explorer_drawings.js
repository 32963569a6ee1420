// Drawings of the explorer: a map over its image, a map by itself, and the scale of its colours.

/** An element with attributes and children. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** A canvas with the pixels `paint(place)` -> [red, green, blue], and marks over them. */
function painted({ study, marks }, paint, says) {
  const zoom = Math.ceil(SHARP / study.side);
  const small = element("canvas", { width: study.side, height: study.side });
  const pixels = new ImageData(study.side, study.side);
  for (let place = 0; place < study.side ** 2; place += 1) {
    const [red, green, blue] = paint(place);
    pixels.data.set([red, green, blue, 255], 4 * place);
  }
  small.getContext("2d").putImageData(pixels, 0, 0);
  return enlarged(small, zoom, marks, says);
}

/** A small canvas with larger pixels, and marks over it. */
function enlarged(small, zoom, marks, says) {
  const side = small.width * zoom;
  const large = element("canvas", { width: side, height: side, role: "img", ariaLabel: says });
  const pen = large.getContext("2d");
  pen.drawImage(small, 0, 0, side, side);
  for (const [path, colour] of marks.strokes) {
    pen.lineWidth = 3.5;
    pen.strokeStyle = "#000000";
    pen.stroke(path);
    pen.lineWidth = 1.75;
    pen.strokeStyle = colour;
    pen.stroke(path);
  }
  return large;
}

/** A map in colours over the grey image. */
function overlay(scene, each, says) {
  const { signed, large } = each.map;
  const table = scene.study.tables[signed ? "signed" : "positive"];
  const { grey } = scene.image.picture;
  return painted(scene, (place) => {
    const colour = colourOf(table, large[place], each.scale, signed);
    return signed
      ? colour.map((value) => (0.6 + 0.4 * grey[place]) * value)
      : colour.map((value) => 0.5 * value + 127.5 * grey[place]);
  }, says);
}

/** The map's own values, one square each. */
function rawSquares(study, each, says) {
  const [height, width] = each.map.shape;
  const canvas = element("canvas", { width, height, role: "img", ariaLabel: says, className: "raw" });
  const table = study.tables[each.map.signed ? "signed" : "positive"];
  const pixels = new ImageData(width, height);
  each.map.values.forEach((value, place) => {
    const colour = colourOf(table, value, each.scale, each.map.signed);
    pixels.data.set([...colour, 255], 4 * place);
  });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

/** The colours of a scale with its numbers. */
function scaleBar(study, { map, scale }) {
  const canvas = element("canvas", { width: 256, height: 1 });
  const table = study.tables[map.signed ? "signed" : "positive"];
  const pixels = new ImageData(256, 1);
  for (let place = 0; place < 256; place += 1) {
    pixels.data.set([...table.slice(3 * place, 3 * place + 3), 255], 4 * place);
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  const ends = map.signed ? [-scale, 0, scale] : [0, scale / 2, scale];
  return element("div", { className: "bar" }, canvas,
    element("div", { className: "ticks" },
      ...ends.map((end) => element("span", {}, numberText(end)))));
}
