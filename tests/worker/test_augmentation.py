import numpy as np
import pytest

from kerasbench.worker.augmentation import shift_and_flip


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (500, 32, 32, 3), dtype=np.uint8)


def test_the_same_seed_gives_the_same_images(images: np.ndarray) -> None:
    one, other = (shift_and_flip(images, np.random.RandomState(1)) for _ in range(2))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, shift_and_flip(images, np.random.RandomState(2)))


@pytest.mark.slow
def test_every_image_is_itself_shifted_by_at_most_three_pixels_and_perhaps_mirrored(images: np.ndarray) -> None:
    changed = shift_and_flip(images, np.random.RandomState(1))
    found = set()
    for image, result in zip(images, changed, strict=True):
        middle = result[4:-4, 4:-4]  # no shift brings the repeated edge here
        matches = [
            (down, right, mirrored)
            for mirrored in (False, True)
            for down in range(-3, 4)
            for right in range(-3, 4)
            if np.array_equal(middle, _expected(image, down, right, mirrored)[4:-4, 4:-4])
        ]
        assert len(matches) == 1
        found.add(matches[0])
    assert {down for down, _, _ in found} == set(range(-3, 4))
    assert {mirrored for _, _, mirrored in found} == {False, True}


def _expected(image: np.ndarray, down: int, right: int, mirrored: bool) -> np.ndarray:
    shifted = np.roll(image, (down, right), (0, 1))
    return shifted[:, ::-1] if mirrored else shifted
