"use strict";
// Tables that sort by any column: a button in each heading. Without this script they are plain.

/** What a row is sorted by: a number where the cell has one, else its text; null where empty. */
function sortKey(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
  return cell.classList.contains("number") ? null : cell.textContent.trim();
}

/** Sort the rows of every block; blocks stay where they are, and empty cells come last. */
function sortBlocks(table, column, direction) {
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.querySelector("[scope=rowgroup]"));
    rows.sort((first, second) => {
      if (direction === "none") return first.dataset.order - second.dataset.order;
      const [a, b] = [sortKey(first, column), sortKey(second, column)];
      if (a === null || b === null) return (a === null) - (b === null);
      const ascending = typeof a === "number" ? a - b : a.localeCompare(b);
      return direction === "ascending" ? ascending : -ascending;
    });
    body.append(...rows);
  }
}

function makeSortable(table) {
  for (const body of table.tBodies) {
    [...body.rows].forEach((row, place) => { row.dataset.order = place; });
  }
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const turns = heading.classList.contains("number")
      ? ["descending", "ascending", "none"]
      : ["ascending", "descending", "none"];
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const now = turns.indexOf(heading.getAttribute("aria-sort") ?? "none");
      const next = turns[(now + 1) % turns.length];
      for (const other of headings) other.removeAttribute("aria-sort");
      if (next !== "none") heading.setAttribute("aria-sort", next);
      sortBlocks(table, column, next);
    });
  });
}

document.querySelectorAll("table.sortable").forEach(makeSortable);

// A link into something that is folded opens it.
function unfold() {
  const target = document.getElementById(location.hash.slice(1).split("?")[0]);
  for (let each = target; each; each = each.parentElement) {
    if (each.tagName === "DETAILS") each.open = true;
  }
}
addEventListener("hashchange", unfold);
unfold();

// Paper has no folds.
addEventListener("beforeprint", () => {
  document.querySelectorAll("details.item").forEach((each) => { each.open = true; });
});

// A figure is saved from the page itself, which holds it once.
document.querySelectorAll("button.save").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = button.closest("figure").querySelector("img").src;
    link.download = button.dataset.file;
    link.click();
  });
});
