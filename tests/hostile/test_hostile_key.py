"""The key is written nowhere: every command, in success and in failure, at debug level, against servers that repeat it."""

import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import copied
import psycopg
import pytest
from scripted_server import echo, hang, image_body, images, reply, unused_port
from sqlalchemy.engine import make_url

from .conftest import KEY, Program, Server, Stage, clean_environment, prompts

# A part of the key is a leak as well, wherever something was cut off.
_PARTS = [KEY[start : start + 12].encode() for start in range(len(KEY) - 12)]
_DEBUG = {"PYTHONASYNCIODEBUG": "1"}

# What a server can do with a key: words, codes, headers, pages, broken answers, spelled in other letters, addresses.
_SPELLED = "".join(f"\\u{ord(letter):04x}" for letter in KEY[:20]) + KEY[20:]
_ERROR = '{"error": {"message": "no: KEY", "code": "KEY", "type": "KEY", "param": "KEY"}}'
_ECHOES = [
    echo(200, 'this is no JSON: KEY {"data": [KEY', {"x-request-id": "KEY"}),
    echo(200, '{"data": [], "KEY": "KEY"}', {"x-request-id": "KEY"}),
    echo(200, '{"data": [{"b64_json": "KEY"}]}', {"KEY": "KEY"}),
    echo(200, "<html>KEY" + " " * 990 + "KEYKEY</html>", {"Content-Type": "text/html"}),
    echo(400, _ERROR, {"x-request-id": "KEY"}),
    echo(400, '{"error": {"message": "' + "x" * 985 + ' KEY"}}'),
    echo(400, '{"error": {"message": "' + _SPELLED + '", "code": "moderation_blocked"}}'),
    echo(500, "KEY " * 300),
    echo(504, "KEY", {"x-request-id": "KEY"}),
]


def _holds_key(data: bytes) -> bool:
    return any(part in data for part in _PARTS)


@dataclass
class _Listener:
    """Runs commands at debug level, keeps all they say, and looks for the key in it and in every file."""

    program: Program
    said: dict[str, bytes] = field(default_factory=dict)

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,), **environment: str) -> str:
        """Any command, as verbose as it can be."""
        done = copied.run(["-v", *arguments], self.program.folder, {**self.program.environment, **_DEBUG, **environment})
        self.said[f"{len(self.said)} {' '.join(arguments)}"] = said = done.stdout + done.stderr
        assert done.returncode in codes, f"{arguments}: {done.returncode}\n{said.decode()}"
        return said.decode()

    def leaks(self) -> list[str]:
        """Commands and files in which a part of the key stands."""
        files = {str(path): path.read_bytes() for path in sorted(self.program.folder.rglob("*")) if path.is_file()}
        assert any(name.endswith("batchgen.db") for name in files)
        return [name for name, data in {**self.said, **files}.items() if _holds_key(data)]


def _every_look(listener: _Listener, name: str) -> None:
    """All commands that only look."""
    for arguments in (("status", name), ("failures", name), ("show", name, "row-6"), ("costs", "--by", "model")):
        listener.run(*arguments)
    for arguments in (("status",), ("failures", name), ("show", name, "row-1"), ("costs",)):
        listener.run(*arguments, "--json")
    listener.run("models")
    listener.run("config")
    listener.run("verify", codes=(0, 1))
    listener.run("export", name, "--format", "csv", "--to", "out.csv")
    listener.run("export", name, "--format", "jsonl")
    listener.run("db", "check")
    listener.run("db", "upgrade")


