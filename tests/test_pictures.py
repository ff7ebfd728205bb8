"""Pictures of predictions: what is exact in them is compared to the pixel."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gluon2torch.errors import TableError
from gluon2torch.inference.detected_objects import Box, DetectedObject
from gluon2torch.inference.pictures.canvas import blend, contrast, legible_on, text_font
from gluon2torch.inference.pictures.depth_map import depth_picture
from gluon2torch.inference.pictures.legend import draw_legend
from gluon2torch.inference.pictures.object_boxes import draw_objects
from gluon2torch.inference.pictures.segments import overlay, palette_image
from gluon2torch.inference.pictures.skeletons import LEFT, LIMBS, MIDDLE, RIGHT, draw_poses
from gluon2torch.inference.pictures.tags import TagPlacer
from gluon2torch.mappings.palettes import load_palette
from gluon2torch.sources.mxnet_compat import import_mxnet

from .images import noise, smooth

OBJECTS = load_palette("objects")
GREY = 128


def grey(height: int, width: int) -> Any:
    return np.full((height, width, 3), GREY, np.uint8)


def an_object(box: Box, index: int = 0, score: float = 0.9, **fields: Any) -> DetectedObject:
    return DetectedObject(f"class {index}", index, score, box, **fields)


# colours


def test_contrast_is_that_of_the_web_guidelines() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.005)
    assert contrast((255, 0, 0), (0, 0, 255)) == contrast((0, 0, 255), (255, 0, 0))


def test_text_has_the_contrast_that_the_guidelines_ask_for_on_every_colour() -> None:
    palettes = [load_palette(name) for name in ("voc", "ade20k", "cityscapes", "mhpv1", "objects")]
    colours = {colour for palette in palettes for colour in palette.colours}
    colours |= {(v, v, v) for v in range(256)}
    assert min(contrast(colour, legible_on(colour)) for colour in colours) >= 4.5
    assert {legible_on(colour) for colour in colours} == {(0, 0, 0), (255, 255, 255)}


# sRGB's primaries to CIE XYZ, and what people with three kinds of colour blindness see, in linear
# light (Machado, Oliveira and Fernandes 2009, severity 1)
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_VISION = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def cielab(colours: Any, vision: Any) -> Any:
    srgb = np.asarray(colours) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = (linear @ np.asarray(vision).T).clip(0, 1)
    x, y, z = np.cbrt((seen @ _XYZ.T) / _XYZ.sum(1)).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


@pytest.mark.parametrize("vision", _VISION)
@pytest.mark.parametrize(("classes", "distance"), [(7, 16), (20, 15), (40, 9), (80, 6)])
def test_colours_of_classes_are_told_apart(vision: str, classes: int, distance: float) -> None:
    """A distance of 2.3 in CIELAB is just noticeable."""
    seen = cielab(OBJECTS.colours[:classes], _VISION[vision])
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=2)[np.triu_indices(classes, 1)]
    assert apart.min() > distance


def test_palettes() -> None:
    assert len(OBJECTS.colours) == len(set(OBJECTS.colours)) == 80
    assert OBJECTS.colour(3) == OBJECTS.colour(83) == (240, 228, 66)
    assert load_palette("ade20k").colour(0) == (120, 120, 120)
    assert load_palette("coco") == load_palette("voc")
    assert load_palette("voc").background == 0
    with pytest.raises(TableError, match="palettes/none"):
        load_palette("none")


def test_blending() -> None:
    pixels = np.array([[0, 100, 255], [10, 20, 30]], np.uint8)
    assert blend(pixels, (255, 100, 0), 0.5).tolist() == [[128, 100, 128], [132, 60, 15]]
    assert np.array_equal(blend(pixels, (1, 2, 3), 0.0), pixels)


# detected objects


def test_the_frame_of_a_box_has_the_colour_of_its_class() -> None:
    picture = draw_objects(grey(240, 320), [an_object((100.2, 60.4, 219.6, 179.5), 5)])
    edges = [(60, 100), (60, 220), (180, 100), (180, 220), (60, 160), (120, 100), (180, 160)]
    assert {tuple(picture[edge]) for edge in edges} == {OBJECTS.colour(5)}
    # two pixels thick, between lines of black
    assert OBJECTS.colour(5) == (213, 94, 0)
    row = [(0, 0, 0), *[(213, 94, 0)] * 2, (0, 0, 0), (GREY,) * 3]
    assert [tuple(pixel) for pixel in picture[150, 99:104]] == row
    changed = (picture != GREY).any(2)
    changed[:62, 90:] = False  # the tag above
    assert changed[:, :99].sum() == changed[:, 222:].sum() == changed[182:].sum() == 0
    assert changed[70:170, 110:210].sum() == 0


def test_the_input_is_not_changed_and_the_same_picture_comes_out_again() -> None:
    image = smooth(120, 160)
    before = image.copy()
    objects = [an_object((10, 30, 90, 100), 1, mask=np.ones((120, 160), bool))]
    first = draw_objects(image, objects)
    assert np.array_equal(image, before)
    assert np.array_equal(first, draw_objects(image, objects))
    assert np.array_equal(draw_objects(image, []), image)


@pytest.mark.parametrize(("rows", "thickness"), [(100, 2), (540, 3), (1080, 6)])
def test_lines_and_letters_grow_with_the_image(rows: int, thickness: int) -> None:
    picture = draw_objects(grey(rows, rows), [an_object((10, 0.3 * rows, rows - 10, rows - 10))])
    column = (picture[int(0.7 * rows)] == OBJECTS.colour(0)).all(1)
    assert column[: rows // 2].sum() == thickness
    assert text_font(picture).size == max(12, round(rows / 36))


BORDERS = {
    "top left": (-20, -20, 30, 30),
    "top": (150, -5, 200, 40),
    "right": (290, 100, 330, 150),
    "bottom right": (300, 230, 400, 400),
    "bottom": (100, 236, 140, 245),
    "left": (-5, 100, 5, 105),
    "whole": (-1e9, -np.inf, np.inf, 1e9),
}


@pytest.mark.parametrize("box", BORDERS.values(), ids=BORDERS)
def test_tags_stay_in_the_image(box: Box) -> None:
    font = text_font(grey(240, 320))
    placer = TagPlacer(font, 320, 240)
    for _ in range(4):
        limits = zip(box, (319, 239, 319, 239), strict=True)
        clipped: Any = tuple(int(max(0, min(x, limit))) for x, limit in limits)
        placer.add("person", 0.92, (0, 0, 0), clipped)
    assert [tag.text for tag in placer.tags] == ["person 0.92"] * 4
    for tag in placer.tags:
        left, top, right, bottom = tag.place
        assert 0 <= left < right < 320
        assert 0 <= top < bottom < 240
        assert right - left + 1 >= font.getlength(tag.text) + 4
        assert bottom - top + 1 >= sum(font.getmetrics())
    assert overlaps(placer) == 0
    assert (draw_objects(grey(240, 320), [an_object(box)]) != GREY).sum() > 500


def overlaps(placer: TagPlacer) -> int:
    """Number of pairs of tags that cover each other."""
    return sum(
        max(one.place[0], other.place[0]) <= min(one.place[2], other.place[2])
        and max(one.place[1], other.place[1]) <= min(one.place[3], other.place[3])
        for one, other in itertools.combinations(placer.tags, 2)
    )


def test_tags_do_not_cover_each_other_where_there_is_room() -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        placer = TagPlacer(text_font(grey(480, 640)), 640, 480)
        for _ in range(25):
            x, y, width, height = (int(n) for n in rng.integers(20, (500, 360, 140, 120)))
            placer.add("person", 0.5, (0, 0, 0), (x, y, x + width, y + height))
        assert len(placer.tags) == 25
        assert overlaps(placer) == 0


def test_long_labels_are_shortened_and_what_does_not_fit_is_left_out() -> None:
    box = (0, 0, 10, 10)
    texts = []
    for width in (200, 90, 45, 20):
        placer = TagPlacer(text_font(grey(100, width)), width, 100)
        placer.add("parking\n meter", 0.5, (0, 0, 0), box)
        texts += [tag.text for tag in placer.tags]
    assert texts[0] == "parking meter 0.50"
    assert texts[1].startswith("parki")
    assert texts[1].endswith("… 0.50")
    assert len(texts) == 3
    assert texts[2].endswith("0.50")


def test_tags_have_the_colour_of_the_class_and_legible_letters() -> None:
    for index in (1, 4):
        colour = OBJECTS.colour(index)
        picture = draw_objects(grey(200, 300), [an_object((50, 100, 250, 180), index)])
        tag = picture[80:97, 51:100].reshape(-1, 3)
        counts = {colour: 0, legible_on(colour): 0}
        counts |= {each: int((tag == each).all(1).sum()) for each in counts}
        assert counts[colour] > 300
        assert counts[legible_on(colour)] > 30


def test_boxes_that_cannot_be_seen_are_left_out() -> None:
    image = noise(50, 60)
    boxes = [
        *((-30, -30, -1, -1), (60, 0, 90, 20), (0, 50, 20, 70), (5, -9, 20, -1)),
        *((10, 10, 10, 30), (10, 10, 30, 10), (30, 30, 10, 10), (10, np.nan, 30, 30)),
    ]
    assert np.array_equal(draw_objects(image, [an_object(box) for box in boxes]), image)


def test_images_of_few_pixels() -> None:
    for height, width in ((1, 1), (1, 40), (40, 1), (3, 2), (13, 200)):
        mask = np.ones((height, width), bool)
        objects = [an_object((0, 0, width, height), 2, mask=mask), an_object((0, 0, 0.4, 0.4))]
        picture = draw_objects(grey(height, width), objects)
        assert picture.shape == (height, width, 3)
    assert tuple(draw_objects(grey(1, 1), [an_object((0, 0, 1, 1), 2)])[0, 0]) == OBJECTS.colour(2)


def test_a_mask_is_translucent_and_has_an_edge() -> None:
    mask = np.zeros((200, 200), bool)
    mask[80:121, 60:141] = True
    mask[100, 100] = False
    seen = an_object((40, 60, 160, 140), 3, mask=mask)
    picture, colour = draw_objects(grey(200, 200), [seen]), OBJECTS.colour(3)
    inside = tuple(round(GREY + 0.4 * (value - GREY)) for value in colour)
    assert tuple(picture[90, 90]) == inside
    assert tuple(picture[100, 100]) == (GREY,) * 3
    assert {tuple(picture[pixel]) for pixel in ((80, 90), (81, 90), (120, 140), (100, 99))} == {
        colour
    }
    assert tuple(picture[79, 90]) == tuple(picture[90, 142]) == (GREY,) * 3
    with pytest.raises(ValueError, match=r"mask of shape \(200, 200\)"):
        draw_objects(grey(200, 201), [seen])


def test_the_object_with_the_highest_score_is_on_top() -> None:
    objects = [an_object((50, 50, 150, 150), 0, 0.6), an_object((50, 50, 150, 150), 1, 0.9)]
    for order in (objects, objects[::-1]):
        assert tuple(draw_objects(grey(200, 200), order)[150, 150]) == OBJECTS.colour(1)
    # in an image with room for one tag
    objects = [an_object((0, 0, 99, 19), 0, 0.6), an_object((0, 0, 99, 19), 1, 0.9)]
    picture = draw_objects(grey(20, 84), objects)
    first, second = ((picture == OBJECTS.colour(index)).all(2).sum() for index in (0, 1))
    assert first < 300  # its tag is under the other, and moved aside as far as there is room
    assert second > 600


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
    ids=["grey", "float", "empty"],
)
def test_other_arrays_are_refused(image: Any) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        draw_objects(image, [])


# segments


@pytest.mark.mxnet
@pytest.mark.parametrize(
    ("name", "theirs", "classes"),
    [
        ("voc", "pascal_voc", 21),
        ("coco", "coco", 21),
        ("ade20k", "ade20k", 150),
        ("cityscapes", "citys", 19),
        ("mhpv1", "mhpv1", 19),
    ],
)
def test_palette_images_are_gluoncvs(name: str, theirs: str, classes: int) -> None:
    import_mxnet()
    from gluoncv.utils.viz import get_color_pallete

    lowest = 0 if theirs == "coco" else -1
    map_ = np.random.default_rng(0).integers(lowest, classes, (40, 60))
    map_.flat[: classes - lowest] = np.arange(lowest, classes)
    ours: Any = palette_image(map_, load_palette(name))
    wanted = get_color_pallete(map_.copy(), theirs)
    assert ours.mode == wanted.mode == "P"
    assert np.array_equal(np.asarray(ours), np.asarray(wanted))
    colours = wanted.getpalette()
    assert ours.getpalette()[: len(colours)] == colours


def test_class_indices_are_read_back_from_a_file(tmp_path: Path) -> None:
    classes = np.arange(150).reshape(10, 15)
    for name, first in (("voc", 0), ("ade20k", 1)):
        palette_image(classes, load_palette(name)).save(tmp_path / "classes.png")
        with Image.open(tmp_path / "classes.png") as image:
            assert np.array_equal(np.asarray(image), classes + first)
            pixel = np.asarray(image.convert("RGB"))[1, 3]
        assert tuple(pixel) == load_palette(name).colour(18)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (np.full((2, 2), 255), "-1 to 254"),
        (np.full((2, 2), -2), "are -2 to -2"),
        (np.zeros((2, 2)), "expected integers"),
        (np.zeros((2, 2, 1), int), r"\(2, 2, 1\)"),
    ],
)
def test_classes_that_a_palette_image_cannot_hold_are_refused(classes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        palette_image(classes, load_palette("ade20k"))


def test_an_overlay_is_translucent_with_opaque_edges() -> None:
    classes = np.full((100, 120), 15)
    classes[:, :40] = 0  # the background
    classes[:, 80:] = -1
    image = grey(100, 120)
    palette = load_palette("voc")
    picture = overlay(image, classes, palette, ["background"] * 21)
    assert palette.colour(15) == (192, 128, 128)
    row = [tuple(pixel) for pixel in picture[50]]
    assert row[:40] == row[80:] == [(GREY,) * 3] * 40
    assert row[40] == row[79] == (192, 128, 128)
    assert set(row[41:79]) == {(166, 128, 128)}  # 128 + 0.6 · 64
    assert (image == GREY).all()
    with pytest.raises(ValueError, match=r"classes of shape \(100, 120\)"):
        overlay(grey(99, 120), classes, palette, [])


def test_the_legend_lists_the_classes_by_area() -> None:
    classes = np.zeros((400, 600), int)
    classes[:, 100:250] = 3
    classes[:, 250:] = 7
    classes[0, :5] = 99
    names = [f"class {number}" for number in range(8)]
    palette = load_palette("cityscapes")
    picture = overlay(smooth(400, 600), classes, palette, names)
    legend = picture[400:]
    assert 15 < len(legend) < 40
    order = {}
    for index in (7, 3, 0, 99):
        columns = np.flatnonzero((legend == palette.colour(index)).all(2).any(0))
        order[index] = int(columns[0])
        assert 10 < len(columns) < 14
    assert sorted(order, key=order.__getitem__) == [7, 3, 0, 99]
    assert (legend[:, [0, -1]] == 255).all()
    assert np.array_equal(overlay(grey(9, 9), np.full((9, 9), -1), palette, names), grey(9, 9))


def test_legends_have_no_more_rows_than_there_is_room() -> None:
    entries = [(f"class {number}", (number, 0, 0)) for number in range(100)]
    tall = draw_legend(entries, grey(300, 400))
    assert 100 < len(tall) <= 170
    assert len(draw_legend(entries[:2], grey(300, 400))) < 30
    narrow = draw_legend([("a name that is far too long", (1, 2, 3))], grey(300, 90))
    assert narrow.shape[1] == 90
    assert (narrow[:, -1] == 255).all()
    for size in ((1, 1), (300, 10), (10, 300)):
        assert draw_legend(entries, grey(*size)).shape == (0, size[1], 3)


# poses


def a_pose(**places: tuple[float, float]) -> tuple[Any, Any]:
    """One person's keypoints and scores; only the joints given are seen."""
    keypoints, scores = np.zeros((1, 17, 2)), np.zeros((1, 17))
    for joint, place in places.items():
        keypoints[0, int(joint[1:])] = place
        scores[0, int(joint[1:])] = 0.9
    return keypoints, scores


