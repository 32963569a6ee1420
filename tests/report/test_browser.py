"""The report in a browser: Debian's Chromium, headless, driven by Playwright."""

import io
import json
import re
import shutil

import numpy as np
import pytest
from finished_study import explorer_arguments, explorer_images
from PIL import Image

from pipeline.artefacts.files import write_json
from pipeline.figures.pictures import enlarge
from pipeline.report.explorer import run as run_explorer

CHROMIUM = shutil.which("chromium")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

WAIT = 60_000  # milliseconds; a busy machine is slow, and no test waits longer than it must


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        # no sandbox: containers run as root
        playwright.expect.set_options(timeout=WAIT)
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=WAIT
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(write_report, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path)
    return path.as_uri()


@pytest.fixture
def visit(browser, address):
    """A function that opens the report; at the end nothing was logged and nothing asked for."""
    contexts, said, asked = [], [], []

    def open_page(width=1400, script="", **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.add_init_script(script)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address, wait_until="domcontentloaded")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
    pages = {
        url.partition("#")[0] for url in asked if not url.startswith(("data:", "blob:", "about:"))
    }
    assert pages == {address}


@pytest.fixture
def page(visit):
    page = visit()
    page.locator(".tile").first.wait_for()
    unfold(page)
    return page


def unfold(page):
    """Open everything that is folded."""
    page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")


def column(page, table, number):
    """Texts of a column, block by block; of a number without its interval."""
    return page.evaluate(
        """([table, number]) => [...document.getElementById(table).tBodies].map((body) =>
          [...body.rows].filter((row) => !row.querySelector("[scope=rowgroup]"))
            .map((row) => row.cells[number])
            .map((cell) => (cell.querySelector("span") ?? cell).textContent.trim()))""",
        [table, number],
    )


def pixels(page, selector):
    """All canvases below a selector as text."""
    return page.eval_on_selector_all(f"{selector} canvas", "all => all.map((c) => c.toDataURL())")


def until(page, holds):
    """Wait until a condition holds; Playwright's own wait needs eval, which the page forbids."""
    for _ in range(WAIT // 50):
        if holds():
            return
        page.wait_for_timeout(50)
    pytest.fail(f"did not come true within {WAIT / 1000:.0f} s")


def choose(page, name, **which):
    """Choose in a select and wait for the drawing."""
    before = pixels(page, ".views")
    page.locator(f"select[name={name}]").select_option(**which)
    until(page, lambda: pixels(page, ".views") != before)


def test_a_click_sorts_each_block_down_up_and_back(page):
    heading = page.locator("#cue_localization thead th", has_text="1 part")
    button = heading.get_by_role("button")
    before = column(page, "cue_localization", 2)
    for state, sign in (("descending", -1), ("ascending", 1)):
        button.click()
        assert heading.get_attribute("aria-sort") == state
        sorted_ = column(page, "cue_localization", 2)
        for block, original in zip(sorted_, before, strict=True):
            assert block == sorted(original, key=lambda text: sign * float(text))
    assert sorted_ != before
    button.click()
    assert heading.get_attribute("aria-sort") is None
    assert column(page, "cue_localization", 2) == before


def test_empty_cells_come_last_in_both_directions(page):
    button = page.locator("#headline thead").get_by_role("button", name="MaxBoxAccV2")
    for _ in range(2):
        button.click()
        (texts,) = column(page, "headline", 4)
        assert texts[-2:] == ["–", "–"]
        assert "–" not in texts[:-2]


def test_the_keyboard_sorts_names(page):
    heading = page.locator("#headline thead th").nth(1)
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    (names,) = column(page, "headline", 1)
    assert names == sorted(names)


def test_every_choice_draws_another_picture(page):
    assert page.locator("select[name=dataset] option").all_inner_texts() == ["birds"]
    for name in ("image", "target", "model"):
        choose(page, name, index=1)
    choose(page, "method", label="conditional")
    for name in ("boxes", "outlines"):
        before = pixels(page, ".views")
        page.locator(f"input[name={name}]").click()
        assert pixels(page, ".views") != before
    assert page.locator(".views canvas").count() == 3


def test_one_image_under_all_methods_side_by_side(page):
    names = page.locator(".tile .name").all_inner_texts()
    assert names == [
        "cam cam", "calm_em joint", "calm_em conditional", "calm_ml joint",
        "calm_em saliency", "calm_em subset", "calm_em posterior",
    ]  # fmt: skip
    assert (
        "1 of the chosen methods has no map for this target" in page.locator(".status").inner_text()
    )
    page.locator(".tile", has_text="calm_ml joint").click()
    page.locator(".tile[aria-pressed=true]", has_text="calm_ml joint").wait_for()
    assert page.locator("select[name=model] option:checked").inner_text() == "calm_ml"
    assert page.locator("select[name=method] option:checked").inner_text() == "joint"
    page.locator(".shown fieldset", has_text="cam").first.get_by_role("checkbox").uncheck()
    playwright.expect(page.locator(".tile")).to_have_count(6)


def test_one_class_instead_of_another_is_signed_and_shows_its_cue_mask(page):
    option = page.locator("select[name=target] option", has_text="instead of").first
    choose(page, "target", label=option.inner_text())
    assert "cue mask: " in page.locator(".legend").inner_text()
    low, middle, high = page.locator(".scale .ticks span").all_inner_texts()
    assert (low, middle) == (f"−{high}", "0")
    assert page.locator(".tile", has_text="calm_em counterfactual").count() == 1


def test_the_scale_bar_has_the_map_s_own_numbers(page, explorer_json):
    head, images = explorer_images(explorer_json[0])
    image, side = images[0], head["side"]
    stored = image["maps"][0][str(image["label"])]
    values = np.reshape(page.evaluate("(map) => [...valuesOf(map)]", stored), stored["shape"])
    large = enlarge(values, side)
    drawn = page.evaluate(
        "([v, shape, side]) => [...enlarge(v, shape, side)]",
        [values.ravel().tolist(), stored["shape"], side],
    )
    np.testing.assert_allclose(np.reshape(drawn, (side, side)), large, rtol=1e-5, atol=1e-5)
    texts = page.locator(".scale .ticks span").all_inner_texts()
    assert float(texts[-1]) == pytest.approx(np.abs(large).max(), rel=0.051)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (123.4, "123"), (-0.0123, "−0.012"), (3.2e-9, "3.2e−9"), (19, "19")],
)
def test_numbers_are_short(page, value, text):
    assert page.evaluate("numberText", value) == text


