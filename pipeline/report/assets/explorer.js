// The explorer's menus: which image, model, method and target is shown, also as an address.

const MENUS = ["dataset", "model", "method", "only", "image", "target"];
const IN_ORDER = ["dataset", "model", "only", "method", "image", "target"]; // each fills later ones
const BY_VALUE = ["only", "image"]; // in an address; the others by their texts
const SWITCHES = ["boxes", "outlines", "positive", "shared"];

/** Fill a select with [value, text]; the value stays where it still can. */
function fill(select, options) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, text]) => element("option", { value }, text)));
  if (options.some(([value]) => value === before)) select.value = before;
}

/** What stands for a choice in an address: no number that another page may count otherwise. */
function inAddress(option) {
  return BY_VALUE.includes(option.parentElement.name) ? option.value : option.textContent;
}

class Explorer {
  constructor(panel, studies) {
    this.studies = studies;
    this.drawn = 0; // counts drawings: a slow one must not replace a later one
    this.views = new Views(panel, (each) => this.show(each));
    for (const name of MENUS) {
      this[name] = panel.querySelector(`[name=${name}]`);
      this[name].addEventListener("change", () => this.update(name));
    }
    for (const name of SWITCHES) {
      this[name] = panel.querySelector(`[name=${name}]`);
      this[name].addEventListener("change", () => this.tick());
    }
    for (const [name, step] of [["previous", -1], ["next", 1]]) {
      panel.querySelector(`[name=${name}]`).addEventListener("click", () => this.turn(step));
    }
    this.shown = panel.querySelector(".shown");
    this.counted = panel.querySelector(".counted");
    panel.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
      if (["SELECT", "INPUT"].includes(event.target.tagName)) return;
      event.preventDefault();
      this.turn(step);
    });
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
    for (const name of IN_ORDER) {
      const select = this[name];
      const found = [...select.options].find((each) => inAddress(each) === asked.get(name));
      if (found && found.value !== select.value) {
        select.value = found.value;
        this.update(name);
      }
    }
    for (const box of this.ticks) {
      box.checked = asked.has(box.name) ? asked.get(box.name) === "1" : box.defaultChecked;
    }
    this.draw();
    document.getElementById("explorer").scrollIntoView();
  }

  /** Write what is chosen into the address, which can be shared. */
  remember() {
    const chosen = IN_ORDER.map((name) => [name, inAddress(this[name].selectedOptions[0])]);
    const ticked = this.ticks.filter((box) => box.checked !== box.defaultChecked)
      .map((box) => [box.name, box.checked ? "1" : "0"]);
    history.replaceState(null, "", `#explorer?${new URLSearchParams([...chosen, ...ticked])}`);
  }

  /** All check boxes: what is drawn over the maps, and which maps stand side by side. */
  get ticks() {
    return [...SWITCHES.map((name) => this[name]), ...this.candidates.map((each) => each.box)];
  }

  /** A check box changed. */
  tick() {
    this.draw();
    this.remember();
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

  get aim() {
    const [label, other] = JSON.parse(this.target.value);
    return { label, other };
  }

  /** Fill the selects that depend on the one that changed, then draw. */
  update(changed) {
    if (changed === "dataset") {
      this.offerSwitches();
      this.offerModels();
    }
    const { study, variant } = this.chosen;
    const before = this.image.value;
    if (["dataset", "model"].includes(changed)) {
      this.offerPredictions(study, variant);
      fill(this.method, study.methods
        .filter((method) => method.variant === variant)
        .map((method) => [method.method, method.method]));
    }
    if (["dataset", "model", "only"].includes(changed)) this.offerImages(study, variant);
    if (["dataset", "image"].includes(changed) || this.image.value !== before) {
      this.offerTargets(study, study.images[study.places.get(this.image.value)]);
    }
    this.counted.textContent = `${this.image.selectedIndex + 1} of ${this.image.options.length}`;
    this.draw();
    if (this.started) this.remember();
    this.started = true;
  }

  /** Only the switches that change anything on the chosen data set. */
  offerSwitches() {
    const methods = this.siblings.flatMap((study) => study.methods);
    const useful = {
      boxes: this.siblings.some((study) => study.boxes),
      outlines: this.siblings.some((study) => Object.keys(study.parts).length > 0),
      positive: methods.some((method) => method.signed),
      shared: new Set(methods.map((method) => method.method)).size < methods.length,
    };
    for (const name of SWITCHES) this[name].closest("label").hidden = !useful[name];
    this.boxes.closest("fieldset").hidden = !Object.values(useful).includes(true);
  }

  offerModels() {
    const several = this.siblings.length > 1;
    fill(this.model, this.siblings.flatMap((study) =>
      [...new Set(study.methods.map((method) => method.variant))].map((variant) => [
        JSON.stringify([this.studies.indexOf(study), variant]),
        several ? `${study.architecture}, ${variant}` : variant,
      ])));
    this.offerTiles();
  }

  /** How many images the filter lets through; what would leave none cannot be chosen. */
  offerPredictions(study, variant) {
    const right = study.images.map((image) => study.predicted(image, variant)?.right);
    const counts = {
      all: right.length,
      wrong: right.filter((each) => each === false).length,
      right: right.filter((each) => each === true).length,
    };
    for (const option of this.only.options) {
      const count = counts[option.value];
      option.textContent = `${{ all: "all images" }[option.value] ?? `${option.value} ones`} (${count})`;
      option.disabled = !count;
    }
    if (this.only.selectedOptions[0].disabled) this.only.value = "all";
  }

  offerImages(study, variant) {
    const wanted = this.only.value;
    const offered = study.images.map((image, place) => [image, place]).filter(([image]) =>
      wanted === "all" || study.predicted(image, variant)?.right === (wanted === "right"));
    fill(this.image, offered.map(([image, place]) => [
      image.id, `${study.titles[image.label]} (${place + 1})`]));
  }

  offerTargets(study, image) {
    const own = study.titles[image.label];
    const others = study.others[image.label].map(({ label }) => [label, study.titles[label]]);
    fill(this.target, [
      [JSON.stringify([image.label, null]), `${own} (its class)`],
      ...others.map(([label, title]) => [JSON.stringify([label, null]), title]),
      ...others.map(([label, title]) => [
        JSON.stringify([image.label, label]), `${own} instead of ${title}`]),
    ]);
  }

  /** Go to an image before or after. */
  turn(step) {
    const count = this.image.options.length;
    this.image.selectedIndex = (this.image.selectedIndex + step + count) % count;
    this.update("image");
  }

  /** Show the map of a tile in large. */
  show(each) {
    this.model.value = JSON.stringify([this.studies.indexOf(each.study), each.method.variant]);
    this.update("model");
    this.method.value = each.method.method;
    this.update("method");
  }

  /** A checkbox for each map that can be compared. */
  offerTiles() {
    const all = this.siblings.flatMap((study) =>
      study.methods.map((method, index) => ({ study, method, index })));
    this.candidates = all.map(({ study, method, index }) => {
      const box = element("input", {
        type: "checkbox",
        defaultChecked: all.length <= MANY || (method.kind === "class" && !method.averaged_from),
      });
      const model = this.siblings.length > 1
        ? `${study.architecture}, ${method.variant}` : method.variant;
      box.name = `${model} ${method.method}`;
      box.addEventListener("change", () => this.tick());
      return { study, method, index, box, model };
    });
    const models = [...new Set(this.candidates.map((each) => each.model))];
    this.shown.replaceChildren(...models.map((model) => element("fieldset", {},
      element("legend", {}, model),
      ...this.candidates.filter((each) => each.model === model)
        .map((each) => element("label", {}, each.box, ` ${each.method.method}`)))));
  }

  async draw() {
    this.drawn += 1;
    const mine = this.drawn;
    const { study, variant } = this.chosen;
    const target = this.aim;
    const id = this.image.value;
    const opened = new Map(await Promise.all(this.siblings.map(async (each) =>
      [each, each.places.has(id) ? await each.open(each.places.get(id)) : null])));
    if (mine !== this.drawn) return;

    const found = this.candidates.map((each) => {
      const image = opened.get(each.study);
      const map = image && mapFor(each.study, image, each.index, target, this.positive.checked);
      return { ...each, image, map, peak: map ? peakOf(map, study.side) : 0 };
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
    const image = opened.get(study);
    const wanted = { outlines: this.outlines.checked, boxes: this.boxes.checked };
    const marks = marksOf(study, image, target, wanted);
    const aim = this.target.selectedOptions[0].textContent;
    const scene = { study, variant, image, target, aim, marks };
    this.views.drawDetail(scene, found.find(isDetail));
    const checked = found.filter((each) => each.box.checked);
    const shown = checked.filter((each) => each.map);
    this.views.drawTiles(scene, shown, isDetail, checked.length - shown.length);
  }
}

const explorerPanel = document.getElementById("explorer-panel");
if (explorerPanel) {
  const plain = document.querySelector("#explorer .plain");
  if ("DecompressionStream" in window) {
    plain.remove();
    new Explorer(explorerPanel, studiesOf(document));
  } else {
    plain.textContent = "The explorer needs a browser of 2023 or later. The galleries among the "
      + "figures show some of its maps.";
  }
}
