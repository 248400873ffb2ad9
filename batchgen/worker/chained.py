"""Inputs that are results of other jobs, when an attempt begins: by now they are files below the storage root."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from batchgen.core import inputs
from batchgen.core.outcome import Ending, Outcome
from batchgen.core.request import EDIT, Input, Request


def with_files(request: Request, locate: Callable[[str], Path], *, json_edits: bool) -> Request | Ending:
    """The request as it can be sent, or why it cannot; `locate` says where what is below the root lies.

    With `json_edits` the provider takes the files of an edit within JSON alone.
    """
    if not any(one.is_result for one in request.inputs):
        return request
    unfit = inputs.unfit_results(request.inputs, as_json=json_edits and request.operation == EDIT)
    if unfit:
        return Ending(Outcome.REJECTED, error_code="result_unfit", error_message=unfit)
    return replace(request, inputs=tuple(_placed(one, locate) for one in request.inputs))


def _placed(one: Input, locate: Callable[[str], Path]) -> Input:
    return one if one.path is None else msgspec.structs.replace(one, source=str(locate(one.path)))
