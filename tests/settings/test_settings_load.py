"""Settings: which layer counts, what is refused in which words, and what is never shown."""

from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest

from batchgen.errors import SettingsError
from batchgen.settings import load as loading
from batchgen.settings.model import tables

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def load(tmp_path):
    """Load settings in an empty folder from what is given of each layer."""

    def run(*, config: str | None = None, dotenv: str | None = None, environment=None, options=None, path: Path | None = None):
        if config is not None:
            (tmp_path / "config.toml").write_text(config, encoding="utf-8")
        if dotenv is not None:
            (tmp_path / ".env").write_text(dotenv, encoding="utf-8")
        return loading.load(path, options or {}, environment or {}, tmp_path)

    return run


# One value of one key in every layer, the strongest first.
URLS = ["https://option/v1", "https://environment/v1", "https://dotenv/v1", "https://file/v1", "https://openai-variable/v1"]
SOURCES = ["option", "environment", ".env", "config.toml", "OPENAI_BASE_URL"]


@pytest.mark.parametrize("first", range(6))
def test_precedence_of_every_layer(load, first):
    """Option, environment, .env, file, OPENAI_BASE_URL, built-in: take away the strongest, and the next one counts."""
    option, environment, dotenv, file, variable = (url if place >= first else None for place, url in enumerate(URLS))
    found = load(
        options={"provider.base_url": option} if option else {},
        environment={
            **({"BATCHGEN_PROVIDER__BASE_URL": environment} if environment else {}),
            **({"OPENAI_BASE_URL": variable} if variable else {}),
        },
        dotenv=f"BATCHGEN_PROVIDER__BASE_URL={dotenv}\n" if dotenv else None,
        config=f'[provider]\nbase_url = "{file}"\n' if file else None,
    )
    assert found.provider.base_url == [*URLS, "https://api.openai.com/v1"][first]
    assert found.sources["provider.base_url"].endswith([*SOURCES, "built-in"][first])


def test_openai_base_url_may_stand_in_dotenv(load):
    """The variable of the vendor's own client counts from both places, the environment first."""
    found = load(dotenv="OPENAI_BASE_URL=https://dotenv/v1\n")
    assert found.provider.base_url == "https://dotenv/v1"
    found = load(environment={"OPENAI_BASE_URL": "https://environment/v1"})
    assert found.provider.base_url == "https://environment/v1"
    assert load(environment={"OPENAI_BASE_URL": ""}).provider.base_url == "https://dotenv/v1"


EVERY_KEY = [(table, key, value) for table, keys in tables().items() for key, value in keys.items()]
OTHER_TEXT = {
    "database.url": "postgresql://me@host/other",
    "storage.root": "/elsewhere",
    "provider.name": "sandbox",
    "provider.base_url": "http://localhost:1/v1",
    "retry.unknown": "hold",
    "prompts.blocked": ("a gun", "knife"),
}


def _literal(value) -> str:
    """A value as it stands in TOML; "" where there is none."""
    if value is None:
        return '""'
    if isinstance(value, tuple):
        return f"[{', '.join(map(_literal, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _text(value) -> str:
    """A value as it stands in the environment."""
    return "; ".join(value) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize(("table", "key", "built_in"), EVERY_KEY)
def test_every_key_can_be_set_in_every_place(load, table, key, built_in):
    """Each key of each table: in the file with its type, in the environment and in .env as text."""
    name = f"{table}.{key}"
    kind = Decimal if built_in is None else type(built_in)
    other = OTHER_TEXT.get(name, "OTHER") if kind in (str, tuple) else kind(7)
    variable = f"BATCHGEN_{table.upper()}__{key.upper()}"
    literal = _literal(other)
    for given in (
        {"config": f"[{table}]\n{key} = {literal}\n"},
        {"config": "", "environment": {variable: _text(other)}},
        {"config": "", "dotenv": f"{variable}={_text(other)}\n"},
    ):
        found = load(**given)
        value = getattr(getattr(found, table), key)
        assert (value, type(value)) == (other, kind)
        assert found.sources[f"{table}.{key}"] != "built-in"


def test_the_file_of_this_repository_shows_every_key():
    """config.toml comments each key with its built-in value: taking the marks away changes nothing."""
    text = (REPOSITORY / "config.toml").read_text(encoding="utf-8")
    for table, key, value in EVERY_KEY:
        literal = _literal(value)
        assert f"\n# {key} = {literal}\n" in text.partition(f"[{table}]")[2].partition("\n[")[0]


def test_nothing_is_needed(load):
    """Without a file, an environment or options the built-in values count, in the working folder."""
    found = load()
    assert (found.limits.concurrency, found.provider.timeout_s, found.retry.max_attempts) == (32, 600.0, 5)
    assert dict(found.defaults) == {}
    assert set(found.sources.values()) == {"built-in"}