@pytest.mark.mxnet
def test_limbs_are_those_that_gluoncv_draws() -> None:
    import_mxnet()
    from gluoncv.utils.viz import cv_plot_keypoints

    nobody = (np.ones((1, 1, 1)), np.zeros((1, 1, 4)), np.ones((1, 1, 1)))
    drawn = []
    for pair in itertools.combinations(range(17), 2):
        keypoints, scores = a_pose(**{f"j{pair[0]}": (5, 5), f"j{pair[1]}": (50, 50)})
        picture = cv_plot_keypoints(
            np.zeros((64, 64, 3), np.uint8), keypoints, scores[:, :, None], *nobody
        )
        if picture.any():
            drawn.append(pair)
    assert len(LIMBS) == 16
    assert drawn == sorted(LIMBS)


def test_left_and_right_joints_have_different_colours() -> None:
    for one, other in LIMBS:
        sides = {joint % 2 for joint in (one, other) if joint}
        wanted = MIDDLE if len(sides) == 2 else LEFT if 1 in sides else RIGHT
        keypoints, scores = a_pose(**{f"j{one}": (20, 30), f"j{other}": (80, 70)})
        assert tuple(draw_poses(grey(100, 100), keypoints, scores, 0.2)[50, 50]) == wanted
    assert len({LEFT, RIGHT, MIDDLE}) == 3


