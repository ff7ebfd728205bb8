"""Resizing and warping against MXNet's and OpenCV's own, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gluon2torch.inference.images.affine_warp import solve_affine, warp_affine
from gluon2torch.inference.images.area_resize import resize_area
from gluon2torch.inference.images.image_resize import choose_method, resize
from gluon2torch.sources.mxnet_compat import import_mxnet

from .images import noise, smooth

METHODS = {"linear": 1, "cubic": 2, "area": 3}  # MXNet's numbers
# landscape, portrait, large, small, and shapes whose rows end within OpenCV's vectors
ODD_SIZES = (
    *((375, 500), (500, 375), (333, 499), (257, 255), (231, 517), (31, 45), (17, 9)),
    *((480, 640), (427, 640), (640, 427), (301, 299), (129, 600), (601, 128), (64, 64)),
    *((53, 201), (199, 47), (720, 405), (405, 721), (97, 96), (333, 1001)),
)


@pytest.fixture(scope="module")
def mxnet() -> Any:
    return import_mxnet()


def mxnet_resize(mxnet: Any, image: Any, size: tuple[int, int], method: int) -> Any:
    array = mxnet.nd.array(image, dtype="uint8")
    return mxnet.image.imresize(array, size[1], size[0], interp=method).asnumpy()


@pytest.mark.mxnet
@pytest.mark.parametrize("method", ["linear", "cubic"])
def test_growing_and_shrinking_are_mxnets_bit_for_bit(method: Any, mxnet: Any) -> None:
    assert len(ODD_SIZES) == 20
    sizes = [(300, 300), (416, 417), (129, 131), (47, 512)]
    for number, shape in enumerate(ODD_SIZES):
        image = noise(*shape, number) if number % 2 else smooth(*shape, number)
        size = sizes[number % len(sizes)]
        theirs = mxnet_resize(mxnet, image, size, METHODS[method])
        assert np.array_equal(resize(image, size, method), theirs), (shape, size)


@pytest.mark.mxnet
def test_cubic_rows_end_as_opencvs_vectors_do(mxnet: Any) -> None:
    """The rest of a row is rounded in another way, which shows about once in 10⁵ values.

    The widths leave 7 values of 8, or most of 16 or of 32."""
    for width in (5, 10, 13, 21, 29, 31, 37, 42, 45, 53, 61, 63, 74, 85, 93, 95):
        image = noise(61, 80, width)
        theirs = mxnet_resize(mxnet, image, (3000, width), METHODS["cubic"])
        assert np.array_equal(resize(image, (3000, width), "cubic"), theirs), width


@pytest.mark.mxnet
def test_shrinking_by_area_is_mxnets_bit_for_bit(mxnet: Any) -> None:
    rng = np.random.default_rng(0)
    for number, shape in enumerate(ODD_SIZES):
        image = noise(*shape, number) if number % 2 else smooth(*shape, number)
        size = (int(rng.integers(1, shape[0] + 1)), int(rng.integers(1, shape[1] + 1)))
        theirs = mxnet_resize(mxnet, image, size, METHODS["area"])
        assert np.array_equal(resize(image, size, "area"), theirs), (shape, size)


@pytest.mark.mxnet
@pytest.mark.parametrize("block", [(2, 2), (2, 3), (3, 3), (1, 2), (4, 4), (5, 1)])
def test_shrinking_by_whole_numbers_is_mxnets_bit_for_bit(
    block: tuple[int, int], mxnet: Any
) -> None:
    image = noise(block[0] * 61, block[1] * 83)
    theirs = mxnet_resize(mxnet, image, (61, 83), METHODS["area"])
    assert np.array_equal(resize(image, (61, 83), "area"), theirs)


def test_area_does_not_grow() -> None:
    with pytest.raises(ValueError, match="larger than the image"):
        resize_area(noise(4, 9), (5, 3))


@pytest.mark.mxnet
def test_the_method_is_chosen_as_mxnet_chooses_it(mxnet: Any) -> None:
    from mxnet.image.image import _get_interp_method

    for source in ODD_SIZES:
        for target in (*ODD_SIZES, source, (source[0], 900), (900, source[1])):
            theirs = _get_interp_method(9, (*source, *target))
            assert METHODS[choose_method(source, target)] == theirs, (source, target)


@pytest.mark.mxnet  # GluonCV needs OpenCV
def test_warps_are_opencvs_bit_for_bit() -> None:
    import cv2

    rng = np.random.default_rng(0)
    for number, shape in enumerate(ODD_SIZES):
        image = noise(*shape, number)
        source = rng.uniform(-20, 1.1 * max(shape), (3, 2)).astype(np.float32)
        target = rng.uniform(0, 200, (3, 2)).astype(np.float32)
        matrix = solve_affine(source, target)
        assert np.array_equal(matrix, cv2.getAffineTransform(source, target)), number
        theirs = cv2.warpAffine(image, matrix, (201, 150), flags=cv2.INTER_LINEAR)
        assert np.array_equal(warp_affine(image, matrix, (150, 201)), theirs), number
