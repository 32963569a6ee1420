// What the explorer shows of a choice: one map in large, and all chosen ones side by side.

/** Boxes and outlines to draw over an image: [path, colour], and what they mean: [colour or null, text]. */
function marksOf(study, image, target, wanted) {
  const zoom = Math.ceil(SHARP / study.side);
  const strokes = [];
  const legend = [];
  if (wanted.outlines && image.parts) {
    image.labels ??= labelsOf(image.parts, study.side);
    const { labels } = image;
    const label = target.other ?? (target.label === image.label ? null : target.label);
    const pair = image.others.find((other) => other.label === label);
    if (pair) {
      const names = pair.parts.map((part) => study.parts[part].name).join(", ");
      const path = outlineOf((place) => pair.parts.includes(labels[place]), study.side, zoom);
      strokes.push([path, "#ffffff"]);
      legend.push(["#ffffff", `cue mask: ${names}`]);
    } else {
      for (const [part, { name, colour }] of Object.entries(study.parts)) {
        if (labels.includes(Number(part))) {
          const inside = (place) => labels[place] === Number(part);
          strokes.push([outlineOf(inside, study.side, zoom), colour]);
          legend.push([colour, name]);
        }
      }
    }
  }
  if (wanted.outlines && !image.parts && Object.keys(study.parts).length) {
    legend.push([null, "no parts: its class is in no pair"]);
  }
  if (wanted.boxes) {
    for (const [x0, y0, x1, y1] of image.boxes) {
      const path = new Path2D();
      path.rect(x0 * zoom, y0 * zoom, (x1 - x0) * zoom, (y1 - y0) * zoom);
      strokes.push([path, "#ffffff"]);
    }
    if (image.boxes.length) legend.push([null, "white outline: box"]);
  }
  return { strokes, legend };
}

/** The score of a map on its own image, "" if it has none: of its class, or of it instead of another. */
function scoreText(each, target) {
  if (!each.image) return "";
  if (target.other === null) {
    const iou = each.image.iou[each.index];
    const own = target.label === each.image.label;
    return own && iou !== null ? `IoU with the box ${iou.toFixed(2)}` : "";
  }
  const share = each.image.share[each.index][target.other];
  return share === undefined ? "" : `${Math.round(100 * share)} % in the cue mask`;
}

class Views {
  /** `choose` is called with a map whose tile was pressed. */
  constructor(panel, choose) {
    this.choose = choose;
    for (const name of ["status", "views", "scale", "legend", "tiles", "prediction", "pointed"]) {
      this[name] = panel.querySelector(`.${name}`);
    }
  }

  drawDetail({ study, variant, image, target, aim, marks }, each) {
    const view = (canvas, ...caption) =>
      element("figure", {}, canvas, element("figcaption", {}, ...caption));
    const plain = enlarged(image.picture.canvas, Math.ceil(SHARP / study.side), marks,
      `Image ${image.id}`);
    const views = [
      view(plain, element("b", {}, study.titles[image.label]), element("br"), image.id),
    ];
    this.drawPrediction(study, image, variant);
    this.scale.replaceChildren();
    if (each.map) {
      const name = `${each.model}, ${each.method.method}`;
      const size = each.map.shape.join(" × ");
      const origin = each.method.averaged_from
        ? `, averaged from ${each.method.averaged_from.join(" × ")}` : "";
      const numbers = [`maximum ${numberText(each.peak)}`, scoreText(each, target)];
      const canvases = [
        rawSquares(study, each, `Map of ${name} for ${aim}`),
        overlay({ study, image, marks }, each, `Overlay of ${name} for ${aim}`),
      ];
      canvases.forEach((canvas) => this.point(canvas, each, study));
      views.push(
        view(canvases[0], element("b", {}, "Map"), `, ${size} values${origin}`),
        view(canvases[1], element("b", {}, "Overlay"), each.map.says ? `, ${each.map.says}` : "",
          element("br"), numbers.filter(Boolean).join(", ")),
      );
      this.scale.append(scaleBar(study, each),
        element("p", {}, `${name}, for ${aim}: ${each.method.units}`, target.other !== null
          && each.method.kind === "class" ? ", difference of the two classes" : ""));
    } else {
      this.scale.append(element("p", {},
        `${each.method.method} has no map for this target: it explains ${
          { superset: "the superset of the image's own class",
            counterfactual: "a class instead of another" }[each.method.kind]
          ?? "single classes"}. Choose another target or method.`));
    }
    this.views.replaceChildren(...views);
    this.legend.replaceChildren(...marks.legend.map(([colour, name]) => {
      if (colour === null) return element("li", {}, name);
      const swatch = element("span", { className: "swatch" });
      swatch.style.background = colour;
      return element("li", {}, swatch, name);
    }));
  }

  drawPrediction(study, image, variant) {
    const found = study.predicted(image, variant);
    this.prediction.replaceChildren(...(found ? [
      `${variant} predicts `, element("b", {}, found.title),
      ` with p = ${found.probability.toFixed(2)}: `,
      element("b", { className: found.right ? "right" : "wrong" }, found.right ? "right" : "wrong"),
    ] : []));
  }

  /** Say the value under the pointer. */
  point(canvas, each, study) {
    canvas.addEventListener("pointermove", (event) => {
      const place = canvas.getBoundingClientRect();
      const x = Math.floor(((event.clientX - place.left) / place.width) * study.side);
      const y = Math.floor(((event.clientY - place.top) / place.height) * study.side);
      if (x < 0 || y < 0 || x >= study.side || y >= study.side) return;
      this.pointed.textContent =
        `${numberText(each.map.large[y * study.side + x])} at column ${x}, row ${y}`;
    });
    canvas.addEventListener("pointerleave", () => { this.pointed.textContent = ""; });
  }

  /** The maps side by side; `absent` of the chosen methods have none. */
  drawTiles(scene, shown, isDetail, absent) {
    const focused = this.tiles.contains(document.activeElement)
      ? document.activeElement.dataset.name : null;
    this.tiles.replaceChildren(...shown.map((each) => {
      const says = [each.map.says, scoreText(each, scene.target).replace("with the box ", "")];
      const tile = element("button", { type: "button", className: "tile" },
        overlay(scene, each, ""),
        element("span", { className: "name" }, element("b", {}, each.model), ` ${each.method.method}`),
        scaleBar(scene.study, each),
        element("span", { className: "says" }, says.filter(Boolean).join(", ")));
      tile.dataset.name = `${each.model}, ${each.method.method}`;
      tile.setAttribute("aria-pressed", String(isDetail(each)));
      tile.addEventListener("click", () => this.choose(each));
      return tile;
    }));
    [...this.tiles.children].find((tile) => tile.dataset.name === focused)?.focus();
    this.status.textContent = absent
      ? `${absent} of the chosen methods ${absent === 1 ? "has" : "have"} no map for this target.` : "";
  }
}
