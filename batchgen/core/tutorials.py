"""The words of the tutorials: fields and values that many guides show and the vendor's API refuses, with what to write instead.

They come from models that are gone, from other APIs and from gateways; one is the API's own and has another form here. Taking
such a column for metadata would buy another picture than the one that was meant.
"""

_EDIT = "is not a field of the API; write image instead, which makes the request an edit"
_SIZE = "is not a field of the API; write size instead, in pixels, like 1024x1024"

# Word of a field -> what it is, and what to write instead.
FIELDS: dict[str, str] = {
    "style": "is not taken by the GPT Image models; write it into the prompt instead, like 'Style: vivid'",
    "negative_prompt": "is not a field of the API; write it into the prompt instead, like 'Avoid: text, frames'",
    "response_format": "is not taken by the GPT Image models, whose answers always hold the image itself; leave it out",
    "reference_image": _EDIT,
    "image_urls": _EDIT,
    "image_size": _SIZE,
    "resolution": _SIZE,
    "aspect_ratio": "is not a field of the API; write size instead, with edges in that ratio, like 1536x1024 for 3:2",
    "seed": "is not a field of the API, where no image can be made twice; leave it out, and write n for several images",
    "steps": "is not a field of the API; write quality instead, like high",
    "guidance": "is not a field of the API; leave it out, and write what matters into the prompt",
    "thinking": "is not a field of the API; the nearest is complexity, of the gpt-image-2.6 models",
    "svg": "is an object of the API, with a model and its reasoning effort; write svg_model and svg_effort instead",
}

# Becomes an input image.
AN_IMAGE = "reference_image"

# The fields that `[compat] translate = true` takes and rewrites; the others stay errors, since nothing does what they ask for.
TRANSLATED = ("style", "negative_prompt", AN_IMAGE, "response_format")

# Those whose values are words, be they made of digits.
TEXTS = frozenset(FIELDS) - {"seed", "steps", "guidance"}

# Words of DALL-E for a quality -> ours that comes closest. Standard was its lesser one and what one got unasked, as medium is
# here; low would be less than was asked for.
QUALITIES = {"standard": "medium", "hd": "high"}

_VALUES = {
    **{("quality", word): f"is a word of DALL-E; write {ours} instead" for word, ours in QUALITIES.items()},
    ("quality", "thinking"): "is no quality; the nearest is complexity=high, of the gpt-image-2.6 models",
}

# Sizes of DALL-E below what any model of today makes.
SMALL_SIZES = ("256x256", "512x512")


def plain(word: str) -> str:
    """A word as it stands in `FIELDS`, however it was joined and in whatever case."""
    return word.strip().casefold().replace("-", "_").replace(" ", "_")


def is_translated(field: str, value: object) -> bool:
    """Whether a translation makes something else of a field with this value, whatever the model."""
    return field in TRANSLATED or (field == "quality" and str(value) in QUALITIES)


def rewritten(field: str, message: str) -> str:
    """The word that a problem of a field is about, if a translation would rewrite it; else empty."""
    word, value = plain(field), message.partition(":")[0]
    if word in TRANSLATED and message.startswith(FIELDS[word]):
        return word
    values = {"quality": tuple(QUALITIES), "size": SMALL_SIZES}.get(field, ())
    return f"{field}={value}" if value in values else ""


def value_told(field: str, value: object) -> str:
    """What a value of a field is, and what to write instead; empty for one that is no word of the tutorials."""
    return _VALUES.get((field, str(value)), "")