def test_tab_reaches_every_control_and_focus_shows(page):
    page.locator("a[href='#explorer']").focus()
    wanted = {"dataset", "only", "model", "method", "image", "target", "previous", "next",
              "boxes", "outlines", "positive", "shared"}  # fmt: skip
    reached, sort_buttons, tiles = set(), 0, 0
    for _ in range(150):
        page.keyboard.press("Tab")
        name, kind, outline = page.evaluate(
            """() => { const e = document.activeElement;
              return [e.name || "", e.className, getComputedStyle(e).outlineStyle]; }"""
        )
        reached.add(name)
        sort_buttons += kind == "sort"
        tiles += kind == "tile"
        if name or kind in ("sort", "tile"):
            assert outline != "none"
        if tiles:
            break
    assert wanted <= reached
    assert sort_buttons
    assert tiles


def test_buttons_turn_the_images_round(page):
    selected = page.locator("select[name=image] option:checked")
    page.get_by_role("button", name="Back").click()
    assert selected.inner_text().endswith(" (16)")
    assert page.locator(".counted").inner_text() == "16 of 16"
    page.get_by_role("button", name="Next").focus()
    page.keyboard.press("Enter")
    assert selected.inner_text().endswith(" (1)")
    assert page.locator(".counted").inner_text() == "1 of 16"


@pytest.mark.parametrize("width", [390, 1400])
def test_the_page_itself_never_scrolls_sideways(visit, width):
    page = visit(width)
    page.locator(".tile").first.wait_for()
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_without_javascript_there_are_plain_tables_and_a_word_about_the_explorer(visit):
    page = visit(java_script_enabled=False)
    assert page.locator("#headline td", has_text="42.0").first.is_visible()
    assert not page.locator("#cue_localization").is_visible()
    page.locator("summary", has_text="Cue localisation").first.click()
    assert page.locator("#cue_localization").is_visible()
    assert not page.locator("#cue_localization-2").is_visible()
    page.get_by_label("masks: estimated, normalisation: minmax").check()  # without any script
    assert page.locator("#cue_localization-2").is_visible()
    assert not page.locator("#cue_localization").is_visible()
    assert page.locator("table button").count() == 0
    assert not page.locator("#explorer-panel").is_visible()
    assert page.get_by_text("The explorer needs JavaScript").is_visible()


