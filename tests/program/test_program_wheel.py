"""An installed program brings its migrations along."""

import subprocess
import sys
import zipfile
from pathlib import Path

from .conftest import REPOSITORY, clean_environment


def test_a_wheel_upgrades_its_own_database(tmp_path: Path) -> None:
    """The program out of a wheel, away from the checkout, makes and checks its database."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True)
    [wheel] = (tmp_path / "dist").glob("batchgen_images-*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    environment = {**clean_environment(), "PYTHONPATH": str(tmp_path / "installed"), "PYTHONSAFEPATH": "1"}
    for arguments in (["db", "upgrade"], ["db", "check"], ["status"]):
        done = subprocess.run(
            [sys.executable, "-m", "batchgen", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    where = "import batchgen.store.migrate as m; print(m.scripts_folder())"
    folder = subprocess.run(
        [sys.executable, "-c", where], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert Path(folder.stdout.strip()) == tmp_path / "installed" / "batchgen" / "migrations"
