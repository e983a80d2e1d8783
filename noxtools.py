"""What noxfile.py is made of: how the packages below packages/ are found, built, installed and tested."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import nox

ROOT = Path(__file__).resolve().parent
BUILD = ROOT / "build"
CORE = ROOT / "packages" / "core"
# Core first, because the others' builds and dev trees need it.
PACKAGES = sorted(
    (path.parent for path in ROOT.glob("packages/*/pyproject.toml")),
    key=lambda package: (package != CORE, package.name),
)
CPP_SUFFIXES = {".h", ".hpp", ".cpp", ".cu", ".cuh"}


# ---- building and installing ----------------------------------------------------------------------


def build_wheel(session: nox.Session, package: Path, *settings: str) -> Path:
    """Return the package's wheel, built from its sdist, which lies beside it.

    Args:
        session: runs the build.
        package: a folder below packages/.
        settings: for the build backend, such as "cmake.build-type=Debug".
    """
    if os.environ.get("PENSTOCK_WERROR"):
        settings += ("cmake.define.PENSTOCK_WERROR=ON",)
    settings = settings if (package / "CMakeLists.txt").exists() else ()
    folder = BUILD / "wheels" / f"{package.name}-{source_key(package, settings)}"
    if not folder.exists():
        environment = clean_environment() if package == CORE else plugin_environment(session)
        session.install(*group("build"))
        # Renamed at the end, so that a build that was broken off is never taken for a finished one.
        unfinished = fresh(folder.with_name(folder.name + ".part"))
        options = [f"--config-setting={setting}" for setting in settings]
        arguments = [f"--outdir={unfinished}", *options, str(package)]
        session.run("python", "-m", "build", *arguments, env=environment)
        unfinished.rename(folder)
    return next(folder.glob("*.whl"))


def plugin_environment(session: nox.Session) -> dict[str, str | None]:
    """Return variables for the build of a plugin: it asks for penstock, and must get this tree's, never an index's."""
    core = build_wheel(session, CORE)
    constraints = Path(session.create_tmp()).resolve() / "constraints.txt"
    constraints.write_text(f"penstock @ {core.as_uri()}\n", "utf-8")
    return {
        **clean_environment(),
        "PIP_CONSTRAINT": str(constraints),
        "PIP_BUILD_CONSTRAINT": str(constraints),
    }


def install_packages(
    session: nox.Session,
    *requirements: str,
    packages: list[Path] | None = None,
    extras: bool = False,
    settings: tuple[str, ...] = (),
) -> None:
    """Install wheels of our packages (all, unless some are named) and further requirements."""
    built = []
    wanted = []
    for package in PACKAGES if packages is None else packages:
        wheel = build_wheel(session, package, *settings)
        built.append(str(wheel))
        names = ",".join(project(package).get("optional-dependencies", {})) if extras else ""
        wanted.append(f"{wheel}[{names}]" if names else str(wheel))
    session.install(*requirements, *wanted)
    # A new build has the old version's number, so pip would keep the old one.
    session.install("--no-deps", "--force-reinstall", *built)


def source_key(package: Path, settings: tuple[str, ...]) -> str:
    """Return a short name for this state of whatever goes into the package's wheel."""
    parts = [package]
    if package != CORE:
        parts += [CORE / "include", CORE / "cmake"]
    digest = hashlib.sha256(f"{sys.version} {os.environ.get('CXX')} {settings}".encode())
    for part in parts:
        for path in sorted(path for path in part.rglob("*") if path.is_file()):
            relative = path.relative_to(ROOT)
            if not {"tests", "benchmarks", "__pycache__"} & set(relative.parts) and not is_built(
                path
            ):
                digest.update(f"{relative}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def is_built(path: Path) -> bool:
    """Tell whether `nox -s dev` put this file beside the sources."""
    inside = path.relative_to(ROOT).parts[2:]  # after packages/<name>
    return path.suffix == ".so" or (
        inside[0] == "src"
        and (inside[1].endswith(".dist-info") or inside[2:3] in (("lib",), ("include",)))
    )


def configure(session: nox.Session, package: Path, folder: Path, core: Path, *options: str) -> None:
    """Run CMake's first half for one package; a plugin finds core's header below `core`."""
    needs = f"-DCMAKE_PREFIX_PATH={core}"
    if package == CORE:
        needs = f"-DPython_EXECUTABLE={session.bin}/python"
    session.run(
        *("cmake", "-S", str(package), "-B", str(folder), "-G", "Ninja", needs),
        *("-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *options),
    )


def write_metadata(package: Path) -> None:
    """Leave a .dist-info beside the sources, so that entry points are found there too."""
    metadata = project(package)
    folder = package / "src" / f"{import_folder(package).name}-{metadata['version']}.dist-info"
    folder.mkdir(exist_ok=True)
    text = f"Metadata-Version: 2.1\nName: {metadata['name']}\nVersion: {metadata['version']}\n"
    (folder / "METADATA").write_text(text, "utf-8")
    groups = dict(metadata.get("entry-points", {}), console_scripts=metadata.get("scripts", {}))
    lines = []
    for name, entries in groups.items():
        lines += [f"[{name}]", *(f"{key} = {value}" for key, value in entries.items())]
    (folder / "entry_points.txt").write_text("\n".join(lines) + "\n", "utf-8")


def fresh(folder: Path) -> Path:
    """Return the folder, made anew and empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


# ---- running and checking -------------------------------------------------------------------------


def pytest_command() -> list[str]:
    """Return the beginning of a pytest command that works from any folder."""
    return ["python", "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider"]


# Several processes at a time; the tests of a file stay together, since they may share what is slow to make.
PARALLEL = ("--numprocesses=auto", "--maxprocesses=4", "--dist=loadfile")


def run_tests(
    session: nox.Session,
    packages: list[Path],
    *options: str,
    environment: dict[str, str] | None = None,
) -> None:
    """Run each package's tests on what is installed, in an empty folder; `options` go to pytest."""
    environment_all = {**clean_environment(), **(environment or {})}
    # With arguments a package may well have nothing that they select.
    success_codes = [0, 5] if session.posargs else [0]
    with session.chdir(session.create_tmp()):
        for package in packages:
            if any(package.glob("tests/**/test_*.py")):
                arguments = [str(package / "tests"), *options, *session.posargs]
                session.run(
                    *pytest_command(),
                    *arguments,
                    env=environment_all,
                    success_codes=success_codes,
                )
            else:
                session.warn(f"{package.relative_to(ROOT)} has no tests")


def run_sanitized(session: nox.Session, sanitizers: str, environment: dict[str, str]) -> None:
    """Build the native packages with sanitizers and run their tests, the conformance kit among them."""
    settings = (
        f"cmake.define.PENSTOCK_SANITIZE={sanitizers}",
        "cmake.build-type=RelWithDebInfo",
        # Half the time to compile of -O2; the second lets multiplications and additions fuse, as in a release.
        "cmake.define.CMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -fexpensive-optimizations",
        "install.strip=false",
    )
    native = [package for package in PACKAGES if (package / "CMakeLists.txt").exists()]
    install_packages(session, *group("test"), extras=True, settings=settings)
    run_tests(session, native, "--penstock-level=smoke", environment=environment)


def runtime_libraries(*names: str) -> str:
    """Return the paths of the compiler's own libraries, as LD_PRELOAD wants them."""
    command = [os.environ.get("CXX", "c++")]
    return " ".join(
        subprocess.run(
            [*command, f"-print-file-name={name}"], check=True, capture_output=True, text=True
        ).stdout.strip()
        for name in names
    )


def check_free_of_python(session: nox.Session, binary: Path) -> None:
    """Stop the session if a library or program needs Python."""
    needed = str(session.run("ldd", str(binary), external=True, silent=True))
    symbols = str(
        session.run("nm", "-D", "--undefined-only", str(binary), external=True, silent=True)
    )
    if "libpython" in needed or re.search(r" _?Py[A-Z_]", symbols):
        session.error(f"{binary} needs Python")
    session.log(
        f"{binary.name} needs no Python: " + " ".join(re.findall(r"\S+\.so\S*(?= =>)", needed))
    )


def keep_own_sources(database: Path, package: Path) -> None:
    """Leave only the package's own files in compile_commands.json, without nanobind's."""
    commands = json.loads(database.read_text("utf-8"))
    own = [command for command in commands if Path(command["file"]).is_relative_to(package)]
    database.write_text(json.dumps(own), "utf-8")


def installed_folder(session: nox.Session, name: str) -> Path:
    """Return the folder of an installed package, without importing it."""
    code = f"import importlib.util as u; print(u.find_spec({name!r}).submodule_search_locations[0])"
    with session.chdir(session.create_tmp()):
        found = session.run("python", "-c", code, silent=True, env=clean_environment())
    return Path(str(found).strip())


def clean_environment() -> dict[str, str | None]:
    """Return variables that keep the source tree out of a session's imports."""
    return {"PYTHONPATH": None}


def python_blocks(text: str) -> str:
    """Return the ```python blocks of a page as one script; the lines keep their numbers."""
    lines = []
    inside = False
    for line in text.splitlines():
        if line.strip() == "```python":
            inside = True
            lines.append("")
        elif line.strip() == "```":
            inside = False
            lines.append("")
        else:
            lines.append(line if inside else "")
    script = "\n".join(lines)
    return script + "\n" if script.strip() else ""


# ---- what the packages say of themselves ----------------------------------------------------------


def project(package: Path) -> dict[str, Any]:
    """Return the [project] table of a package."""
    table: dict[str, Any] = tomllib.loads((package / "pyproject.toml").read_text("utf-8"))[
        "project"
    ]
    return table


def group(name: str) -> list[str]:
    """Return one of the dependency groups in the root's pyproject.toml."""
    return list(nox.project.dependency_groups(nox.project.load_toml(ROOT / "pyproject.toml"), name))


def dependencies(packages: list[Path], *, extras: bool = False) -> list[str]:
    """Return what the packages depend on, without each other."""
    found: list[str] = []
    for package in packages:
        table = project(package)
        found += table.get("dependencies", [])
        if extras:
            for names in table.get("optional-dependencies", {}).values():
                found += names
    return sorted({name for name in found if not re.match(r"penstock\b", name)})


def import_folder(package: Path) -> Path:
    """Return the folder that is imported; its name is derived from the distribution's."""
    return package / "src" / str(project(package)["name"]).replace("-", "_")


def install_prefix(package: Path) -> Path:
    """Return the folder below src/ that stands for the one into which the wheel's CMake installs."""
    table = tomllib.loads((package / "pyproject.toml").read_text("utf-8"))
    settings = table.get("tool", {}).get("scikit-build", {}).get("wheel", {})
    return package / "src" / str(settings.get("install-dir", ""))


def cpp_sources() -> list[Path]:
    """Return every C and C++ file that we wrote."""
    folders = [*ROOT.glob("packages/*/csrc"), *ROOT.glob("packages/*/include"), ROOT / "examples"]
    folders += ROOT.glob("templates/*/csrc")
    files = (path for folder in folders for path in folder.rglob("*"))
    return sorted(path for path in files if path.suffix in CPP_SUFFIXES)


MEASURE_CLOSURE = r"""
import re
import sys
from importlib.metadata import distribution

# What an installation of Penstock brings beyond numpy: walk down from our packages, not the session's tools.
sizes, waiting = {}, sys.argv[1:]
while waiting:
    name = re.match(r"[\w.-]+", waiting.pop())[0].replace("_", "-").lower()
    if name not in sizes and name != "numpy":
        found = distribution(name)
        paths = [path.locate() for path in found.files or [] if path.suffix != ".pyc"]
        sizes[name] = sum(path.stat().st_size for path in paths if path.exists())
        waiting += [text for text in found.requires or [] if ";" not in text]
        print(f"{name:28}{sizes[name] / 2**20:8.2f} MiB")
total = sum(sizes.values())
print(f"{'installed beyond numpy':28}{total / 2**20:8.2f} MiB")
assert total <= 25 * 2**20, "the closure of core and kernels-cpu must stay within 25 MiB"
"""
