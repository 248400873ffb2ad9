"""What only edits have: which models take it, what may not go together, and the files opened."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from batchgen.core.catalog import Catalog
from batchgen.providers.sandbox import checks, invalid, sources
from batchgen.providers.sandbox.picture import Inputs
from batchgen.providers.sandbox.refusals import bad
from batchgen.providers.sandbox.uploads import Uploads
from batchgen.providers.sandbox.wanted import Edit, Wanted

# Measured: 2 and 2.5 refuse the parameter, since they always look closely; for 2.6 the same is assumed.
_FIDELITIES = {
    "gpt-image-1.5": ("high", "low"),
    "chatgpt-image-latest": ("high", "low"),
    "gpt-image-1-mini": ("low",),
    "gpt-image-1": ("high", "low"),
}
_MARKED_UP = ("gpt-image-2.5-", "gpt-image-2.6-")


def check(fields: Mapping[str, Any], uploads: Callable[[], Uploads], catalog: Catalog) -> Wanted:
    """The accepted edit. Opens every image: not for the event loop. Raises Refusal."""
    fidelity = fields.get("input_fidelity")
    wanted = checks.check({name: value for name, value in fields.items() if name != "input_fidelity"}, catalog)
    name = catalog.canonical(wanted.model)
    if fidelity is not None:
        _check_fidelity(name, fidelity)
    came = uploads()
    _check_together(wanted, name, came)
    images = [sources.image(upload, number) for number, upload in enumerate(came.images, 1)]
    inputs = Inputs(
        first=images[0].picture,
        others=tuple(image.picture for image in images[1:]),
        mask=sources.mask(came.mask, images[0]) if came.mask else None,
        markup=sources.markup(came.markup, images[0]) if came.markup else None,
    )
    return replace(wanted, edit=Edit(inputs, tuple((image.width, image.height) for image in images), fidelity))


def _check_fidelity(model: str, fidelity: object) -> None:
    allowed = _FIDELITIES.get(model)
    if allowed is None:
        message = f"The model '{model}' does not support the 'input_fidelity' parameter."
        raise bad(message, "input_fidelity", "invalid_input_fidelity_model")
    if not isinstance(fidelity, str):
        raise invalid.wrong_type("input_fidelity", "a string", fidelity)
    if fidelity not in allowed:
        raise invalid.wrong_word("input_fidelity", fidelity, allowed)


def _check_together(wanted: Wanted, model: str, uploads: Uploads) -> None:
    if uploads.markup is not None and not model.startswith(_MARKED_UP):
        raise invalid.wrong_value("markup", f"The model '{model}' does not support the 'markup' parameter.")
    if uploads.markup is not None and uploads.mask is not None:
        raise invalid.exclusive("markup", "mask", "markup")
    if uploads.mask is not None and wanted.output_format == "gif":
        raise invalid.wrong_value("mask", "'mask' is not supported when 'output_format' is 'gif'.")
