"""libpenstock from C++: a graph built, printed and run by a program without Python."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import penstock

COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
pytestmark = [
    pytest.mark.compiler,
    pytest.mark.skipif(COMPILER is None, reason="no C++ compiler on this machine"),
]
PACKAGE = Path(penstock.__file__).parent

PROGRAM = r"""
#include <cstdio>
#include <cstring>
#include <penstock/penstock.hpp>
namespace api = penstock::api;

// The process's own kernel, linked in: negative in float32.
static int negate(penstock_call* call) {
  const float* x = static_cast<const float*>(call->inputs[0]->data);
  float* y = static_cast<float*>(call->outputs[0]->data);
  for (int64_t i = 0; i < call->inputs[0]->shape[0]; ++i) y[i] = -x[i];
  return PENSTOCK_OK;
}
PENSTOCK_PLUGIN_ENTRY(own)(penstock_registry* r) {
  penstock_kernel_def def{};
  def.head = {sizeof(def), PENSTOCK_ABI_MAJOR, PENSTOCK_ABI_MINOR, nullptr};
  def.op = "negative"; def.op_version = 1; def.device = "cpu"; def.dtypes = "f32"; def.run = negate;
  return r->add_kernel(r, &def);
}

template <typename Body>
void expect_error(Body body) {
  try {
    body();
    std::puts("no error");
  } catch (const std::exception& e) {
    std::puts(e.what());
  }
}

int main(int, char** argv) {
  api::load_plugin(argv[1]);
  api::Graph graph("g");
  api::Value x = graph.input<float>("x", {-1});
  graph.set_outputs({graph.call("negative", {graph.call("reshape", {x}, {{"shape", std::vector<int64_t>{-1}}})})});
  std::puts(graph.text().c_str());
  api::Plan plan(graph);
  for (int n = 1; n <= 3; ++n) {
    api::Tensor y = plan.run({api::Tensor::from<float>({n}, std::vector<float>(n, 2.5f))})[0];
    std::printf("%lld %g\n", (long long)y.size(), y.data<float>()[n - 1]);
  }
  expect_error([&] { graph.call("negatif", {x}); });
  expect_error([&] { graph.call("add", {x}); });
  expect_error([&] { plan.run({api::Tensor::from<float>({1, 1}, {1.0f})}); });
  expect_error([&] { plan.run({api::Tensor::from<int32_t>({1}, {1})}); });
  expect_error([&] { plan.run({}); });
  api::CancelToken token;
  plan.run({api::Tensor::from<float>({1}, {1.0f})}, 60.0, &token);
  token.cancel();
  expect_error([&] { plan.run({api::Tensor::from<float>({1}, {1.0f})}, 0, &token); });
  expect_error([&] { api::Plan(([] { static api::Graph g("h"); g.set_outputs({g.call("exp", {g.input<float>("x", {2})})}); return &g; })()[0]); });
  return 0;
}
"""


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("cpp")
    (folder / "main.cpp").write_text(PROGRAM)
    program, plugin = folder / "program", folder / "libown.so"
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{PACKAGE / 'include'}"]
    subprocess.run(
        [COMPILER, *flags, "-o", program, folder / "main.cpp", f"-L{PACKAGE / 'lib'}", "-lpenstock",
         f"-Wl,-rpath,{PACKAGE / 'lib'}"],
        check=True,
    )  # fmt: skip
    subprocess.run(
        [COMPILER, *flags, "-shared", "-fPIC", "-o", plugin, folder / "main.cpp"], check=True
    )
    needed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    assert "libpython" not in needed
    run = subprocess.run([program, plugin], capture_output=True, text=True, check=True)
    return run.stdout.splitlines()


def test_a_graph_is_built_printed_and_run_at_several_sizes(output: list[str]) -> None:
    assert output[:5] == [
        "graph g(%x: f32[n0]) {",
        "  %reshape: f32[n0] = reshape(%x, shape=(n0,))",
        "  %negative: f32[n0] = negative(%reshape)",
        "  return %negative",
        "}",
    ]
    assert output[5:8] == ["1 -2.5", "2 -2.5", "3 -2.5"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (8, 'there is no op "negatif"; did you mean "negative"'),
        (9, "[add] takes 2 inputs and got 1"),
        (10, "input 'x' has shape (1, 1); the graph expects (n0,)"),
        (11, "input 'x' is int32; the graph expects float32"),
        (12, "the graph takes 1 inputs and got 0"),
        (13, "the run was cancelled"),
        (14, "[exp] has no kernel on cpu:0 for (float32)"),
    ],
)
def test_mistakes_are_exceptions_with_a_reason(output: list[str], line: int, message: str) -> None:
    assert message in output[line]
