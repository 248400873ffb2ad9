"""`python -m benchmarks [--rounds N] [PART...]`: measure, print the tables and keep them in RESULTS.md."""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import limits, scale, speed, table

_PARTS: Mapping[str, Callable[[int, Path], list[table.Line]]] = {
    "small": speed.small,
    "large": speed.large,
    "scale": scale.measure,
    "limits": limits.measure,
}
_RESULTS = Path(__file__).parent / "RESULTS.md"


def main() -> None:
    """Measure the parts that are asked for, or all of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(_PARTS))
    given = parser.parse_args()
    unknown = set(given.parts) - set(_PARTS)
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(_PARTS)}")
    for part in given.parts or _PARTS:
        with tempfile.TemporaryDirectory(prefix="batchgen-bench-") as scratch:
            text = table.render(_PARTS[part](given.rounds, Path(scratch)))
        print(f"\n{part}: {text}")
        # After every part: who stops in the middle keeps what was measured.
        table.keep(_RESULTS, {part: text}, list(_PARTS))


if __name__ == "__main__":
    main()
