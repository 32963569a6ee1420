/** Fill a select with [value, text, key in an address]; the value stays where it still can. */
function fill(select, options) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, text, key]) => {
    const option = element("option", { value }, text);
    option.dataset.key = key ?? text;
    return option;
  }));
  if (options.some(([value]) => value === before)) select.value = before;
}

class Explorer {
  constructor(panel, studies) {
    this.studies = studies;
    this.pictures = new Map(); // JPEG -> promise of its pixels
    this.drawn = 0; // counts drawings: a slow one must not replace a later one
    for (const name of ["dataset", "model", "method", "image", "target"]) {
      this[name] = panel.querySelector(`[name=${name}]`);
      this[name].addEventListener("change", () => this.update(name));
    }
    this.only = panel.querySelector("[name=only]");
    this.only.addEventListener("change", () => this.update("only"));
    panel.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
      if (["SELECT", "INPUT"].includes(event.target.tagName)) return;
      event.preventDefault();
      this.turn(step);
    });
    for (const name of ["boxes", "outlines", "positive", "shared"]) {
      this[name] = panel.querySelector(`[name=${name}]`);
      this[name].addEventListener("change", () => this.draw());
    }
    for (const [name, step] of [["previous", -1], ["next", 1]]) {
      panel.querySelector(`[name=${name}]`).addEventListener("click", () => this.turn(step));
    }
    for (const name of ["status", "views", "scale", "legend", "tiles", "shown", "prediction", "pointed"]) {
      this[name] = panel.querySelector(`.${name}`);
    }
    for (const study of studies) {
      study.tables = Object.fromEntries(
        Object.entries(study.colours).map(([name, text]) => [name, bytesOf(text)]),
      );
      study.methods.forEach((method, index) => {
        const maps = study.images.flatMap((image) => Object.values(image.maps[index]));
        method.signed = maps.some((map) => map.low < -0.001 * Math.abs(map.high));
      });
    }
    fill(this.dataset, [...new Set(studies.map((study) => study.dataset))].map((n) => [n, n]));
    panel.hidden = false;
    this.update("dataset");
    this.follow();
    addEventListener("hashchange", () => this.follow());
  }

  /** Choose what the address says: #explorer?dataset=...&image=... */
  follow() {
    if (!location.hash.startsWith("#explorer?")) return;
    const asked = new URLSearchParams(location.hash.slice("#explorer?".length));
    for (const name of ["dataset", "only", "model", "method", "image", "target"]) {
      const select = this[name];
      const found = [...select.options].find((each) => each.dataset.key === asked.get(name));
      if (found && found.value !== select.value) {
        select.value = found.value;
        this.update(name);
      }
    }
    document.getElementById("explorer").scrollIntoView();
  }

  /** Write what is chosen into the address, which can be shared. */
  remember() {
    const chosen = ["dataset", "only", "model", "method", "image", "target"].map((name) =>
      [name, this[name].selectedOptions[0]?.dataset.key ?? ""]);
    history.replaceState(null, "", `#explorer?${new URLSearchParams(chosen)}`);
  }

  /** What a model predicts for an image: label, title, probability, right; or null. */
  predicted(study, image, variant) {
    const found = image.predicted?.[variant];
    if (!found) return null;
    const [label, probability] = found;
    return { title: study.titles[label], probability, right: label === image.label };
  }

  /** The studies of the data set, one per architecture. */
  get siblings() {
    return this.studies.filter((study) => study.dataset === this.dataset.value);
  }

  /** The study and the variant of the chosen model. */
  get chosen() {
    const [place, variant] = JSON.parse(this.model.value);
    return { study: this.studies[place], variant };
  }

  get target_() {
    const [label, other] = JSON.parse(this.target.value);
    return { label, other };
  }

  /** The images that the filter lets through, [place, image]; all of them if it lets none. */
  offered(study, variant) {
    const all = study.images.map((image, place) => [place, image]);
    const wanted = this.only.value;
    const some = all.filter(([, image]) => {
      const predicted = this.predicted(study, image, variant);
      return wanted === "all" || (predicted && predicted.right === (wanted === "right"));
    });
    return some.length ? some : all;
  }

  /** Fill the selects below the one that changed, then draw. */
  update(changed) {
    if (changed === "dataset") {
      const several = this.siblings.length > 1;
      fill(this.model, this.siblings.flatMap((study) =>
        [...new Set(study.methods.map((method) => method.variant))].map((variant) => [
          JSON.stringify([this.studies.indexOf(study), variant]),
          several ? `${study.architecture}, ${variant}` : variant,
        ])));
      this.offerTiles();
    }
    const { study, variant } = this.chosen;
    if (["dataset", "model", "only"].includes(changed)) {
      const before = this.image.value;
      fill(this.image, this.offered(study, variant).map(([place, image]) => [
        String(place), `${place + 1}. ${study.titles[image.label]}`, image.id]));
      if (this.image.value !== before) changed = changed === "model" ? "model and image" : changed;
    }
    if (changed === "dataset" || changed.startsWith("model")) {
      fill(this.method, study.methods
        .filter((method) => method.variant === variant)
        .map((method) => [method.method, method.method]));
    }
    if (changed !== "model" && changed !== "method" && changed !== "target") {
      const image = study.images[this.image.value];
      const own = study.titles[image.label];
      const others = image.others.map((other) => [other.label, study.titles[other.label]]);
      fill(this.target, [
        [JSON.stringify([image.label, null]), `${own} (its class)`],
        ...others.map(([label, title]) => [JSON.stringify([label, null]), title]),
        ...others.map(([label, title]) => [
          JSON.stringify([image.label, label]), `${own} instead of ${title}`]),
      ]);
    }
    this.draw();
    if (this.started) this.remember();
    this.started = true;
  }

  /** Go to an image before or after. */
  turn(step) {
    const count = this.image.options.length;
    this.image.selectedIndex = (this.image.selectedIndex + step + count) % count;
    this.update("image");
  }

  /** A checkbox for each map that can be compared. */
  offerTiles() {
    const all = this.siblings.flatMap((study) =>
      study.methods.map((method, index) => ({ study, method, index })));
    this.candidates = all.map(({ study, method, index }) => {
      const box = element("input", {
        type: "checkbox",
        checked: all.length <= MANY || (method.kind === "class" && !method.averaged_from),
      });
      box.addEventListener("change", () => this.draw());
      const model = this.siblings.length > 1
        ? `${study.architecture}, ${method.variant}` : method.variant;
      return { study, method, index, box, model };
    });
    const models = [...new Set(this.candidates.map((each) => each.model))];
    this.shown.replaceChildren(...models.map((model) => element("fieldset", {},
      element("legend", {}, model),
      ...this.candidates.filter((each) => each.model === model)
        .map((each) => element("label", {}, each.box, ` ${each.method.method}`)))));
  }

  /** The pixels of an image: a canvas, and grey levels in [0, 1]. */
  pixels(study, image) {
    if (!this.pictures.has(image.jpeg)) {
      const load = async () => {
        const file = new Blob([bytesOf(image.jpeg)], { type: "image/jpeg" });
        const canvas = element("canvas", { width: study.side, height: study.side });
        const pen = canvas.getContext("2d", { willReadFrequently: true });
        pen.drawImage(await createImageBitmap(file), 0, 0);
        const { data } = pen.getImageData(0, 0, study.side, study.side);
        const grey = Float64Array.from({ length: study.side ** 2 },
          (_, place) => (data[4 * place] + data[4 * place + 1] + data[4 * place + 2]) / 765);
        return { canvas, grey };
      };
      this.pictures.set(image.jpeg, load());
    }
    return this.pictures.get(image.jpeg);
  }

  async draw() {
    this.drawn += 1;
    const mine = this.drawn;
    const { study, variant } = this.chosen;
    const target = this.target_;
    const image = study.images[this.image.value];
    const picture = await this.pixels(study, image);
    if (mine !== this.drawn) return;

    const found = this.candidates.map((each) => {
      const same = each.study.images.find((other) => other.id === image.id);
      const map = same && mapFor(each.study, same, each.index, target, this.positive.checked);
      return { ...each, map, peak: map ? peakOf(map, study.side) : 0 };
    });
    const isDetail = (each) => each.study === study && each.method.variant === variant
      && each.method.method === this.method.value;
    const listed = found.filter((each) => each.box.checked || isDetail(each));
    for (const each of found) {
      each.scale = this.shared.checked
        ? Math.max(...listed
          .filter((other) => other.method.method === each.method.method
            && other.map?.signed === each.map?.signed)
          .map((other) => other.peak), each.peak)
        : each.peak;
    }
    const scene = { study, image, picture, target, marks: this.marks(study, image, target) };
    this.drawDetail(scene, found.find(isDetail));
    this.drawTiles(scene, found.filter((each) => each.box.checked && each.map), isDetail);
    const absent = found.filter((each) => each.box.checked && !each.map).length;
    this.status.textContent = absent
      ? `${absent} of the chosen methods ${absent === 1 ? "has" : "have"} no map for this target.` : "";
  }

  /** Boxes and outlines to draw over an image: [path, colour], and what they mean: [colour or null, text]. */
  marks(study, image, target) {
    const zoom = Math.ceil(SHARP / study.side);
    const strokes = [];
    const legend = [];
    if (this.outlines.checked && image.parts) {
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
    if (this.outlines.checked && !image.parts && study.images.some((other) => other.parts)) {
      legend.push([null, "no parts: its class is in no pair"]);
    }
    if (this.boxes.checked) {
      for (const [x0, y0, x1, y1] of image.boxes) {
        const path = new Path2D();
        path.rect(x0 * zoom, y0 * zoom, (x1 - x0) * zoom, (y1 - y0) * zoom);
        strokes.push([path, "#ffffff"]);
      }
      if (image.boxes.length) legend.push([null, "white outline: box"]);
    }
    return { strokes, legend };
  }

  drawDetail(scene, each) {
    const { study, image, picture, target } = scene;
    const title = study.titles[image.label];
    const view = (canvas, ...caption) =>
      element("figure", {}, canvas, element("figcaption", {}, ...caption));
    const plain = enlarged(picture.canvas, Math.ceil(SHARP / study.side), scene.marks,
      `Image ${image.id}`);
    const views = [view(plain, element("b", {}, title), element("br"), image.id)];
    const predicted = this.predicted(study, image, this.chosen.variant);
    this.prediction.replaceChildren(...(predicted ? [
      `${this.chosen.variant} predicts `, element("b", {}, predicted.title),
      ` with p = ${predicted.probability.toFixed(2)}: `,
      element("b", { className: predicted.right ? "right" : "wrong" },
        predicted.right ? "right" : "wrong"),
    ] : []));
    this.scale.replaceChildren();
    if (each.map) {
      const name = `${each.model}, ${each.method.method}`;
      const aim = this.target.selectedOptions[0].textContent;
      const size = each.map.shape.join(" × ");
      const origin = each.method.averaged_from
        ? `, averaged from ${each.method.averaged_from.join(" × ")}` : "";
      views.push(
        view(rawSquares(study, each, `Map of ${name} for ${aim}`),
          element("b", {}, "Map"), `, ${size} values${origin}`),
        view(overlay(scene, each, `Overlay of ${name} for ${aim}`),
          element("b", {}, "Overlay"), each.map.says ? `, ${each.map.says}` : "", element("br"),
          `maximum ${numberText(each.peak)}${this.iouText(image, each, target)}`),
      );
      views.slice(1).forEach((figure) => this.point(figure.querySelector("canvas"), each, study));
      this.scale.append(scaleBar(study, each),
        element("p", {}, `${name}: ${each.method.units}`, target.other !== null
          && each.method.kind === "class" ? ", difference of the two classes" : ""));
    } else {
      this.scale.append(element("p", {},
        `${each.method.method} has no map for this target: it explains ${
          { superset: "the superset of the image's own class",
            counterfactual: "a class instead of another" }[each.method.kind]
          ?? "single classes"}. Choose another target or method.`));
    }
    this.views.replaceChildren(...views);
    this.legend.replaceChildren(...scene.marks.legend.map(([colour, name]) => {
      if (colour === null) return element("li", {}, name);
      const swatch = element("span", { className: "swatch" });
      swatch.style.background = colour;
      return element("li", {}, swatch, name);
    }));
  }

  /** What localisation says of a map on this image: it measures maps of the image's own class. */
  iouText(image, each, target) {
    if (target.label !== image.label || target.other !== null) return "";
    const same = each.study.images.find((other) => other.id === image.id);
    const iou = same?.iou?.[each.index];
    return typeof iou === "number" ? `, IoU with the box ${iou.toFixed(2)}` : "";
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

  drawTiles(scene, shown, isDetail) {
    const focused = this.tiles.contains(document.activeElement)
      ? document.activeElement.dataset.name : null;
    this.tiles.replaceChildren(...shown.map((each) => {
      const name = `${each.model}, ${each.method.method}`;
      const tile = element("button", { type: "button", className: "tile" },
        overlay(scene, each, ""),
        element("span", { className: "name" }, element("b", {}, each.model), ` ${each.method.method}`),
        scaleBar(scene.study, each),
        element("span", { className: "says" },
          [each.map.says, this.iouText(scene.image, each, scene.target).replace(", ", "").replace("with the box ", "")]
            .filter(Boolean).join(", ")));
      tile.dataset.name = name;
      tile.setAttribute("aria-pressed", String(isDetail(each)));
      tile.addEventListener("click", () => {
        this.model.value = JSON.stringify([this.studies.indexOf(each.study), each.method.variant]);
        this.update("model");
        this.method.value = each.method.method;
        this.update("method");
      });
      return tile;
    }));
    [...this.tiles.children].find((tile) => tile.dataset.name === focused)?.focus();
  }
}

const explorerPanel = document.getElementById("explorer-panel");
if (explorerPanel) {
  document.querySelector("#explorer .plain").remove();
  const data = document.querySelectorAll("script.explorer-data");
  new Explorer(explorerPanel, [...data].map((each) => JSON.parse(each.textContent)));
}
