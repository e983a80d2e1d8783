"""Every command of a developer: `nox -l` lists them, `nox -s NAME -- ARGS` passes arguments on.

The packages are found below packages/, never listed here. Wheels are built once for each state of the sources and
kept in build/wheels, so that sessions share them. A wheel is always built from its sdist, and tests always run on what
was built, outside the source tree.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "virtualenv"

ROOT = Path(__file__).resolve().parent
BUILD = ROOT / "build"
CORE = ROOT / "packages" / "core"
# Core first, because the others' builds and dev trees need it.
PACKAGES = sorted(
    (path.parent for path in ROOT.glob("packages/*/pyproject.toml")),
    key=lambda package: (package != CORE, package.name),
)
CPP_SUFFIXES = {".h", ".hpp", ".cpp", ".cu", ".cuh"}


# ---- what a person runs ---------------------------------------------------------------------------


@nox.session
def quickstart(session: nox.Session) -> None:
    """Train a small convolutional network on handwritten digits; arguments go to the script."""
    install_packages(session, *group("quickstart"))
    session.run("python", "examples/quickstart.py", *session.posargs, env=clean_environment())


@nox.session
def dev(session: nox.Session) -> None:
    """Build the native parts into the source tree, for work in place; arguments go to CMake."""
    session.install(*group("native"), *group("test"), *dependencies(PACKAGES, extras=True))
    for package in PACKAGES:
        if (package / "CMakeLists.txt").exists():
            build = BUILD / package.name
            configure(session, package, build, import_folder(CORE), *session.posargs)
            session.run("cmake", "--build", str(build))
            session.run("cmake", "--install", str(build), "--prefix", str(install_prefix(package)))
        write_metadata(package)
    path = os.pathsep.join(str(package.relative_to(ROOT) / "src") for package in PACKAGES)
    session.log(f"now: export PYTHONPATH={path}")
    session.log(f"a Python with all that is needed: {session.bin}/python")


# ---- the gate -------------------------------------------------------------------------------------


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format of Python and C++; `-- --fix` repairs what can be repaired."""
    session.install(*group("lint"))
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")
    sources = [str(path) for path in cpp_sources()]
    if sources:
        session.run("clang-format", *(["-i"] if fix else ["--dry-run", "-Werror"]), *sources)
    for package in PACKAGES:
        # A real copy in each, since neither sdists nor wheels can reach above their own folder.
        if (package / "LICENSE").read_bytes() != (ROOT / "LICENSE").read_bytes():
            session.error(f"{package}/LICENSE differs from ./LICENSE: copy it again")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy, strictly, in every package and in this file."""
    session.install(*group("types"), *dependencies(PACKAGES, extras=True))
    environment = {"MYPYPATH": os.pathsep.join(str(package / "src") for package in PACKAGES)}
    names = [import_folder(package).name for package in PACKAGES]
    session.run("mypy", *(f"--package={name}" for name in names), env=environment)
    session.run("mypy", "noxfile.py")


@nox.session
@nox.parametrize("plugins", [nox.param(False, id="core-alone"), nox.param(True, id="all")])
def tests(session: nox.Session, plugins: bool) -> None:
    """Run the tests on built wheels: core with no plugin, then everything; arguments go to pytest."""
    if plugins:
        install_packages(session, *group("test"), extras=True)
        run_tests(session, PACKAGES)
    else:
        install_packages(session, *group("test"), packages=[CORE])
        run_tests(session, [CORE])


@nox.session
def docs(session: nox.Session) -> None:
    """Run every example in docstrings, and every Python block of the README and of docs/."""
    install_packages(session, *group("test"), extras=True)
    environment = {**clean_environment(), "PYTHONPATH": str(ROOT / "docs")}  # doctest_names
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("packages/*/README.md")]
    folder = Path(session.create_tmp()).resolve()
    with session.chdir(folder):
        for package in PACKAGES:
            arguments = ["-p", "doctest_names", "--doctest-modules"]
            arguments += ["--pyargs", import_folder(package).name]
            # 5: a package without a single example, such as one that only carries kernels.
            session.run(*pytest_command(), *arguments, env=environment, success_codes=[0, 5])
        for page in pages:
            if code := python_blocks(page.read_text("utf-8")):
                script = folder / f"{page.stem}.py"
                script.write_text(code, "utf-8")
                session.log(f"the Python blocks of {page.relative_to(ROOT)}")
                session.run("python", "-W", "error", str(script), env=environment)


@nox.session
def cpp(session: nox.Session) -> None:
    """Build the C++ example against the installed wheel, run it, and prove that it has no Python."""
    install_packages(session, "cmake>=3.26", "ninja>=1.11")
    folder = fresh(BUILD / "cpp-example")
    core = installed_folder(session, "penstock")
    session.run(
        *("cmake", "-S", "examples/cpp", "-B", str(folder), "-G", "Ninja"),
        *("-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_PREFIX_PATH={core}"),
    )
    session.run("cmake", "--build", str(folder))
    check_free_of_python(session, folder / "add")
    check_free_of_python(session, core / "lib" / "libpenstock.so")
    kernels = installed_folder(session, "penstock_kernels_cpu")
    library = next(kernels.rglob("libpenstock_kernels_cpu.so"))
    session.run(str(folder / "add"), env={"PENSTOCK_PLUGIN_PATH": str(library)}, external=True)


# ---- heavier checks, before an issue is called resolved -------------------------------------------


@nox.session
def wheels(session: nox.Session) -> None:
    """Put every wheel and sdist into dist/ and check what is inside, what it links to, how big it is."""
    install_packages(session, *group("wheels"))
    dist = fresh(ROOT / "dist")
    for package in PACKAGES:
        wheel = build_wheel(session, package)
        shutil.copy(next(wheel.parent.glob("*.tar.gz")), dist)
        if "linux" in wheel.name:
            # Finds the oldest Linux that the wheel runs on, and says so in its name (manylinux).
            session.run("auditwheel", "repair", "--wheel-dir", str(dist), str(wheel))
        else:
            shutil.copy(wheel, dist)
        for library in installed_folder(session, import_folder(package).name).rglob("lib*.so"):
            check_free_of_python(session, library)
    for built in sorted(dist.iterdir()):
        session.log(f"{built.name}: {built.stat().st_size / 1024:.0f} KiB")
    script = Path(session.create_tmp()).resolve() / "closure.py"
    script.write_text(MEASURE_CLOSURE, "utf-8")
    session.run("python", str(script), "penstock", "penstock-kernels-cpu")


@nox.session
def gen(session: nox.Session) -> None:
    """Write the table of ops that the C++ side reads; `-- --check` fails when it is out of date."""
    session.install(*dependencies([CORE]))
    # From the sources, because the table must be there before anything can be compiled.
    script = import_folder(CORE) / "_generate.py"
    session.run("python", str(script), *session.posargs, env=clean_environment())


@nox.session
def tidy(session: nox.Session) -> None:
    """Look for mistakes in the C++ with clang-tidy; arguments are patterns of file names."""
    packages = [package for package in PACKAGES if (package / "CMakeLists.txt").exists()]
    install_packages(session, *group("native"), *group("tidy"), packages=[CORE])
    core = installed_folder(session, "penstock")
    for package in packages:
        folder = BUILD / "tidy" / package.name
        configure(session, package, folder, core)
        keep_own_sources(folder / "compile_commands.json", package)
        session.run(
            *("run-clang-tidy.py", "-quiet", "-p", str(folder)),
            # The commands were written for GCC, whose warnings clang need not know.
            *("-extra-arg=-Wno-unknown-warning-option", "-extra-arg=-Wno-psabi"),
            *(session.posargs or [f"{package.name}/csrc/"]),
        )


@nox.session
def sanitize(session: nox.Session) -> None:
    """Run core's tests with the address and undefined-behaviour sanitizers; arguments go to pytest."""
    environment = {
        "LD_PRELOAD": runtime_libraries("libasan.so", "libstdc++.so"),
        # Python itself leaves memory behind at exit. Nothing else is forgiven.
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    run_sanitized(session, "address,undefined", environment)


@nox.session
def tsan(session: nox.Session) -> None:
    """Run core's tests with the thread sanitizer; arguments go to pytest."""
    suppressions = Path(session.create_tmp()).resolve() / "tsan.supp"
    # numpy's BLAS has threads of its own, which the sanitizer cannot see into.
    suppressions.write_text("called_from_lib:openblas\nrace:openblas\n", "utf-8")
    environment = {
        "LD_PRELOAD": runtime_libraries("libtsan.so", "libstdc++.so"),
        "TSAN_OPTIONS": f"halt_on_error=0:exitcode=66:suppressions={suppressions}",
        "OPENBLAS_NUM_THREADS": "1",
    }
    run_sanitized(session, "thread", environment)


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the tests with the lowest versions that the packages claim to work with."""
    lowest = [
        re.sub(r"^([\w.-]+)(\[[\w,]+\])?>=([\d.]+).*$", r"\1\2==\3", requirement)
        for requirement in dependencies(PACKAGES, extras=True)
    ]
    install_packages(session, *group("test"), *lowest, extras=True)
    run_tests(session, PACKAGES)


@nox.session
def bench(session: nox.Session) -> None:
    """Run benchmarks beside their peers; arguments are a script and its own, else all of them run."""
    install_packages(session, *group("bench"), extras=True)
    scripts = [*ROOT.glob("benchmarks/bench_*.py"), *ROOT.glob("packages/*/benchmarks/bench_*.py")]
    runs = [session.posargs] if session.posargs else [[str(script)] for script in sorted(scripts)]
    for run in runs:
        session.run("python", *run, env=clean_environment())


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
        environment: dict[str, str | None] = clean_environment()
        if package != CORE:
            # A plugin's build asks for penstock, and must get this tree's and never one from an index.
            core = build_wheel(session, CORE)
            constraints = Path(session.create_tmp()).resolve() / "constraints.txt"
            constraints.write_text(f"penstock @ {core.as_uri()}\n", "utf-8")
            environment["PIP_CONSTRAINT"] = str(constraints)
            environment["PIP_BUILD_CONSTRAINT"] = str(constraints)
        session.install(*group("build"))
        # Renamed at the end, so that a build that was broken off is never taken for a finished one.
        unfinished = fresh(folder.with_name(folder.name + ".part"))
        options = [f"--config-setting={setting}" for setting in settings]
        arguments = [f"--outdir={unfinished}", *options, str(package)]
        session.run("python", "-m", "build", *arguments, env=environment)
        unfinished.rename(folder)
    return next(folder.glob("*.whl"))


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


def run_tests(
    session: nox.Session, packages: list[Path], environment: dict[str, str] | None = None
) -> None:
    """Run each package's tests on what is installed, in an empty folder."""
    environment_all = {**clean_environment(), **(environment or {})}
    # With arguments a package may well have nothing that they select.
    success_codes = [0, 5] if session.posargs else [0]
    with session.chdir(session.create_tmp()):
        for package in packages:
            if any(package.glob("tests/**/test_*.py")):
                arguments = [str(package / "tests"), *session.posargs]
                session.run(
                    *pytest_command(),
                    *arguments,
                    env=environment_all,
                    success_codes=success_codes,
                )
            else:
                session.warn(f"{package.relative_to(ROOT)} has no tests")


def run_sanitized(session: nox.Session, sanitizers: str, environment: dict[str, str]) -> None:
    """Build core with sanitizers and run its tests."""
    settings = (
        f"cmake.define.PENSTOCK_SANITIZE={sanitizers}",
        "cmake.build-type=RelWithDebInfo",
        "install.strip=false",
    )
    install_packages(session, *group("test"), packages=[CORE], settings=settings)
    run_tests(session, [CORE], environment)


def runtime_libraries(*names: str) -> str:
    """Return the paths of the compiler's own libraries, as LD_PRELOAD wants them."""
    import subprocess

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


if __name__ == "__main__":
    nox.main()
