"""Sources without compiled kernels that hide an installation with them: one notice, which says so and what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import tinygrad_cnn
from tinygrad_cnn.kernels import native
from tinygrad_cnn.kernels.native import shadow

pytestmark = pytest.mark.level("default")


@pytest.fixture(autouse=True)
def _no_wish_for_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clone has nothing compiled, so a compiled core must not be demanded of it."""
    monkeypatch.delenv("TINYGRAD_CNN_CORE", raising=False)


PACKAGE = Path(tinygrad_cnn.__file__).parent
SHOW = "from tinygrad_cnn.kernels import backends, native; print(native.available, native.reason, backends()['native'])"


def place(folder: Path, *, built: bool) -> Path:
    """A folder that looks as if it held the package, with or without compiled kernels."""
    kernels = folder / "tinygrad_cnn" / "kernels" / "native"
    kernels.mkdir(parents=True)
    if built:
        (kernels / f"_native{EXTENSION_SUFFIXES[0]}").touch()
    return folder


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the package, not built."""
    folder = tmp_path_factory.mktemp("clone")
    unbuilt = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(PACKAGE, folder / "tinygrad_cnn", ignore=unbuilt)
    (folder / "setup.py").touch()
    return folder


def python(*arguments: str, cwd: Path, path: Path | None = None, **environment: str) -> tuple[str, str]:
    """What Python prints when it is started in a folder: output and errors."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONSAFEPATH", "TINYGRAD_CNN_KERNELS")}
    env |= {"PYTHONDONTWRITEBYTECODE": "1", **({"PYTHONPATH": str(path)} if path else {}), **environment}
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def test_one_notice_names_both_folders_and_a_remedy(clone: Path, tmp_path: Path) -> None:
    site = place(tmp_path / "site", built=True)
    again = "; native._load(); import tinygrad_cnn as tg, numpy as np; tg.relu(np.ones(3))"
    out, err = python("-W", "always", "-c", SHOW + again, cwd=clone, path=site)
    assert err.count("RuntimeWarning") == 1 and "computes slowly" in err
    for text in (err, out):
        assert f"from {clone}, which has no compiled kernels" in text and f"installation in {site} has them" in text
        assert f'Start Python from another folder, or run: pip install -e "{clone}"' in text
    assert out.startswith("False not built: ") and "absent: not built: the package was imported from" in out


def test_info_says_so(clone: Path, tmp_path: Path) -> None:
    site = place(tmp_path / "site", built=True)
    out, _ = python("-m", "tinygrad_cnn", "info", cwd=clone, path=site)
    line = next(line for line in out.splitlines() if line.startswith("  native "))
    assert str(clone) in line and f"installation in {site} has them" in line


@pytest.mark.parametrize("name", ["numpy", "slow"])
def test_nothing_is_said_when_the_environment_asks_for_other_kernels(clone: Path, tmp_path: Path, name: str) -> None:
    site = place(tmp_path / "site", built=True)
    out, err = python("-c", SHOW, cwd=clone, path=site, TINYGRAD_CNN_KERNELS=name)
    assert err == "" and f"absent: the environment says TINYGRAD_CNN_KERNELS={name}" in out


@pytest.mark.skipif(not native.available, reason=f"compiled kernels: {native.reason}")
def test_nothing_is_said_about_an_installation_with_kernels(clone: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(PACKAGE, site / "tinygrad_cnn", ignore=shutil.ignore_patterns("__pycache__"))
    out, err = python("-W", "error", "-c", SHOW, cwd=tmp_path, path=site)
    assert out.startswith("True ") and out.endswith("in use\n") and err == ""
    _, err = python("-c", SHOW, cwd=clone, path=site)
    assert err.count("RuntimeWarning") == 1


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without kernels from which the package seems to have been imported, alone on sys.path."""
    folder = place(tmp_path / "imported", built=False)
    monkeypatch.setattr(shadow, "ROOT", folder)
    monkeypatch.setattr(shadow, "HERE", folder / "tinygrad_cnn" / "kernels" / "native")
    monkeypatch.setattr(sys, "path", [str(folder), str(tmp_path / "gone")])
    return folder


def test_nothing_is_hidden_where_there_is_one_package(imported: Path) -> None:
    assert shadow.notice() == ""


def test_an_installation_is_not_taken_for_sources(imported: Path, tmp_path: Path) -> None:
    sys.path.append(str(place(tmp_path / "site", built=True)))
    assert f"imported from {imported}," in shadow.notice()
    (imported / "tinygrad_cnn-0.1.0.dist-info").mkdir()
    assert shadow.notice() == ""


def test_an_installation_without_kernels_is_not_missed(imported: Path, tmp_path: Path) -> None:
    sys.path.append(str(place(tmp_path / "site", built=False)))
    assert shadow.notice() == ""


def test_without_setup_py_there_is_nothing_to_build(imported: Path, tmp_path: Path) -> None:
    sys.path.append(str(place(tmp_path / "site", built=True)))
    assert shadow.notice().endswith("Start Python from another folder")


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_another_way_to_the_same_folder_is_not_another_installation(imported: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(imported)
    (shadow.HERE / f"_native{EXTENSION_SUFFIXES[0]}").touch()
    sys.path.append(str(tmp_path / "link"))
    assert shadow.notice() == ""
