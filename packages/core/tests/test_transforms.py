"""Transforms of models: each keeps what is computed, checked against the model before it, and against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import transforms
from penstock.saved import GraphFunction, GraphModel

RNG = np.random.default_rng(3)


def random(*shape: int) -> np.ndarray[Any, Any]:
    return RNG.normal(size=shape).astype(np.float32)


def model_of(
    fn: Any, *inputs: tuple[str, tuple[Any, ...]], variables: dict[str, ps.Variable] | None = None
) -> GraphModel:
    """Build a model of one function of float32 inputs."""
    with ps.Graph().as_default() as graph:
        xs = [ps.placeholder("float32", shape, name=name) for name, shape in inputs]
        result = fn(*xs)
    graph.inputs = xs
    graph.outputs = [result] if isinstance(result, ps.Tensor) else list(result)
    return GraphModel({"main": GraphFunction(graph)}, variables)


def ops_of(model: GraphModel) -> list[str]:
    return [node.op for node in model.default.graph.nodes]


def norm_parts(channels: int) -> list[np.ndarray[Any, Any]]:
    mean, scale, offset = (random(channels) for _ in range(3))
    return [mean, np.abs(random(channels)) + 0.5, scale, offset]


def conv(x: Any, w: Any) -> Any:
    return ps.nn.conv2d(x, w, padding="same")


def depthwise(x: Any, w: Any) -> Any:
    return ps.nn.depthwise_conv2d(x, w, strides=(2, 2), padding="same")


def dense_transposed(x: Any, w: Any) -> Any:
    return ps.matmul(x, w, transpose_y=True)


LAYERS = [
    (conv, (3, 3, 4, 5), ("n", 7, 6, 4), 5),
    (depthwise, (3, 3, 4, 2), ("n", 7, 6, 4), 8),
    (ps.matmul, (4, 6), ("n", 4), 6),
    (dense_transposed, (6, 4), ("n", 3, 4), 6),
    (lambda x, w: ps.nn.conv3d(x, w), (2, 2, 2, 4, 3), ("n", 4, 4, 4, 4), 3),
]


@pytest.mark.parametrize("variable", [True, False])
@pytest.mark.parametrize(("layer", "shape", "input_shape", "channels"), LAYERS)
def test_batch_norm_is_folded_into_the_layer_before(
    layer: Any, shape: Any, input_shape: Any, channels: int, variable: bool
) -> None:
    w = ps.Variable(random(*shape), name="net/kernel") if variable else ps.asarray(random(*shape))
    bias, parts = random(channels), norm_parts(channels)
    model = model_of(
        lambda x: ps.nn.relu(ps.nn.batch_norm_inference(layer(x, w) + bias, *parts)),
        ("x", input_shape),
        variables={"net/kernel": w} if isinstance(w, ps.Variable) else None,
    )
    folded = transforms.fold_batch_norm(model)
    x = random(2, *input_shape[1:])
    np.testing.assert_allclose(folded(x), model(x), rtol=2e-5, atol=2e-5)
    assert "multiply" not in ops_of(folded)
    assert ops_of(folded).count("add") == 1
    assert set(folded.variables) == ({"net/kernel", "net/folded_offset"} if variable else set())
    with ps.GradientTape() as tape:
        loss = ps.sum(folded(x))
    gradients = tape.gradient(loss, list(folded.variables.values()))
    assert all(np.abs(g.numpy()).sum() > 0 for g in gradients)  # trainable further


def test_folding_agrees_with_torch() -> None:
    torch = pytest.importorskip("torch")
    layer, norm = torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)
    with torch.no_grad():
        for p in (norm.weight, norm.bias, norm.running_mean):
            p.copy_(torch.as_tensor(random(4)))
        norm.running_var.copy_(torch.as_tensor(np.abs(random(4)) + 0.1))
    images = random(2, 8, 8, 3)
    expected = norm.eval()(layer(torch.as_tensor(images.transpose(0, 3, 1, 2)))).detach().numpy()
    w = layer.weight.detach().numpy().transpose(2, 3, 1, 0)
    parts = [
        p.detach().numpy() for p in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    ]
    model = model_of(
        lambda x: ps.nn.batch_norm_inference(
            ps.nn.conv2d(x, w) + layer.bias.detach().numpy(), *parts, epsilon=norm.eps
        ),
        ("x", ("n", 8, 8, 3)),
    )
    folded = transforms.simplify(transforms.fold_batch_norm(model))
    assert ops_of(folded) == ["placeholder", "constant", "conv2d", "constant", "add"]
    np.testing.assert_allclose(folded(images), expected.transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-5)


def test_what_is_used_twice_or_is_not_per_channel_stays() -> None:
    w, scale = ps.asarray(random(4, 4)), ps.asarray(random(4))
    twice = model_of(lambda x: (x @ w, (x @ w) * scale), ("x", ("n", 4)))
    rows = model_of(lambda x: (x @ w) * random(3, 1), ("x", (3, 4)))
    inputs = model_of(lambda x, s: (x @ w) * s, ("x", ("n", 4)), ("s", (4,)))

    def both(x: Any) -> Any:
        t = x @ w
        return t, t * scale

    shared = model_of(both, ("x", ("n", 4)))
    for model in (rows, inputs, shared):
        assert "multiply" in ops_of(transforms.fold_batch_norm(model))
    assert "multiply" not in ops_of(transforms.fold_batch_norm(twice))  # two products, one scaled
    x = random(3, 4)
    for model in (rows, twice, shared):
        before, after = (
            [*m.default.run([ps.asarray(x)])] for m in (model, transforms.fold_batch_norm(model))
        )
        for a, b in zip(before, after, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "step",
    [
        lambda t, v: v - t,
        lambda t, v: t - v,
        lambda t, v: t / v,
        lambda t, v: v * t,
        lambda t, v: (t * v - v) / v + v,
    ],
)
def test_every_spelling_of_a_scale_is_folded(step: Any) -> None:
    w, v = ps.asarray(random(3, 4)), ps.asarray(np.abs(random(4)) + 1)
    model = model_of(lambda x: step(x @ w, v), ("x", ("n", 3)))
    folded = transforms.fold_batch_norm(model)
    x = random(5, 3)
    np.testing.assert_allclose(folded(x), model(x), rtol=1e-4, atol=1e-5)
    if ops_of(model).count("add") == 0 or "multiply" in ops_of(model):
        assert not {"multiply", "divide", "subtract"} & set(ops_of(folded)) or step(2.0, 1.0) == 1.0


def test_weights_that_two_functions_share_stay_shared() -> None:
    w, scale = ps.Variable(random(3, 3), name="w"), ps.asarray(random(3))
    one = model_of(lambda x: (x @ w) * scale, ("x", ("n", 3)), variables={"w": w})
    two = model_of(lambda x: ps.exp((x @ w) * scale), ("x", ("n", 3)))
    other = model_of(lambda x: (x @ w) * 2.0, ("x", ("n", 3)))
    functions = {"one": one.default, "two": two.default, "other": other.default}
    folded = transforms.fold_batch_norm(GraphModel(functions, {"w": w}))
    assert set(folded.variables) == {"w", "w_1", "w_folded_offset", "w_folded_offset_1"}
    x = random(2, 3)
    for name, f in folded.functions.items():
        np.testing.assert_allclose(f(x), functions[name](x), rtol=1e-5)


def test_a_weight_that_something_else_uses_too_keeps_its_name() -> None:
    w, scale = ps.Variable(random(3, 3), name="w"), ps.asarray(random(3))
    model = model_of(
        lambda x: ((x @ w) * scale, x @ w, ps.sum(w)), ("x", ("n", 3)), variables={"w": w}
    )
    folded = transforms.fold_batch_norm(model)
    assert set(folded.variables) == {"w", "w_1", "w_folded_offset"}
    assert folded.variables["w"] is w
    x = ps.asarray(random(2, 3))
    for a, b in zip(folded.default.run([x]), model.default.run([x]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert transforms.freeze(folded).variables == {}


def test_a_scale_without_a_finite_factor_stays() -> None:
    for step in (lambda y: y / ps.asarray([0.0, 2.0]), lambda y: y * ps.asarray([np.inf, 2.0])):
        model = model_of(lambda x, step=step: step(x @ ps.asarray(random(3, 2))), ("x", ("n", 3)))
        folded = transforms.fold_batch_norm(model)
        assert ops_of(folded) == ops_of(model)


def test_long_chains_of_constants_are_folded() -> None:
    def fn(x: Any) -> Any:
        scale = w.value[0]
        for _ in range(3000):
            scale = scale + 0.001
        return (x @ w) * scale

    w = ps.Variable(random(3, 3), name="w")
    model = model_of(fn, ("x", ("n", 3)), variables={"w": w})
    x = random(2, 3)
    folded = transforms.fold_batch_norm(model)
    np.testing.assert_allclose(folded(x).numpy(), model(x).numpy(), rtol=1e-4, atol=1e-4)


def test_frozen_models_keep_their_values_and_lose_train_steps() -> None:
    w, b = ps.Variable(random(2, 2), name="w"), ps.Variable(random(2), name="b")
    model = model_of(lambda x: x @ w + b, ("x", ("n", 2)), variables={"w": w, "b": b})
    step = model_of(lambda x: w.assign(w * ps.sum(x)), ("x", ("n",)))
    model = GraphModel({**model.functions, "step": step.default}, model.variables)
    frozen, partly = transforms.freeze(model), transforms.freeze(model, ["b"])
    x = random(3, 2)
    before = model(x).numpy()
    model.functions["step"]([2.0])
    np.testing.assert_array_equal(frozen(x), before)
    assert (list(frozen.functions), list(frozen.variables)) == (["main"], [])
    assert (list(partly.functions), list(partly.variables)) == (["main", "step"], ["w"])
    np.testing.assert_array_equal(partly(x), model(x))
    with pytest.raises(ValueError, match=r"no variable 'bb'; did you mean 'b'\?"):
        transforms.freeze(model, ["bb"])
    only_step = GraphModel({"step": step.default}, {"w": w})
    for transform in (transforms.freeze, transforms.strip_training):
        with pytest.raises(ps.errors.GraphError, match="only reads them"):
            transform(only_step)


def test_variables_inside_loops_are_frozen_too() -> None:
    w = ps.Variable([2.0], name="w")
    model = model_of(
        lambda x: ps.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * w), (0, x))[1],
        ("x", (1,)),
        variables={"w": w},
    )
    frozen = transforms.freeze(model)
    w.assign([0.0])
    assert frozen([1.0]).tolist() == [8.0]


def test_training_is_stripped() -> None:
    def forward(x: Any) -> Any:
        y = ps.nn.dropout(x, 0.25)
        y = ps.nn.dropout(y, 0.5, noise_shape=(y.shape[0], 1), seed=3)
        return ps.tanh(ps.stop_gradient(y)) + ps.random.uniform((), seed=1)

    stripped = transforms.strip_training(model_of(forward, ("x", ("n", 4))))
    assert [op for op in ops_of(stripped) if op not in ("constant", "placeholder")] == [
        "tanh",
        "random_uniform",  # not dropout's
        "add",
    ]
    x = random(3, 4)
    np.testing.assert_array_equal(stripped(x) - ps.tanh(x) > 0, np.ones((3, 4), bool))


def test_a_part_is_extracted() -> None:
    w = ps.Variable(random(3, 3), name="w")

    def forward(x: Any, s: Any) -> Any:
        with ps.name_scope("block1"):
            y = ps.nn.relu(x @ w)
        with ps.name_scope("block2"):
            return ps.nn.softmax(y * s)

    model = model_of(forward, ("x", ("n", 3)), ("s", ()), variables={"w": w})
    features = transforms.extract(model.default, {"features": "block1/relu"})
    x = random(2, 3)
    assert list(features.inputs) == ["x"]  # s is not needed
    np.testing.assert_array_equal(features(x), ps.nn.relu(x @ w))
    rest = transforms.extract(
        model.default, ["block2/softmax"], {"features": "block1/relu", "s": "s"}
    )
    np.testing.assert_array_equal(rest(features(x), 2.0), model(x, 2.0))
    with pytest.raises(ps.errors.GraphError, match="also need the input s; add it to inputs"):
        transforms.extract(model.default, ["block2/softmax"], ["block1/relu"])
    with pytest.raises(ValueError, match=r"no tensor 'block1/relo'; did you mean 'block1/relu'"):
        transforms.extract(model.default, "block1/relo")


def test_names_are_changed_everywhere() -> None:
    w = ps.Variable(random(3, 3), name="net/w")

    def forward(x: Any) -> Any:
        with ps.name_scope("net"):
            return ps.while_loop(lambda y: ps.sum(y) < 3, lambda y: (ps.abs(y @ w) + 1,), (x,))

    model = model_of(forward, ("x", (2, 3)), variables={"net/w": w})
    renamed = transforms.rename(
        model, {"^net/": "body/", "^x$": "image"}, functions={"main": "serve"}
    )
    assert list(renamed.functions) == ["serve"]
    assert list(renamed.default.inputs) == ["image"]
    assert list(renamed.variables) == ["body/w"]
    assert "%net/" not in renamed.default.graph.text()
    x = random(2, 3)
    np.testing.assert_array_equal(renamed(x), model(x))
    renamed.variables["body/w"].assign(np.zeros((3, 3), np.float32))
    assert w.numpy().any()  # another variable
    with pytest.raises(ValueError, match="would be called 'y'; give each a name of its own"):
        transforms.rename(model_of(lambda a, b: a + b, ("a", ()), ("b", ())), {"^[ab]$": "y"})
    with pytest.raises(ValueError, match="is no regular expression"):
        transforms.rename(model, {"(": ""})


def test_patterns_are_replaced() -> None:
    def gelu(x: Any) -> Any:
        return 0.5 * x * (1.0 + ps.tanh(0.79788456 * (x + 0.044715 * x * x * x)))

    w = ps.asarray(random(3, 3))
    model = model_of(lambda x: gelu(gelu(x) @ w) + ps.tanh(x), ("x", ("n", 3)))
    example = [ps.ones((2, 4))]
    made, count = transforms.replace(
        model, gelu, lambda x: ps.nn.gelu(x, approximate=True), example
    )
    assert count == 2
    assert ops_of(made).count("gelu") == 2
    x = random(4, 3)
    np.testing.assert_allclose(made(x), model(x), rtol=1e-5, atol=1e-6)
    none, count = transforms.replace(model, gelu, lambda x: x, example, where=lambda x: x.ndim == 3)
    assert count == 0
    assert ops_of(none) == ops_of(model)


def test_a_pattern_with_an_input_twice_needs_the_same_tensor() -> None:
    model = model_of(lambda x, y: (x * ps.exp(y), y * ps.exp(y)), ("x", ("n",)), ("y", ("n",)))
    made, count = transforms.replace(
        model, lambda t: t * ps.exp(t), lambda t: t * 0.0, [ps.ones((2,))]
    )
    first, second = made([1.0, 1.0], [2.0, 2.0]).values()
    assert count == 1
    assert first[0] > 7
    assert second.tolist() == [0.0, 0.0]


def test_replacements_are_checked() -> None:
    model = model_of(lambda x: ps.exp(x), ("x", ("n",)))
    example = [ps.ones((2,))]
    with pytest.raises(ps.errors.GraphError, match="cast or reshape it"):
        transforms.replace(model, ps.exp, lambda x: ps.sum(x), example)
    with pytest.raises(ValueError, match="must compute one tensor"):
        transforms.replace(model, lambda x: x, ps.exp, example)


def test_cost_counts_what_is_known_of_a_network() -> None:
    kernels = {"a": (3, 3, 3, 8), "b": (3, 3, 8, 1), "c": (8, 10)}
    variables = {name: ps.Variable(random(*shape), name=name) for name, shape in kernels.items()}

    def forward(x: Any) -> Any:
        with ps.name_scope("stem"):
            x = conv(x, variables["a"])
            with ps.name_scope("inner"):
                x = depthwise(x, variables["b"])
        return ps.mean(x, (1, 2)) @ variables["c"]

    model = model_of(forward, ("x", ("batch", 16, 16, 3)), variables=variables)
    found = transforms.cost(model.default, {"batch": 4})
    conv_flops = 2 * 4 * 16 * 16 * 8 * 27
    depthwise_flops = 2 * 4 * 8 * 8 * 8 * 9
    assert found.scopes["stem/inner"].flops == depthwise_flops
    assert found.scopes["stem"].flops == conv_flops + depthwise_flops
    assert found.total.parameters == sum(int(np.prod(s)) for s in kernels.values())
    assert found.total.flops == conv_flops + depthwise_flops + 4 * 8 * 8 * 8 + 2 * 4 * 80
    assert "stem/inner" in str(found)
    assert [name for name, _ in found.rows(depth=1)] == ["", "stem"]
    with pytest.raises(ValueError, match="named sizes are batch"):
        transforms.cost(model.default, {"bach": 4})


@pytest.mark.parametrize("name", ["freeze", "fold_batch_norm", "simplify", "strip_training"])
def test_only_models_are_transformed(name: str) -> None:
    with pytest.raises(TypeError, match=r"expected a GraphModel: penstock.load\(path\) gives one"):
        getattr(transforms, name)(ps.Graph())
