"""The built wheel: its names, and that `twistd` finds both commands once it is installed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = "twisted/plugins/papertrader_plugins.py"
SECONDS_MAX = 120

pytestmark = pytest.mark.slow


@attrs.frozen
class Built:
    """The two files that `python -m build` makes."""

    wheel: Path
    source: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Both distributions, built from a clean copy of the sources: the wheel out of the sdist."""
    copy = tmp_path_factory.mktemp("build") / "copy"
    made = ("__pycache__", "*.pyc", "dropin.cache", "*.egg-info", "_trial_temp")
    for name in ("papertrader", "twisted", "specs", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns(*made))
    texts = ("README.rst", "CONTRIBUTING.rst", "LICENSE")
    for name in ("pyproject.toml", "setup.cfg", "MANIFEST.in", "Makefile", *texts):
        shutil.copy(ROOT / name, copy)
    # A cache that lies about must not get into the wheel.
    (copy / "twisted" / "plugins" / "dropin.cache").write_bytes(b"stale")
    # With new setuptools at hand the build needs no network.
    here = [] if int(version("setuptools").split(".")[0]) < 77 else ["--no-isolation"]
    run(sys.executable, "-m", "build", "--outdir", str(copy / "dist"), *here, str(copy), cwd=copy)
    (wheel,) = (copy / "dist").glob("*.whl")
    (source,) = (copy / "dist").glob("*.tar.gz")
    return Built(wheel, source)


@pytest.fixture(scope="module")
def python(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; its dependencies are those of the running one."""
    directory = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(directory, symlinks=True)
    python = directory / "bin" / "python"
    pip = pip_for(python)
    run(*pip, "install", "--no-deps", "--no-index", str(built.wheel), cwd=directory)
    # A plain line of a .pth file adds the directory alone: the editable install of the sources,
    # itself a .pth file in it, is not followed, so that only the wheel can be found.
    packages = next((directory / "lib").glob("python3*")) / "site-packages"
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def pip_for(python: Path) -> tuple[str, ...]:
    """The command that manages the packages of another environment than the running one."""
    options = ("--quiet", "--disable-pip-version-check", "--python", str(python))
    return (sys.executable, "-m", "pip", *options)


def run(*command: str, cwd: Path) -> str:
    """Run a program that must succeed and return what it printed."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environ = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_wheel_adds_one_name_to_twisted(built: Built) -> None:
    """Under ``twisted/`` the wheel has the plugin file and nothing that is Twisted's own."""
    with zipfile.ZipFile(built.wheel) as wheel:
        names = wheel.namelist()
    assert [name for name in names if name.startswith("twisted")] == [PLUGIN]
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"papertrader", "twisted"}


def test_wheel_has_every_module_and_the_data(built: Built) -> None:
    """Nothing of the package is left behind: modules, typing marker, market data, notice."""
    with zipfile.ZipFile(built.wheel) as wheel:
        names = set(wheel.namelist())
    for path in (ROOT / "papertrader").rglob("*"):
        if path.suffix in {".py", ".csv", ".gz", ".json", ".toml"} or path.name in {
            "py.typed",
            "NOTICE",
        }:
            assert str(path.relative_to(ROOT)) in names


def test_sdist_has_specifications_and_tests(built: Built) -> None:
    """Who gets the sources can read the specification and run the tests; no cache comes along."""
    with tarfile.open(built.source) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    here = str(Path(__file__).relative_to(ROOT))
    assert {here, "tests/conftest.py", "Makefile", "LICENSE", PLUGIN} <= names
    for path in (ROOT / "specs").rglob("*.rst"):
        assert str(path.relative_to(ROOT)) in names
    assert not [name for name in names if name.endswith(("dropin.cache", ".pyc"))]


def test_twistd_lists_both_commands(python: Path, tmp_path: Path) -> None:
    """From an empty directory ``twistd --help`` and ``twist --help`` list master and worker."""
    for name in ("twistd", "twist"):
        code = (
            "import sys; from importlib.metadata import entry_points;"
            f"sys.argv = ['{name}', '--help'];"
            f"entry_points(group='console_scripts')['{name}'].load()()"
        )
        output = run(str(python), "-I", "-c", code, cwd=tmp_path)
        assert "papertrader-master" in output
        assert "papertrader-worker" in output
        assert "Traceback" not in output
    assert list(tmp_path.iterdir()) == []


def test_commands_come_from_the_wheel(python: Path, tmp_path: Path) -> None:
    """The plugin that was listed is the wheel's copy, and Twisted's own file is untouched."""
    code = (
        "import papertrader, twisted.plugins as p, twisted.plugins.papertrader_plugins as q;"
        "print(papertrader.__file__); print(q.__file__); print(p.__file__)"
    )
    package, plugin, plugins = run(str(python), "-I", "-c", code, cwd=tmp_path).splitlines()
    environment = str(python.parents[1])
    assert package.startswith(environment)
    assert plugin.startswith(environment)
    from twisted import plugins as ours

    assert plugins == ours.__file__
    assert b"pluginPackagePaths" in Path(plugins).read_bytes()


def test_uninstalling_leaves_twisted_as_it_was(built: Built, tmp_path: Path) -> None:
    """Installing us beside Twisted and removing us again changes none of Twisted's files."""
    import twisted

    target = tmp_path / "venv"
    venv.create(target, symlinks=True)
    packages = next((target / "lib").glob("python3*")) / "site-packages"
    for name in ("__init__.py", "plugins/__init__.py", "plugin.py"):
        place = packages / "twisted" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(twisted.__file__).parent / name, place)
    before = fingerprints(packages / "twisted")
    pip = pip_for(target / "bin" / "python")
    run(*pip, "install", "--no-deps", "--no-index", str(built.wheel), cwd=tmp_path)
    assert set(fingerprints(packages / "twisted")) == {*before, "plugins/papertrader_plugins.py"}
    run(*pip, "uninstall", "--yes", "papertrader", cwd=tmp_path)
    assert fingerprints(packages / "twisted") == before


def fingerprints(directory: Path) -> dict[str, str]:
    """Hash each source file below a directory."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*.py")
    }