def test_limbs_need_both_joints_above_the_threshold() -> None:
    keypoints, scores = a_pose(j5=(20, 50), j7=(80, 50))
    assert tuple(draw_poses(grey(100, 100), keypoints, scores, 0.5)[50, 50]) == LEFT
    scores[0, 7] = 0.5
    picture = draw_poses(grey(100, 100), keypoints, scores[:, :, None], 0.5)
    assert tuple(picture[50, 20]) == LEFT
    assert (picture[:, 40:] == GREY).all()
    picture = draw_poses(grey(100, 100), keypoints, scores, 0.9)
    assert (picture == GREY).all()


def test_a_limb_is_straight_and_smooth() -> None:
    keypoints, scores = a_pose(j5=(10.25, 50), j7=(290, 50))
    picture = draw_poses(np.full((180, 300, 3), 255, np.uint8), keypoints, scores, 0.5)
    column = [tuple(pixel) for pixel in picture[46:55, 150]]
    assert column == column[::-1]
    assert column[4] == LEFT
    assert column[0] == column[8] == (255, 255, 255)
    assert column[2] == (76, 76, 76)  # 0.7 of black, which ends 2.2 pixels from the middle
    # it ends at its joints
    picture = draw_poses(grey(100, 100), *a_pose(j5=(20, 20), j7=(80, 80)), 0.5)
    assert tuple(picture[80, 80]) == tuple(picture[20, 20]) == LEFT
    assert tuple(picture[83, 83]) == tuple(picture[17, 17]) == (GREY,) * 3
    # a limb whose ends are far outside of the image
    keypoints, scores = a_pose(j5=(-99_000, 50), j7=(99_000, 50))
    picture = draw_poses(grey(100, 100), keypoints, scores, 0.5)
    assert (picture[50] == LEFT).all()


