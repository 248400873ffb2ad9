"""What a reply says of its tokens: the dearer reading counts where it is not clear, and a remark tells why."""

import pytest

from batchgen.core.usage import NOTHING_SAID, Usage
from batchgen.providers.reported import NOTHING_REPORTED, Reported, added, read_usage

NOT_APART = "input tokens are not told apart: all are counted as those of images"


def _usage(total, text=None, image=None, *, output=196, **more):
    details = {name: count for name, count in (("text_tokens", text), ("image_tokens", image)) if count is not None}
    return {"input_tokens": total, "input_tokens_details": details, "output_tokens": output, **more}


@pytest.mark.parametrize(
    ("usage", "inputs", "expected", "remark"),
    [
        (_usage(1034, 10, 1024), True, Usage(10, 1024, 196), None),
        (_usage(1034, 10, 1024, total_tokens=1230), True, Usage(10, 1024, 196), None),
        (_usage(1034), True, Usage(None, 1034, 196), NOT_APART),
        (_usage(1034), False, Usage(1034, None, 196), None),
        (_usage(1034, text=10), True, Usage(10, 1024, 196), None),
        (_usage(1034, image=1024), True, Usage(10, 1024, 196), None),
        (
            _usage(1034, 10, 0),
            True,
            Usage(10, 1024, 196),
            "usage does not add up: 1034 input tokens, and 10 of text and 0 of images",
        ),
        (
            _usage(9, 10, 1024),
            True,
            Usage(10, 1024, 196),
            "usage does not add up: 9 input tokens, and 10 of text and 1024 of images",
        ),
        (_usage(3, image=4), True, Usage(0, 4, 196), "usage does not add up: 3 input tokens, and 4 of images"),
        (
            _usage(10, 10, 0, total_tokens=5),
            False,
            Usage(10, 0, 196),
            "usage does not add up: 10 input and 196 output tokens, and 5 in all",
        ),
        (
            _usage(10, 10, 0, output=196, output_tokens_details={"text_tokens": 4, "image_tokens": 196}),
            False,
            Usage(10, 0, 200, 4),
            "usage does not add up: 196 output tokens, and 4 of text and 196 of images",
        ),
        (_usage(10, 10, 0, output_tokens_details={"text_tokens": 4, "image_tokens": 192}), False, Usage(10, 0, 196, 4), None),
        (None, True, NOTHING_SAID, None),
    ],
)
def test_what_is_not_clear_is_counted_dear_and_remarked(usage, inputs, expected, remark):
    """No image is priced as text or left out, and nobody has to find that out by himself."""
    assert read_usage(usage, has_inputs=inputs) == Reported(expected, remark)


def test_the_parts_of_a_stream_are_one_usage():
    """Tokens are added up, and what is remarked of all of them is said once."""
    parts = [read_usage(_usage(1034), has_inputs=True)] * 2
    assert added([*parts, NOTHING_REPORTED]) == Reported(Usage(None, 2068, 392), NOT_APART)
    assert added([]) == NOTHING_REPORTED