UNKNOWN = [
    ({"config": "[limits]\nconcurency = 4\n"}, "config.toml: [limits] concurency", "[limits] concurrency"),
    ({"config": "[limit]\nconcurrency = 4\n"}, "config.toml: [limit] concurrency", "[limits] concurrency"),
    ({"config": "[limts]\nimages_per_minute = 4\n"}, "[limts] images_per_minute", "[limits] images_per_minute"),
    ({"config": "[sandbx]\nimages_per_minute = 4\n"}, "[sandbx] images_per_minute", "[sandbox] images_per_minute"),
    ({"config": "concurrency = 4\n"}, "config.toml: concurrency stands outside of a table", "[limits] concurrency"),
    ({"config": "[provider]\napi_key = 'x'\n"}, "[provider] api_key", "[provider] api_key_env"),
    ({"config": "[defaults]\nqualty = 'low'\n"}, "[defaults] qualty is not a field of a request", "[defaults] quality"),
    ({"config": "[defaults]\nquality_ = 'low'\n"}, "[defaults] quality_", "[defaults] quality"),
    ({"config": "[[limits]]\nconcurrency = 4\n"}, "limits stands outside", "[limits]"),
    (
        {"environment": {"BATCHGEN_LIMITS__CONCURENCY": "4"}},
        "environment: BATCHGEN_LIMITS__CONCURENCY",
        "BATCHGEN_LIMITS__CONCURRENCY",
    ),
    (
        {"environment": {"BATCHGEN_LIMITS_CONCURRENCY": "4"}},
        "environment: BATCHGEN_LIMITS_CONCURRENCY",
        "BATCHGEN_LIMITS__CONCURRENCY",
    ),
    ({"environment": {"BATCHGEN_DATABASE": "x"}}, "environment: BATCHGEN_DATABASE", "BATCHGEN_DATABASE__URL"),
    ({"environment": {"BATCHGEN_DEFAULTS__SIZES": "x"}}, "BATCHGEN_DEFAULTS__SIZES", "BATCHGEN_DEFAULTS__SIZE"),
    ({"dotenv": "BATCHGEN_STORAGE__ROT=x\n"}, ".env: BATCHGEN_STORAGE__ROT", "[storage] root"),
]


@pytest.mark.parametrize(("given", "place", "nearest"), UNKNOWN, ids=str)
def test_unknown_keys_name_the_nearest(load, given, place, nearest):
    """A typing error never means a built-in value in silence: it is an error with the place and the key that was meant."""
    with pytest.raises(SettingsError) as caught:
        load(**given)
    told, _, near = str(caught.value).partition("; the nearest is ")
    assert place in told
    assert nearest in near


BAD = [
    ({"config": "[limits]\nconcurrency = 0\n"}, "config.toml: [limits] concurrency = 0"),
    ({"config": "[limits]\nconcurrency = 1001\n"}, "config.toml: [limits] concurrency = 1001"),
    ({"config": "[limits]\nconcurrency = '4'\n"}, "config.toml: [limits] concurrency = '4'"),
    ({"config": "[limits]\nconcurrency = true\n"}, "config.toml: [limits] concurrency = True"),
    ({"config": "[limits]\nimages_per_minute = -1\n"}, "config.toml: [limits] images_per_minute = -1"),
    ({"config": "[provider]\ntimeout_s = 0\n"}, "config.toml: [provider] timeout_s = 0"),
    ({"config": "[provider]\ntimeout_s = nan\n"}, "config.toml: [provider] timeout_s = nan"),
    ({"config": "[retry]\nmax_attempts = 0\n"}, "config.toml: [retry] max_attempts = 0"),
    ({"config": "[retry]\nunknown = 'twice'\n"}, "config.toml: [retry] unknown = 'twice': must be retry or hold"),
    ({"config": "[provider]\nname = 'azure'\n"}, "config.toml: [provider] name = 'azure': must be openai or sandbox"),
    ({"config": "[provider]\nbase_url = 'localhost'\n"}, "config.toml: [provider] base_url = 'localhost': must begin with"),
    ({"config": "[storage]\nroot = 5\n"}, "config.toml: [storage] root = 5"),
    ({"config": "[prompts]\nblocked = 'gun'\n"}, "config.toml: [prompts] blocked = 'gun'"),
    (
        {"config": "[prompts]\nblocked = ['gun', ' ']\n"},
        "config.toml: [prompts] blocked: ' ' holds nothing that could be found",
    ),
    (
        {"config": "[prompts]\nmin_length = 9\nmax_length = 8\n"},
        "config.toml: [prompts] min_length = 9: is more than max_length",
    ),
    (
        {"config": "[defaults]\nquality = 'hd'\n"},
        "config.toml: [defaults] quality: hd: is a word of DALL-E; write high instead",
    ),
    ({"config": "[defaults]\nn = 'two'\n"}, "config.toml: [defaults] n: two: must be a whole number from 1 to 10"),
    ({"config": "[defaults]\nsize = [1024, 1024]\n"}, "config.toml: [defaults] size: [1024, 1024]: must be text"),
    ({"config": "[defaults]\nmodel = 5\n"}, "config.toml: [defaults] model: 5: must be text"),
    ({"config": "[defaults]\nuser = 2026-11-21\n"}, "config.toml: [defaults] user: 2026-11-21: must be text"),
    ({"config": "[limits\n"}, "config.toml: "),
    ({"environment": {"BATCHGEN_LIMITS__CONCURRENCY": "many"}}, "environment: [limits] concurrency = 'many'"),
    ({"environment": {"BATCHGEN_LIMITS__CONCURRENCY": ""}}, "environment: [limits] concurrency = ''"),
    ({"environment": {"BATCHGEN_RETRY__UNKNOWN": "no"}}, "environment: [retry] unknown = 'no'"),
    ({"environment": {"BATCHGEN_DEFAULTS__N": "11"}}, "environment: [defaults] n: 11: must be"),
    ({"environment": {"OPENAI_BASE_URL": "gateway"}}, "OPENAI_BASE_URL: [provider] base_url = 'gateway'"),
    ({"dotenv": "BATCHGEN_LIMITS__CONCURRENCY=-3\n"}, ".env: [limits] concurrency = '-3'"),
    ({"options": {"limits.concurrency": "x"}}, "option: [limits] concurrency = 'x'"),
]


