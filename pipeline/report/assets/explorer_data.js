// The data of the explorer: what the page has of every image, and a chunk with the rest of each,
// which is unpacked when the image is chosen.

const KEPT = 24; // images that stay unpacked

/** base64 of gzipped JSON -> its object */
async function unpacked(text) {
  const packed = new Blob([bytesOf(text)]).stream();
  return new Response(packed.pipeThrough(new DecompressionStream("gzip"))).json();
}

/** A JPEG in base64 -> a canvas, and grey levels in [0, 1]. */
async function pictureOf(jpeg, side) {
  const file = new Blob([bytesOf(jpeg)], { type: "image/jpeg" });
  const canvas = element("canvas", { width: side, height: side });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(await createImageBitmap(file), 0, 0);
  const { data } = pen.getImageData(0, 0, side, side);
  const grey = Float64Array.from({ length: side ** 2 },
    (_, place) => (data[4 * place] + data[4 * place + 1] + data[4 * place + 2]) / 765);
  return { canvas, grey };
}

/** The models of an architecture on a data set: what pipeline.report.explorer wrote. */
class Study {
  /** `chunks` are the elements with the rest of each image. */
  constructor(head, chunks) {
    Object.assign(this, head);
    this.chunks = chunks;
    this.opened = new Map(); // place -> promise of the image
    this.places = new Map(head.images.map((image, place) => [image.id, place]));
    this.tables = Object.fromEntries(
      Object.entries(head.colours).map(([name, text]) => [name, bytesOf(text)]),
    );
  }

  /** An image with its picture, maps and scores. */
  open(place) {
    if (!this.opened.has(place)) {
      this.opened.set(place, this.read(place));
      if (this.opened.size > KEPT) this.opened.delete(this.opened.keys().next().value);
    }
    return this.opened.get(place);
  }

  async read(place) {
    const image = this.images[place];
    const rest = await unpacked(this.chunks[place].textContent);
    const picture = await pictureOf(rest.jpeg, this.side);
    return { ...image, ...rest, others: this.others[image.label], picture };
  }

  /** What a model predicts for an image: title, probability, right; or null. */
  predicted(image, variant) {
    const found = image.predicted[variant];
    if (!found) return null;
    const [label, probability] = found;
    return { title: this.titles[label], probability, right: label === image.label };
  }
}

/** The studies that the page holds. */
function studiesOf(page) {
  return [...page.querySelectorAll(".explorer-data")].map((each) => {
    const head = JSON.parse(each.querySelector("[type='application/json']").textContent);
    return new Study(head, each.querySelectorAll("[type='text/plain']"));
  });
}
