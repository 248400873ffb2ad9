"""Records of answers: the truth about the images, and places that are free."""

import hashlib

import pytest
from desk_bench import NEW, record_of

from batchgen.artifacts import files
from batchgen.artifacts.answers import Room, to_artifacts
from batchgen.artifacts.image import inspect
from batchgen.core.artifact import Artifact


def test_images_count_on_after_those_that_came_before():
    """With two images there, the next ones are the third and the fourth."""
    record = record_of(NEW[:2], attempt=2, have=(1, 2))
    assert [(image.ordinal, image.path) for image in record.images] == [(3, "shop/bear~3.png"), (4, "shop/bear~4.png")]


def test_the_record_tells_the_truth_about_the_bytes():
    """Type, size, length and hash in a record are those of the image."""
    (image,) = record_of(NEW[:1]).images
    sha256 = hashlib.sha256(NEW[0]).hexdigest()
    assert image == Artifact(1, "shop/bear.png", "image/png", 9, 9, len(NEW[0]), sha256)


@pytest.mark.parametrize(("ordinal", "path"), [(1, "shop/a.b.png"), (2, "shop/a.b~2.png"), (11, "shop/a.b~11.png")])
def test_names_below_the_root(ordinal, path):
    """The first image has the job's name, further ones their ordinal behind a tilde."""
    assert files.image_path("shop", "a.b", ordinal, "png") == path


def test_new_images_take_the_free_ordinals():
    """An image that was lost is made again under its own number."""
    pictures = [inspect(data) for data in NEW[:2]]
    assert [image.ordinal for image in to_artifacts(Room("shop", "bear", (1, 3)), pictures)] == [2, 4]