@pytest.mark.parametrize(("given", "place"), BAD, ids=str)
def test_bad_values_name_their_place(load, given, place):
    """Which layer, which table, which key, and what stood there."""
    with pytest.raises(SettingsError) as caught:
        load(**given)
    assert place in str(caught.value)


def test_files_that_are_no_text_are_told(load, tmp_path):
    """A settings file or a .env in another encoding is an error with its path, not a crash."""
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe[limits]\n")
    with pytest.raises(SettingsError, match=r"config\.toml: "):
        load()
    (tmp_path / "config.toml").write_bytes(b"\xef\xbb\xbf[limits]\nconcurrency = 4\n")
    assert load().limits.concurrency == 4
    (tmp_path / ".env").write_bytes(b"OPENAI_API_KEY=\xe9\n")
    with pytest.raises(SettingsError, match=r"\.env: "):
        load()


def test_a_file_that_is_named_must_be_there(load, tmp_path):
    """config.toml may be missing; a file that was asked for may not."""
    with pytest.raises(SettingsError, match=r"there is no settings file other\.toml"):
        load(path=Path("other.toml"))
    (tmp_path / "other.toml").write_text("[limits]\nconcurrency = 9\n")
    assert load(config="[limits]\nconcurrency = 8\n", path=Path("other.toml")).limits.concurrency == 9


PATHS = 'url = "sqlite:///ledger.db?timeout=5"\n[storage]\nroot = "out/images"\n'


def test_relative_paths_are_relative_to_their_file(tmp_path):
    """cron, from any folder, finds the ledger and the images that a person finds beside the file."""
    home, cwd = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    cwd.mkdir()
    (home / "config.toml").write_text(f"[database]\n{PATHS}")
    for config in (home / "config.toml", Path("../home/config.toml")):
        found = loading.load(config, {}, {}, cwd)
        assert found.database.url == f"sqlite:///{home}/ledger.db?timeout=5"
        assert found.storage.root == f"{home}/out/images"
    (home / "config.toml").write_text("")
    found = loading.load(home / "config.toml", {}, {}, cwd)
    assert (found.database.url, found.storage.root) == (f"sqlite:///{home}/batchgen.db", f"{home}/images")
    assert loading.load(None, {}, {}, cwd).database.url == f"sqlite:///{cwd}/batchgen.db"


def test_relative_paths_from_elsewhere_are_those_of_the_working_folder(tmp_path):
    """What is typed or stands in the environment is meant from where the person is."""
    home, cwd = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    cwd.mkdir()
    (home / "config.toml").write_text(f"[database]\n{PATHS}")
    environment = {"BATCHGEN_STORAGE__ROOT": "pictures"}
    found = loading.load(home / "config.toml", {"database.url": "sqlite:///mine.db"}, environment, cwd)
    assert (found.database.url, found.storage.root) == (f"sqlite:///{cwd}/mine.db", f"{cwd}/pictures")