def test_labels_name_every_control(page):
    unnamed = page.eval_on_selector_all(
        "select, input", "all => all.filter((e) => !e.labels.length).map((e) => e.name)"
    )
    assert unnamed == []


def test_a_dark_page_where_the_reader_prefers_one(visit):
    colours = [
        visit(color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert colours == ["rgb(255, 255, 255)", "rgb(22, 24, 27)"]


def test_the_prediction_is_shown_and_wrong_ones_can_be_picked(page, explorer_json):
    _, images = explorer_images(explorer_json[0])
    right = [image["predicted"]["cam"][0] == image["label"] for image in images]
    words = page.locator(".prediction").inner_text()
    assert words.startswith("cam predicts ")
    assert f"with p = {images[0]['predicted']['cam'][1]:.2f}: " in words
    assert words.endswith("right" if right[0] else "wrong")
    only = page.locator("select[name=only]")
    assert only.locator("option").all_inner_texts() == [
        "all images (16)", "wrong ones (8)", "right ones (8)",
    ]  # fmt: skip
    assert sum(right) == 8
    for which, wanted in (("wrong", False), ("right", True)):
        only.select_option(which)
        offered = page.locator("select[name=image] option")
        values = offered.evaluate_all("all => all.map((option) => option.value)")
        assert values == [
            image["id"] for image, each in zip(images, right, strict=True) if each == wanted
        ]
        playwright.expect(page.locator(".prediction")).to_have_text(re.compile(f"{which}$"))
    # no prediction of calm_em was measured: all of its images are shown
    page.locator("select[name=model]").select_option("calm_em")
    assert only.locator("option:checked").inner_text() == "all images (16)"
    assert only.locator("option").nth(1).is_disabled()
    assert page.locator("select[name=image] option").count() == 16


def test_a_map_has_its_own_score_for_the_image(page, explorer_json):
    iou = explorer_images(explorer_json[0])[1][0]["iou"][0]
    assert f"IoU with the box {iou:.2f}" in page.locator(".views").inner_text()
    assert f"IoU {iou:.2f}" in page.locator(".tile").first.inner_text()
    for number in (1, -1):  # another class; its class instead of another
        options = page.locator("select[name=target] option").count()
        choose(page, "target", index=number % options)
        assert page.locator(".views canvas").count() == 3
        assert "IoU" not in page.locator(".views").inner_text()
        assert "IoU" not in page.locator(".tile").first.inner_text()


def test_a_difference_of_classes_has_its_share_in_the_cue_mask(page):
    choose(page, "image", index=5)
    assert "in the cue mask" not in page.locator(".tiles").inner_text()
    option = page.locator("select[name=target] option", has_text="instead of").first
    choose(page, "target", label=option.inner_text())
    assert "5 % in the cue mask" in page.locator(".views").inner_text()
    assert page.locator(".tile", has_text="5 % in the cue mask").count() == 1  # measured of cam


COUNTED = """
  window.unpackedImages = 0;
  const Before = DecompressionStream;
  window.DecompressionStream = class extends Before {
    constructor(...given) { super(...given); window.unpackedImages += 1; }
  };
"""


def test_an_image_is_unpacked_when_it_is_chosen(visit):
    page = visit(script=COUNTED)
    page.locator(".tile").first.wait_for()
    assert page.evaluate("unpackedImages") == 1
    choose(page, "image", index=7)
    choose(page, "image", index=0)  # still unpacked
    assert page.evaluate("unpackedImages") == 2


def test_an_old_browser_shows_why_there_is_no_explorer(visit):
    page = visit(script="delete window.DecompressionStream;")
    assert page.get_by_text("The explorer needs a browser of 2023 or later").is_visible()
    assert not page.locator("#explorer-panel").is_visible()


def test_architectures_with_other_images_stand_side_by_side(
    browser, explorer_json, write_report, tmp_path
):
    _, paths = explorer_json
    argv = explorer_arguments(paths, tmp_path / "few.json", 0.03)
    argv[argv.index("net")] = "few"
    run_explorer(argv)
    _, few = explorer_images(tmp_path / "few.json")
    explorers = [explorer_json[0], tmp_path / "few.json"]
    text = write_report(tmp_path / "report.html", explorers=explorers)
    assert "all 16 of birds (net);" in text
    assert f"{len(few)} of 16 of birds (few), drawn at random" in text
    page = browser.new_page()
    page.set_default_timeout(WAIT)
    page.goto((tmp_path / "report.html").as_uri())
    shared, own = (
        few[0]["id"],
        next(
            value
            for value in page.locator("select[name=image] option").evaluate_all(
                "all => all.map((option) => option.value)"
            )
            if value not in {image["id"] for image in few}
        ),
    )
    for image, count in ((shared, 2), (own, 1)):  # maps of cam
        page.locator("select[name=image]").select_option(image)
        playwright.expect(page.locator(".tile[data-name$=' cam, cam']")).to_have_count(count)
    # a model without the image shows the first that it has
    page.locator("select[name=model]").select_option(label="few, cam")
    assert page.locator("select[name=image]").input_value() == few[0]["id"]
    page.locator(".tile[aria-pressed=true]", has_text="few, cam").wait_for()
    page.close()


def test_the_value_under_the_pointer_is_said(page):
    canvas = page.locator(".views canvas").nth(1)
    canvas.scroll_into_view_if_needed()
    canvas.hover(position={"x": 5, "y": 5})
    value, where = page.locator(".pointed").inner_text().split(" at ")
    assert where.startswith("column ")
    assert np.isfinite(float(value.replace("−", "-")))


@pytest.mark.parametrize("start", ["button[name=next]", ".views canvas >> nth=0"])
def test_arrow_keys_turn_the_images(page, start):
    selected = page.locator("select[name=image] option:checked")
    if start.startswith("button"):
        page.locator(start).focus()
    else:
        page.locator(start).click()
    page.keyboard.press("ArrowRight")
    assert selected.inner_text().endswith(" (2)")
    page.keyboard.press("ArrowLeft")
    assert selected.inner_text().endswith(" (1)")


def test_the_address_says_what_is_shown_and_can_be_shared(page, visit):
    choose(page, "image", index=2)
    choose(page, "model", label="calm_em")
    choose(page, "method", label="conditional")
    shared = page.evaluate("location.href")
    assert "image=" in shared
    again = visit()
    again.goto("about:blank")
    again.goto(shared)
    again.locator(".tile").first.wait_for()
    for name in ("image", "model", "method", "target"):
        option = f"select[name={name}] option:checked"
        assert again.locator(option).inner_text() == page.locator(option).inner_text()


def test_the_address_has_the_check_boxes_that_were_changed(page, visit):
    assert "boxes=" not in page.evaluate("location.href")
    page.locator("input[name=outlines]").uncheck()
    page.locator("input[name=shared]").check()
    page.locator(".shown").get_by_label("conditional", exact=True).uncheck()
    shared = page.evaluate("location.href")
    again = visit()
    again.goto("about:blank")
    again.goto(shared)
    again.locator(".tile").first.wait_for()
    states = "all => all.map((box) => [box.name, box.checked])"
    wanted = page.eval_on_selector_all("#explorer input[type=checkbox]", states)
    assert again.eval_on_selector_all("#explorer input[type=checkbox]", states) == wanted
    off = [name for name, checked in wanted if not checked]
    assert off == ["outlines", "positive", "calm_em conditional"]
    assert again.locator(".tile", has_text="conditional").count() == 0
    # an address that says nothing of a box has it as it is at first
    again.evaluate("location.hash = '#explorer?image='")
    again.locator(".tile", has_text="conditional").wait_for()
    assert again.locator("input[name=outlines]").is_checked()


def test_tables_and_figures_can_be_saved(page):
    with page.expect_download() as saved:
        page.get_by_role("link", name="cue_localization.csv").click()
    assert saved.value.suggested_filename == "cue_localization.csv"
    with page.expect_download() as saved:
        page.locator("button.save").first.click()
    assert saved.value.suggested_filename == "birds.net.gallery.png"


def test_a_link_to_what_is_folded_opens_it(visit):
    page = visit()
    assert not page.locator("#cue_localization").is_visible()
    page.evaluate("location.hash = '#cue_localization'")
    page.locator("#cue_localization").wait_for()


def switches(page):
    """The switches that can be seen."""
    boxes = page.locator(".options label:visible input")
    return boxes.evaluate_all("all => all.map((box) => box.name)")


def test_only_what_can_be_switched_has_a_switch(
    browser, page, explorer_json, write_report, tmp_path
):
    assert switches(page) == ["boxes", "outlines", "positive", "shared"]
    content = json.loads(explorer_json[0].read_text())
    head = content["head"]
    assert head["boxes"] is True
    # the same images where nothing but the maps of one model is known, none of them negative
    one = [each | {"signed": False} for each in head["methods"] if each["variant"] == "cam"]
    head |= {"boxes": False, "parts": {}, "methods": one}
    bare, text = tmp_path / "bare.json", ""
    for more, wanted in (({}, []), ({"boxes": True}, ["boxes"])):
        write_json(bare, content | {"head": head | more})
        text = write_report(tmp_path / "report.html", explorers=bare)
        assert ("the IoU of the box around it" in text) == bool(more)
        assert "lies in the cue mask" not in text
        of_bare = browser.new_page()
        of_bare.goto((tmp_path / "report.html").as_uri())
        of_bare.locator(".tile").first.wait_for()
        assert switches(of_bare) == wanted
        assert of_bare.locator(".options").is_visible() == bool(wanted)
        of_bare.close()


def edges(page, table):
    """Median grey of the left and right edge of a table's frame, and all of the right one."""
    frame = page.locator(".scroll", has=page.locator(f"#{table}")).first
    with Image.open(io.BytesIO(frame.screenshot())) as picture:
        grey = np.asarray(picture.convert("L"), dtype=float)
    # text is a minority of the pixels of a column
    return float(np.median(grey[:, 2])), float(np.median(grey[:, -3])), grey[:, -3]


@pytest.mark.parametrize(("scheme", "ground"), [("light", 255), ("dark", 24)])
def test_a_table_with_more_to_the_side_has_a_shadow_there(visit, scheme, ground):
    page = visit(390, color_scheme=scheme)
    frame = page.locator(".scroll", has=page.locator("#headline")).first
    frame.scroll_into_view_if_needed()
    left, right, _ = edges(page, "headline")
    assert left == pytest.approx(ground, abs=3)
    assert abs(right - ground) > 40
    # the keyboard scrolls it
    frame.focus()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    until(page, lambda: frame.evaluate("(e) => e.scrollLeft + e.clientWidth >= e.scrollWidth - 1"))
    left, right, _ = edges(page, "headline")
    assert abs(left - ground) > 40
    assert right == pytest.approx(ground, abs=3)
    # where there is nothing more there is no shadow
    wide = visit(1400, color_scheme=scheme)
    left, _, whole_right = edges(wide, "headline")
    assert left == pytest.approx(ground, abs=3)
    assert whole_right == pytest.approx(np.full(len(whole_right), ground), abs=3)


def test_pictures_side_by_side_are_level_where_a_name_takes_two_lines(page):
    page.locator(".tile .name").nth(1).evaluate(
        "(e) => { e.textContent = 'long name '.repeat(9); }"
    )
    pictures = page.locator(".tile > canvas")
    assert len({pictures.nth(place).bounding_box()["y"] for place in range(3)}) == 1


@pytest.mark.parametrize(
    ("width", "columns"), [(390, 1), (600, 1), (695, 1), (700, 2), (800, 2), (1100, 2), (1400, 2)]
)
def test_the_plots_use_the_width_of_the_page(visit, width, columns):
    page = visit(width)
    boxes = [each.bounding_box() for each in page.locator(".plots svg").all()]
    assert len({round(box["x"]) for box in boxes}) == columns
    drawn = max(box["x"] + box["width"] for box in boxes) - min(box["x"] for box in boxes)
    page_width = page.locator(".plots").bounding_box()["width"]
    assert drawn > 0.85 * page_width
    assert drawn <= page_width + 1
    # text of 11 units of 360 stays legible
    assert min(box["width"] for box in boxes) * 11 / 360 > 9
