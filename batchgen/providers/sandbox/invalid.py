"""The vendor's 400s about what stands in a body: which field, and what is wrong with it."""

from batchgen.providers.sandbox.refusals import Refusal, bad

_KINDS = (
    (bool, "a boolean"),
    (str, "a string"),
    (int, "an integer"),
    (float, "a decimal"),
    (list, "an array"),
    (dict, "an object"),
)


def listed(words: tuple[str, ...]) -> str:
    """Words in quotes, the last one after an `and`."""
    quoted = [f"'{word}'" for word in words]
    return f"{', '.join(quoted[:-1])}, and {quoted[-1]}" if len(quoted) > 1 else quoted[0]


def unknown(name: str) -> Refusal:
    """A field that the API does not have."""
    return bad(f"Unknown parameter: '{name}'.", name, "unknown_parameter")


def missing(name: str) -> Refusal:
    """A field that has to be there."""
    return bad(f"Missing required parameter: '{name}'.", name, "missing_required_parameter")


def twice(name: str) -> Refusal:
    """A field of a form that came more than once without being a list."""
    message = (
        f"Duplicate parameter: '{name}'. You provided multiple values for this parameter, whereas only one is allowed. "
        f"If you are trying to provide a list of values, use the array syntax instead e.g. '{name}[]=<value>'."
    )
    return bad(message, name, "duplicate_parameter")


def wrong_type(name: str, expected: str, value: object) -> Refusal:
    """A value of another kind; `expected` is like `an integer`."""
    kind = next((words for kind, words in _KINDS if isinstance(value, kind)), "null")
    return bad(f"Invalid type for '{name}': expected {expected}, but got {kind} instead.", name, "invalid_type")


def wrong_word(name: str, value: object, allowed: tuple[str, ...]) -> Refusal:
    """A word that is not one of those that the model takes."""
    return wrong_value(name, f"Invalid value: '{value}'. Supported values are: {listed(allowed)}.")


def wrong_value(name: str, message: str) -> Refusal:
    """Any other value that does not fit."""
    return bad(message, name, "invalid_value")


def too_long_text(name: str, most: int, length: int) -> Refusal:
    """A string with too many characters."""
    message = (
        f"Invalid '{name}': string too long. Expected a string with maximum length {most}, "
        f"but got a string with length {length} instead."
    )
    return bad(message, name, "string_above_max_length")


def too_long_list(name: str, most: int, length: int) -> Refusal:
    """An array with too many elements."""
    message = (
        f"Invalid '{name}': array too long. Expected an array with maximum length {most}, "
        f"but got an array with length {length} instead."
    )
    return bad(message, name, "array_above_max_length")


def empty_list(name: str) -> Refusal:
    """An array without an element."""
    message = f"Invalid '{name}': empty array. Expected an array with minimum length 1, but got an empty array instead."
    return bad(message, name, "empty_array")


def exclusive(name: str, one: str, other: str) -> Refusal:
    """Two fields of which only one may be given."""
    message = f"Mutually exclusive parameters: '{name}'. Ensure you are only providing one of: '{one}' or '{other}'."
    return bad(message, name, "mutually_exclusive_parameters")
