from pipeline.runtime.seeds import image_seed


def test_a_seed_depends_on_the_image_and_on_the_section_and_fits_every_generator():
    names = ("a.jpg", "b.jpg", "0:a.jpg")
    seeds = {image_seed(seed, name) for seed in (0, 1, 10) for name in names}
    assert len(seeds) == 9
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_seed_is_the_same_in_every_process():
    assert image_seed(3, "a.jpg") == 0xA131F0AC89A56D30 >> 1  # printf 3:a.jpg | sha256sum