def test_joints_that_cannot_be_seen_are_left_out() -> None:
    image = noise(40, 50)
    for place in ((np.nan, 5), (np.inf, 5), (-1e300, 5), (500, 5)):
        assert np.array_equal(draw_poses(image, *a_pose(j5=place, j7=place), 0.2), image)
    assert np.array_equal(draw_poses(image, np.zeros((0, 17, 2)), np.zeros((0, 17)), 0.2), image)
    assert tuple(draw_poses(grey(1, 1), *a_pose(j5=(0, 0)), 0.2)[0, 0]) == LEFT
    with pytest.raises(ValueError, match=r"expected \(P, 17, 2\)"):
        draw_poses(image, np.zeros((1, 16, 2)), np.zeros((1, 16)), 0.2)


# depth


def test_depth_has_the_colours_of_monodepth2s_demonstration() -> None:
    import matplotlib
    from matplotlib.cm import ScalarMappable

    disparity = np.random.default_rng(0).gamma(2, 0.1, (90, 120)).astype(np.float32)
    norm = matplotlib.colors.Normalize(disparity.min(), np.percentile(disparity, 95))
    theirs = 255 * ScalarMappable(norm, "magma").to_rgba(disparity)[:, :, :3]
    ours = depth_picture(disparity)
    assert np.abs(ours - theirs).max() < 2.6  # two neighbouring colours are up to 2.5 apart
    assert np.median(np.abs(ours - theirs)) < 0.5
    ramp = depth_picture(np.arange(256.0)[None] / 242.25)  # whose 95th percentile is 1
    wanted = 255 * matplotlib.colormaps["magma"](np.arange(256) / 242.25)[:, :3]
    assert np.abs(ramp[0] - wanted).max() < 1.3