def test_servers_that_repeat_the_key_get_it_into_nothing(stage: Callable[..., Stage], tmp_path: Path) -> None:
    """Whatever a server does with the key, none of what is said, stored, kept, exported or logged holds a part of it."""
    server = stage(*_ECHOES, images(headers={"x-request-id": KEY}), then=echo(401, _ERROR, {"x-request-id": "KEY"}))
    listener = _Listener(server.client(tmp_path, BATCHGEN_RETRY__MAX_ATTEMPTS="1", BATCHGEN_RETRY__BACKOFF_BASE_S="0"))
    listener.program.write("signs.csv", prompts(len(_ECHOES) + 3))
    listener.run("submit", "signs.csv")
    assert "invalid_reply" in listener.run("run", "signs.csv", "--concurrency", "1", codes=(3,))
    assert len(server.server.seen) > len(_ECHOES)
    _every_look(listener, "signs")
    listener.run("run", "--json", codes=(3,))
    server.server.then = echo(302, "KEY", {"Location": f"http://127.0.0.1:{unused_port()}/KEY?KEY", "x-request-id": "KEY"})
    listener.run("resume", "signs", "--rejected", codes=(3,))
    listener.run("cancel", "signs")
    assert listener.leaks() == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(image_body([f"no image, but {KEY}".encode()]), id="as an image"),
        pytest.param('{"data": [{"url": 7, "words": "' + _SPELLED + '"}]}', id="in other letters"),
    ],
)
def test_a_reply_that_is_kept_does_not_hold_the_key(stage: Callable[..., Stage], tmp_path: Path, body: bytes | str) -> None:
    """What is kept because it cannot be understood holds no part of the key, however a server packed it."""
    listener = _Listener(stage(then=reply(200, body)).client(tmp_path, BATCHGEN_RETRY__MAX_ATTEMPTS="1"))
    listener.program.write("signs.csv", prompts(1))
    listener.run("run", "signs.csv", codes=(1,))
    assert listener.leaks() == []


def test_a_key_in_place_of_the_name_of_its_variable_is_not_said(program: Program) -> None:
    """Who writes the key where the name of the variable belongs is told so, without the key."""
    program.environment["BATCHGEN_PROVIDER__API_KEY_ENV"] = KEY
    program.write("signs.csv", prompts(1))
    for arguments in (("config",), ("run", "signs.csv")):
        done = program.run(*arguments, code=2)
        assert not _holds_key((done.stdout + done.stderr).encode())


def test_commands_that_fail_do_not_say_the_key(stage: Callable[..., Stage], tmp_path: Path) -> None:
    """Wrong usage, nobody listening, an error in the program itself with its traceback, a broken database: none tells it."""
    server = stage()
    listener = _Listener(server.client(tmp_path))
    write = listener.program.write
    write("signs.csv", prompts(2))
    write("bad.csv", "prompt,qualty,size\na cat,low,huge\n")
    write("key.toml", f'[provider]\napi_key = "{KEY}"\n')
    listener.run("run", "bad.csv", codes=(2,))
    listener.run("--config", "key.toml", "status", codes=(2,))
    (tmp_path / "key.toml").unlink()
    listener.run("run", "signs.csv", codes=(2,), OPENAI_API_KEY=f"{KEY}\n{KEY}")
    listener.run("run", "signs.csv", codes=(2,), BATCHGEN_OPENAI_API_KEY=KEY)
    listener.run("run", "signs.csv", codes=(2,), OPENAI_BASE_URL=f"http://user:{KEY}@127.0.0.1:1/v1")
    nobody = f"http://127.0.0.1:{unused_port()}/v1"
    assert "Connect" in listener.run("run", "signs.csv", codes=(3,), OPENAI_BASE_URL=nobody, BATCHGEN_RETRY__OFFLINE_S="0")
    listener.run("run", "signs.csv", codes=(3,), BATCHGEN_STORAGE__ROOT="signs.csv/images")
    for arguments in (("run", "--batch"), ("resume",), ("failures",)):
        listener.run(*arguments, "nobody", codes=(2,))
    listener.run("show", "signs", "nobody", codes=(2,))
    listener.run("export", "signs", "--format", "csv", "--to", "no/such/folder.csv", codes=(2,))
    with closing(sqlite3.connect(tmp_path / "batchgen.db")) as ledger, ledger:
        ledger.execute("UPDATE jobs SET request = '[]'")
    assert "Traceback" in listener.run("run", "--batch", "signs", codes=(3,))
    write("junk.db", "this is no database\n" * 500)
    for arguments in (("run", "signs.csv"), ("db", "check")):
        listener.run("--database", "sqlite:///junk.db", *arguments, codes=(2,))
    assert listener.leaks() == []


