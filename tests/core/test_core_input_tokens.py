"""Input images in tokens: the vendor's own examples, the measured ones, and the bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.core.catalog import VENDORS
from batchgen.core.input_tokens import MOST_INPUT_IMAGE_TOKENS, input_image_tokens

PATCHED = [
    (1024, 1024, 1024),  # measured, $0.0082
    (1800, 2400, 1452),  # the vendor's example for 1,536 patches
    (2400, 1800, 1452),
    (512, 512, 1024),  # enlarged to 1024
    (256, 256, 256),  # enlarged twice and no further
    (700, 500, 736),  # 1024 x 731
    (1, 1, 1),
    (1536, 1024, 1536),  # just fits
    (1536, 1025, 1504),  # 1536 x 1025 has 1,584: 47 x 32
    (3000, 500, 1452),  # a canvas of 3000 x 1000
    (8000, 1, 1452),
    (1024, 100, 352),  # 1024 x 341
    (20_000, 20_000, 1521),  # 39 x 39
]

TILED = [
    (1024, 1024, 65 + 129),
    (512, 512, 65 + 129),
    (100, 50, 65 + 129),
    (1024, 1536, 65 + 2 * 129),
    (2048, 1024, 65 + 2 * 129),
    (2050, 1024, 65 + 3 * 129),
    (3003, 1001, 65 + 3 * 129),
    (1000, 300, 65 + 2 * 129),
    (20_000, 10, 65 + 4 * 129),
    (2048, 513, 65 + 4 * 129),
]


@pytest.mark.parametrize(("width", "height", "tokens"), PATCHED)
def test_newer_models_count_patches(width, height, tokens):
    """32 px patches, enlarged up to twice, ratio and number bounded; the fidelity is always the highest and changes nothing."""
    for model in ("gpt-image-2", "gpt-image-2-2026-04-21", "gpt-image-2.5-flare", "gpt-image-2.6-sunburst"):
        assert input_image_tokens(model, width, height, None) == tokens
        assert input_image_tokens(model, width, height, "high") == tokens


@pytest.mark.parametrize(("width", "height", "tokens"), TILED)
def test_older_models_count_tiles(width, height, tokens):
    """65 and 129 a tile of a short side of 512; a high fidelity adds 4,160 to a square and 6,240 to any other shape."""
    extra = 4160 if width == height else 6240
    for model in ("gpt-image-1.5", "gpt-image-1.5-2025-12-16", "gpt-image-1"):
        assert input_image_tokens(model, width, height, None) == tokens
        assert input_image_tokens(model, width, height, "low") == tokens
        assert input_image_tokens(model, width, height, "high") == tokens + extra


def test_every_model_of_the_catalog_has_a_rule():
    """Only a model that nobody knows has none."""
    assert None not in [input_image_tokens(name, 800, 600, None) for name in VENDORS.names]
    assert input_image_tokens("my-own-model", 800, 600, None) is None


@given(width=st.integers(1, 30_000), height=st.integers(1, 30_000), model=st.sampled_from(VENDORS.names))
def test_the_bound_holds_for_every_image(width, height, model):
    """No shape and no size passes the bound, and turning an image changes nothing."""
    tokens = input_image_tokens(model, width, height, "high")
    assert 1 <= tokens <= MOST_INPUT_IMAGE_TOKENS
    assert tokens == input_image_tokens(model, height, width, "high")
    assert input_image_tokens("gpt-image-2", width, height, None) <= 1536


def test_the_bound_is_no_higher_than_needed():
    """A long strip in high fidelity costs exactly the bound."""
    assert input_image_tokens("gpt-image-1.5", 4096, 1000, "high") == MOST_INPUT_IMAGE_TOKENS
