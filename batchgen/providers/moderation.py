"""The vendor's free moderation endpoint: whether texts are harmless, many in one request.

It is another filter than that of the image models: what passes here may be refused there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

# Takes many texts at once, and answers with a result for each in their order.
MODEL = "omni-moderation-latest"
# A result has some 2 KB.
MOST_BYTES = 16 * 1024 * 1024
_MOST_CHARACTERS = 60


class _Result(msgspec.Struct):
    flagged: bool
    categories: Mapping[str, Any] = {}


class _Body(msgspec.Struct):
    results: list[_Result]


_decoder = msgspec.json.Decoder(_Body)


def body(texts: Sequence[str]) -> bytes:
    """What is asked."""
    return msgspec.json.encode({"model": MODEL, "input": list(texts)})


def read(reply: bytes, texts: int) -> list[tuple[str, ...]] | str:
    """The categories that each of so many texts is flagged as, none for a harmless one; or why the reply is no answer."""
    try:
        results = _decoder.decode(reply).results
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"the reply is not the JSON of a moderation: {error}"
    if len(results) != texts:
        return f"the reply holds {len(results):,} results for {texts:,} texts"
    return [_categories(result) if result.flagged else () for result in results]


def _categories(result: _Result) -> tuple[str, ...]:
    found = tuple(name[:_MOST_CHARACTERS] for name, is_found in result.categories.items() if is_found is True)
    return found or ("no category told",)