def test_magma_is_ever_lighter() -> None:
    picture = depth_picture(np.linspace(0, 1, 2000)[None])
    lightness = cielab(picture[0], np.eye(3))[:, 0]
    assert (np.diff(lightness) >= 0).all()
    assert lightness[0] < 1
    assert lightness[-1] > 97
    # perceptually uniform: the same step of lightness everywhere
    colours = cielab(np.unique(picture[0], axis=0), np.eye(3))[:, 0]
    assert len(colours) == 256
    steps = np.diff(np.sort(colours))
    assert steps[10:].max() < 3 * np.median(steps)


def test_disparities_that_are_equal_or_unknown() -> None:
    dark, light = (0, 0, 4), (252, 253, 191)
    assert set(map(tuple, depth_picture(np.full((3, 4), 0.7)).reshape(-1, 3))) == {dark}
    # the 95th percentile is the smallest value
    nearly = np.zeros((10, 10))
    nearly[0, 0] = 5
    assert set(map(tuple, depth_picture(nearly).reshape(-1, 3))) == {dark}
    row = np.array([[0.0, 1.0, np.nan, np.inf, -np.inf, 1.0]])
    assert [tuple(pixel) for pixel in depth_picture(row)[0]] == [
        *(dark, light, (GREY,) * 3, (GREY,) * 3, (GREY,) * 3, light)
    ]
    assert (depth_picture(np.full((2, 2), np.nan)) == GREY).all()
    assert depth_picture(np.zeros((1, 1))).shape == (1, 1, 3)
    with pytest.raises(ValueError, match=r"expected \(H, W\)"):
        depth_picture(np.zeros((1, 2, 2)))
