"""What a command, its job file and the settings say about rows, as the terms on which they become requests."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from batchgen.core.assembly import BUILT_IN
from batchgen.core.dialect import SANDBOX, Dialect
from batchgen.core.matrix import taking
from batchgen.core.profile import Profile
from batchgen.core.prompt_rules import PromptRules
from batchgen.core.recipe import Recipe
from batchgen.core.request import Value
from batchgen.core.template import parse
from batchgen.ingest.reading import Terms
from batchgen.settings import defaults, jobfile, profiles
from batchgen.settings.jobfile import JobFile
from batchgen.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Said:
    """What a command says about the rows of its manifests: values of fields, a header by field, a profile's name."""

    fields: Mapping[str, Value]
    columns: Mapping[str, str]
    profile: str | None
    update: bool
    children: bool = False


def terms(settings: Settings, said: Said, job: JobFile | None, day: date) -> Terms:
    """How the rows of a manifest become requests: options over its job file, its profile, the settings, the built-in."""
    if job is not None and not settings.compat.translate:
        jobfile.refuse_untranslated(job, accepted(settings))
    profile = _profile(settings, said, job)
    of_job = {} if job is None else job.defaults
    layered = {**BUILT_IN, **settings.defaults, **(profile or Profile()).defaults, **of_job, **said.fields}
    chosen, asked = ("option", *([str(job.path)] if job is not None else [])), settings.prompts
    return Terms(
        recipe=_recipe(layered.pop("prompt", None), profile, job, accepted(settings)),
        defaults=layered,
        columns=said.columns if job is None else {**job.columns, **said.columns},
        simulated=settings.provider.name == SANDBOX,
        dialects=_dialects(settings),
        day=day,
        update=said.update,
        children=said.children,
        translate=settings.compat.translate,
        rules=PromptRules(asked.blocked, asked.min_length, asked.max_length),
        provider=settings.provider.name,
        is_chosen=settings.sources["provider.name"] in chosen,
    )


def accepted(settings: Settings) -> tuple[str, ...]:
    """Fields that some provider takes, whatever the vendor says of them."""
    return tuple(dict.fromkeys(name for dialect in _dialects(settings).values() for name in dialect.accepts))


def _dialects(settings: Settings) -> dict[str, Dialect]:
    """How whoever a row can name differs from the vendor; the empty name is that of rows without one."""
    if settings.provider.name == SANDBOX:
        return dict.fromkeys(("", *settings.provider_names), settings.dialect(SANDBOX))
    return {"": settings.dialect(settings.provider.name), **{name: settings.dialect(name) for name in settings.providers}}


def _profile(settings: Settings, said: Said, job: JobFile | None) -> Profile | None:
    of_job = {} if job is None else job.profiles
    name, place = said.profile, "--profile"
    if name is None and job is not None:
        name, place = job.profile, f"{job.path}: profile"
    if name is None:
        return None
    profile = profiles.chosen(name, {**settings.profiles, **of_job}, place)
    if not settings.compat.translate:
        source = job.path if job is not None and name in of_job else settings.sources[profiles.TABLE]
        defaults.refuse_words(profile.defaults, f"{source}: [{profiles.TABLE}.{name}.defaults]", accepted(settings))
    return profile


def _recipe(prompt: Value | None, profile: Profile | None, job: JobFile | None, words: Collection[str]) -> Recipe:
    """`prompt` is the default for rows without one; that of a job file is for every row. `words` are what providers accept."""
    template = None if prompt is None else parse(str(prompt))
    if job is None:
        return Recipe(template, profile=profile)
    return Recipe(job.template or template, for_all=job.template is not None, profile=profile, matrix=taking(job.matrix, words))