def test_a_simulated_api_does_not_keep_the_key(serve: Callable[..., Server], tmp_path: Path) -> None:
    """Neither the words nor the log of `batchgen sandbox` hold what it was sent."""
    program = Program(tmp_path, clean_environment(OPENAI_API_KEY=KEY, **_DEBUG))
    process = program.start("-v", "sandbox", "--port", "0", "--log", "log.jsonl", "--faults", "500=0.5", text=False)
    assert process.stdout is not None
    listener = _Listener(program)
    program.environment["OPENAI_BASE_URL"] = process.stdout.readline().decode().strip()
    program.write("signs.csv", prompts(3))
    listener.run("run", "signs.csv")
    listener.run("run", "signs.csv", "--provider", "sandbox")
    process.send_signal(signal.SIGTERM)
    listener.said["sandbox"] = b"".join(process.communicate(timeout=30))
    assert (tmp_path / "log.jsonl").stat().st_size > 0
    assert listener.leaks() == []


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are listed in /proc")
@pytest.mark.parametrize("source", ["environment", ".env"])
def test_while_a_run_is_in_flight_the_environment_is_the_only_place(
    stage: Callable[..., Stage], tmp_path: Path, source: str
) -> None:
    """While an answer is waited for, neither the list of processes nor any file shows the key; out of .env not even environ."""
    server = stage(then=hang())
    program = server.client(tmp_path)
    program.write("signs.csv", prompts(2))
    if source == ".env":
        del program.environment["OPENAI_API_KEY"]
        program.write(".env", f"OPENAI_API_KEY={KEY}\n")
    process = program.start("-v", "run", "signs.csv")
    server.arrived(2)
    place = Path("/proc") / str(process.pid)
    listed = (place / "cmdline").read_bytes() + (place / "comm").read_bytes()
    if shutil.which("ps"):
        listed += subprocess.run(["ps", "-Aww", "-o", "pid,args"], capture_output=True, check=True).stdout
    is_in_environment = _holds_key((place / "environ").read_bytes())
    names = {path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".env"}
    holding = [path.name for path in sorted(names) if _holds_key(path.read_bytes())]
    server.release()
    said = "".join(process.communicate(timeout=60))
    assert process.returncode == 0
    assert {"batchgen.db", "batchgen.db-wal"} <= {path.name for path in names}
    assert (_holds_key(listed), holding, _holds_key(said.encode())) == (False, [], False)
    assert is_in_environment == (source == "environment")


def test_postgresql_does_not_hold_the_key(stage: Callable[..., Stage], tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """No table of a ledger on PostgreSQL holds a part of the key after a server has repeated it in every way."""
    url = request.getfixturevalue("postgres").create()
    program = stage(*_ECHOES).client(tmp_path, BATCHGEN_RETRY__MAX_ATTEMPTS="1", BATCHGEN_DATABASE__URL=url)
    program.write("signs.csv", prompts(len(_ECHOES) + 1))
    said = program.run("-v", "run", "signs.csv", "--concurrency", "1", code=1)
    plain = make_url(url).difference_update_query(["options"]).render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [row for (name,) in names for row in connection.execute(f'SELECT t::text FROM "{name}" AS t').fetchall()]
    assert len(rows) > 2 * len(_ECHOES)
    assert not _holds_key(repr(rows).encode() + (said.stdout + said.stderr).encode())


_PASSWORD = "hunter2-Zq7vT2mX9w"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:{}@127.0.0.1:1/ledger",
        "postgresql://me:{}@127.0.0.1:99999/ledger",
        "mysql://me:{}@127.0.0.1/ledger",
        "postgresql://127.0.0.1:1/ledger?user=me&password={}",
        "postgresql://me@127.0.0.1:1/ledger?sslpassword={}",
        "postgresql://me:a@{}@127.0.0.1:1/ledger",
        "postgresql://me:{}@127.0.0.1:port/ledger",
        "postgresql://me:{}@127.0.0.1:1/ledger?nonsense=1",
    ],
)
def test_the_password_of_the_database_is_not_said(program: Program, url: str) -> None:
    """No command that cannot use a database says its password, wherever in the URL that stands."""
    program.environment |= {"BATCHGEN_DATABASE__URL": url.format(_PASSWORD), **_DEBUG}
    program.write("signs.csv", prompts(1))
    for arguments in (("run", "signs.csv", "--provider", "sandbox"), ("db", "check")):
        done = program.run("-v", *arguments, code=2)
        assert _PASSWORD not in done.stdout + done.stderr


def test_the_settings_are_shown_without_secrets(program: Program) -> None:
    """`batchgen config` says where the key comes from and stars in place of passwords."""
    database = f"postgresql://127.0.0.1:1/ledger?user=me&password={_PASSWORD}"
    program.environment |= {"OPENAI_API_KEY": KEY, "BATCHGEN_DATABASE__URL": database}
    shown = program.run("config").stdout + program.run("config", "--json").stdout
    assert "OPENAI_API_KEY" in shown
    assert _PASSWORD not in shown
    assert not _holds_key(shown.encode())