ABSOLUTE = [
    ("sqlite:////var/lib/ledger.db", "sqlite:////var/lib/ledger.db"),
    ("postgresql://me@host/name", "postgresql://me@host/name"),
    ("sqlite://", "sqlite://"),
    ("sqlite:///:memory:", "sqlite:///:memory:"),
    ("sqlite+pysqlite:///ledger.db", "sqlite+pysqlite:///{folder}/ledger.db"),
]


@pytest.mark.parametrize(("url", "expected"), ABSOLUTE)
def test_other_urls_are_kept(load, tmp_path, url, expected):
    """Only a relative file of SQLite is resolved."""
    assert load(config=f'[database]\nurl = "{url}"\n').database.url == expected.format(folder=tmp_path)


def test_defaults_take_every_field_of_a_request(load):
    """Texts become what their field takes, from the file as from a variable."""
    config = '[defaults]\nmodel = "gpt-image-2"\nn = 2\nsize = " auto "\nprompt = " A fox "\n'
    found = load(config=config, environment={"BATCHGEN_DEFAULTS__N": "3", "BATCHGEN_DEFAULTS__USER": "7"})
    assert dict(found.defaults) == {"model": "gpt-image-2", "n": 3, "size": "auto", "prompt": " A fox ", "user": "7"}
    assert found.sources["defaults.n"] == "environment"
    assert found.sources["defaults.model"].endswith("config.toml")


def test_secrets_come_from_the_environment_and_then_from_dotenv(load):
    """An empty variable is none; the file of settings is never asked."""
    found = load(dotenv="OPENAI_API_KEY=from-dotenv\nOTHER=o\n", environment={"OPENAI_API_KEY": "from-environment"})
    assert (found.secrets.reveal("OPENAI_API_KEY"), found.secrets.source("OPENAI_API_KEY")) == (
        "from-environment",
        "environment",
    )
    assert found.secrets.reveal("OTHER") == "o"
    found = load(environment={"OPENAI_API_KEY": ""})
    assert (found.secrets.reveal("OPENAI_API_KEY"), found.secrets.source("OPENAI_API_KEY")) == ("from-dotenv", ".env")
    assert (found.secrets.reveal("NONE"), found.secrets.source("NONE")) == ("", "")


def test_dotenv_is_taken_literally(load):
    """A key with a dollar sign is not taken for a variable."""
    assert load(dotenv="OPENAI_API_KEY=sk-$HOME-${HOME}\n").secrets.reveal("OPENAI_API_KEY") == "sk-$HOME-${HOME}"


def test_no_secret_is_in_any_text_of_the_settings(load):
    """Keys and passwords show in no repr, and not in the errors of settings."""
    environment = {
        "OPENAI_API_KEY": "sk-SECRET-1",
        "BATCHGEN_DATABASE__URL": "postgresql://me:SECRET-2@host/name",
        "ANOTHER": "SECRET-3",
    }
    found = load(environment=environment, dotenv="THIRD=SECRET-4\n")
    for part in (found, found.secrets, *(getattr(found, field.name) for field in fields(found))):
        assert "SECRET" not in repr(part)
        assert "SECRET" not in str(part)
    assert found.database.url.endswith("SECRET-2@host/name")
    with pytest.raises(SettingsError) as caught:
        load(environment={**environment, "OPENAI_BASE_URL": "me:SECRET-5@host", "BATCHGEN_LIMITS__CONCURRENCY": "x"})
    assert "SECRET" not in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        load(environment={**environment, "OPENAI_BASE_URL": "ftp://me:SECRET-5@host"})
    assert "SECRET" not in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        load(environment={**environment, "OPENAI_BASE_URL": "ftp://host/v1?key=SECRET-5#SECRET-5"})
    assert "SECRET" not in str(caught.value)
    with pytest.raises(SettingsError) as caught:
        load(environment={**environment, "OPENAI_BASE_URL": "http://me:SECRET#5@host/v1"})
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-live-SECRET", " OPENAI_API_KEY", "1SECRET", "SECRET=", "OPENAI_API_KEY\n"])
def test_a_key_in_place_of_the_name_of_its_variable_is_refused(load, key):
    """The message says where it stands and what belongs there, and not what was found."""
    with pytest.raises(SettingsError, match=r"environment: \[provider\] api_key_env must name the variable") as caught:
        load(environment={"BATCHGEN_PROVIDER__API_KEY_ENV": key})
    assert key not in str(caught.value)


@pytest.mark.parametrize("rest", ["?key=SECRET", "#SECRET", "?"])
def test_an_address_with_more_behind_it_is_refused(load, rest):
    """A path could not be put behind a query, and what stands in it may be a key."""
    with pytest.raises(SettingsError, match=r"base_url = 'http://h/v1': must end before") as caught:
        load(environment={"OPENAI_BASE_URL": f"http://h/v1{rest}"})
    assert "SECRET" not in str(caught.value)
