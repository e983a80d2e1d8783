"""Recurrent networks, CTC, sampled losses and decoding against PyTorch and against enumeration."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import penstock as ps
from penstock import nn

torch = pytest.importorskip("torch")
F = torch.nn.functional


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def reorder(w: Any, order: list[int]) -> Any:
    """PyTorch's [gates * units, n] as [n, gates * units] in another order of gates."""
    parts = np.split(w.detach().numpy(), len(order), 0)
    return np.concatenate([parts[i] for i in order], 0).T


def check(layer: Any, run: Any, x: Any, states: Any, order: list[int]) -> None:
    """Compare values and all gradients of one layer."""
    names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    weights = [reorder(getattr(layer, n), order) for n in names]
    tx = torch.tensor(x, requires_grad=True)
    ts = [torch.tensor(s, requires_grad=True) for s in states]
    out, _ = layer(tx, tuple(s[None] for s in ts) if len(ts) > 1 else ts[0][None])
    mix = np.random.default_rng(0).normal(size=out.shape)
    (out * torch.asarray(mix)).sum().backward()
    np.testing.assert_allclose(
        run(x, *weights, *states)[0].numpy(), out.detach().numpy(), rtol=1e-9
    )
    gradients = ps.grad(
        lambda *args: ps.sum(run(*args)[0] * mix), argnums=tuple(range(5 + len(states)))
    )(ps.asarray(x), *map(ps.asarray, weights), *map(ps.asarray, states))
    theirs = [
        tx.grad,
        *(reorder(getattr(layer, n).grad, order) for n in names),
        *(s.grad for s in ts),
    ]
    for ours, t in zip(gradients, theirs, strict=True):
        np.testing.assert_allclose(ours.numpy(), np.asarray(t), rtol=1e-8, atol=1e-10)


def test_lstm(rng: np.random.Generator) -> None:
    layer = torch.nn.LSTM(3, 4, batch_first=True, dtype=torch.float64)
    states = rng.normal(size=(2, 5, 4))

    def run(x: Any, k: Any, r: Any, b: Any, rb: Any, h: Any, c: Any) -> Any:
        return nn.lstm(x, k, r, ps.add(b, rb), (h, c))

    check(layer, run, rng.normal(size=(5, 6, 3)), list(states), [0, 1, 2, 3])


def test_gru(rng: np.random.Generator) -> None:
    layer = torch.nn.GRU(3, 4, batch_first=True, dtype=torch.float64)

    def run(x: Any, k: Any, r: Any, b: Any, rb: Any, h: Any) -> Any:
        return nn.gru(x, k, r, b, rb, h)

    check(layer, run, rng.normal(size=(5, 6, 3)), [rng.normal(size=(5, 4))], [1, 0, 2])


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_simple_rnn(rng: np.random.Generator, activation: str) -> None:
    layer = torch.nn.RNN(3, 4, nonlinearity=activation, batch_first=True, dtype=torch.float64)

    def run(x: Any, k: Any, r: Any, b: Any, rb: Any, h: Any) -> Any:
        return nn.simple_rnn(x, k, r, ps.add(b, rb), h, activation=activation)

    check(layer, run, rng.normal(size=(5, 6, 3)), [rng.normal(size=(5, 4))], [0])


def test_bidirectional_lstm(rng: np.random.Generator) -> None:
    layer = torch.nn.LSTM(3, 4, batch_first=True, bidirectional=True, dtype=torch.float64)
    x = rng.normal(size=(2, 6, 3))
    want, (h, _) = layer(torch.asarray(x))

    def weights(suffix: str) -> tuple[Any, ...]:
        k, r, b, rb = (
            getattr(layer, f"{n}_l0{suffix}").detach().numpy().T
            for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        return k, r, b + rb

    got, (last, first) = nn.bidirectional(nn.lstm, x, weights(""), weights("_reverse"))
    np.testing.assert_allclose(got.numpy(), want.detach().numpy())
    np.testing.assert_allclose(last[0].numpy(), h[0].detach().numpy())
    np.testing.assert_allclose(first[0].numpy(), h[1].detach().numpy())


@pytest.mark.parametrize("cell", ["lstm", "gru", "simple_rnn"])
def test_masked_steps_are_as_if_they_were_not_there(rng: np.random.Generator, cell: str) -> None:
    gates = {"lstm": 4, "gru": 3, "simple_rnn": 1}[cell]
    x, k, r = (
        rng.normal(size=(2, 5, 3)),
        rng.normal(size=(3, 4 * gates)),
        rng.normal(size=(4, 4 * gates)),
    )
    mask = np.array([[1, 0, 1, 1, 0], [1, 0, 1, 1, 0]], bool)
    run = getattr(nn, cell)
    got = run(x, k, r, mask=mask)[0].numpy()
    want = run(x[:, mask[0]], k, r)[0].numpy()
    np.testing.assert_allclose(got[:, mask[0]], want)
    np.testing.assert_array_equal(got[:, 1], got[:, 0])
    back = run(x, k, r, mask=mask, go_backwards=True)[0].numpy()
    np.testing.assert_allclose(back[:, -1], run(x[:, mask[0]][:, ::-1], k, r)[0].numpy()[:, -1])


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_traced_with_symbolic_sizes(rng: np.random.Generator, cell: str) -> None:
    gates = {"lstm": 4, "gru": 3}[cell]
    k, r = rng.normal(size=(3, 4 * gates)), rng.normal(size=(4, 4 * gates))
    loss = ps.function(ps.grad(lambda x: ps.sum(getattr(nn, cell)(x, k, r)[0])))
    for batch, time in ((2, 5), (3, 4)):
        x = ps.asarray(rng.normal(size=(batch, time, 3)))
        eager = ps.grad(lambda x: ps.sum(getattr(nn, cell)(x, k, r)[0]))(x)
        np.testing.assert_allclose(loss(x).numpy(), eager.numpy(), rtol=1e-12)


# ---- CTC


def ctc_of_torch(logits: Any, labels: Any, lengths: Any, steps: Any, blank: int) -> Any:
    logs = F.log_softmax(torch.moveaxis(logits, 1, 0), -1)
    return F.ctc_loss(
        logs, torch.asarray(labels), torch.asarray(steps), torch.asarray(lengths), blank, "none"
    )


def test_ctc_loss_and_its_gradient(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(4, 12, 6))
    labels = np.array([[1, 2, 2, 3], [4, 4, 4, 1], [5, 1, 2, 3], [1, 1, 1, 1]])
    lengths, steps = np.array([4, 3, 1, 0]), np.array([12, 9, 4, 7])
    t = torch.tensor(logits, requires_grad=True)
    want = ctc_of_torch(t, labels, lengths, steps, 0)
    np.testing.assert_allclose(
        nn.ctc_loss(labels, logits, lengths, steps).numpy(), want.detach().numpy(), rtol=1e-10
    )
    want.square().sum().backward()
    got = ps.grad(lambda x: ps.sum(ps.square(nn.ctc_loss(labels, x, lengths, steps))))(logits)
    np.testing.assert_allclose(got.numpy(), t.grad.numpy(), rtol=1e-7, atol=1e-9)


def test_ctc_loss_sums_over_all_alignments(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(1, 5, 3))
    p = np.exp(logits[0]) / np.exp(logits[0]).sum(-1, keepdims=True)
    totals: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(3), repeat=5):
        merged = tuple(k for k, _ in itertools.groupby(path) if k != 2)
        totals[merged] = totals.get(merged, 0.0) + float(np.prod(p[range(5), path]))
    for labels, total in totals.items():
        padded = [[*labels, *(0,) * (5 - len(labels))]]
        loss = nn.ctc_loss(padded, logits, [len(labels)], [5], blank_index=-1)
        np.testing.assert_allclose(np.exp(-float(loss[0])), total)
    decoded, scores = nn.ctc_beam_search_decode(
        logits, [5], beam_width=1000, top_paths=4, blank_index=2
    )
    best = sorted(totals.items(), key=lambda item: -item[1])[:4]
    for k, (labels, total) in enumerate(best):
        assert tuple(d for d in decoded[0, k].tolist() if d >= 0) == labels
        np.testing.assert_allclose(np.exp(float(scores[0, k])), total)


def test_ctc_greedy_decode() -> None:
    path = [[0, 1, 1, 0, 1, 2, 2], [2, 2, 0, 0, 1, 1, 1]]
    logits = ps.one_hot(ps.asarray(path), 3) * 5.0
    labels, count, score = nn.ctc_greedy_decode(logits, [7, 4])
    assert labels.tolist() == [[1, 1, 2, -1, -1, -1, -1], [2, -1, -1, -1, -1, -1, -1]]
    assert count.tolist() == [3, 1]
    assert score.tolist() == [-35.0, -20.0]
    labels, _, _ = nn.ctc_greedy_decode(logits, [7, 4], merge_repeated=False, blank_index=-1)
    assert labels.tolist() == [[0, 1, 1, 0, 1, -1, -1], [0, 0, -1, -1, -1, -1, -1]]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"labels": [[7, 1]]}, "the label 7; expected 0 to 3"),
        ({"label_length": [3]}, "label_length 3; expected 0 to 2"),
        ({"logit_length": [9]}, "logit_length 9; expected 0 to 3"),
    ],
)
def test_ctc_refuses_what_is_out_of_range(change: Any, match: str) -> None:
    args = {"labels": [[1, 2]], "label_length": [2], "logit_length": [3]} | change
    with pytest.raises(IndexError, match=match):
        nn.ctc_loss(logits=np.ones((1, 3, 4)), **args)


def test_ctc_has_no_second_gradient() -> None:
    def loss(x: Any) -> Any:
        return ps.sum(nn.ctc_loss([[1]], x, [1], [3]))

    with pytest.raises(ps.errors.GraphError, match="stop_gradient"):
        ps.grad(lambda x: ps.sum(ps.square(ps.grad(loss)(x))))(np.ones((1, 3, 4)))


# ---- sampled losses


def test_all_candidates_give_the_full_softmax(rng: np.random.Generator) -> None:
    w, b, x = rng.normal(size=(7, 3)), rng.normal(size=7), rng.normal(size=(5, 3))
    labels = np.array([[0], [3], [6], [3], [1]])
    everything = np.arange(7), np.ones((5, 1)), np.ones(7)
    got = nn.sampled_softmax_loss(w, b, labels, x, 7, 7, sampled_values=everything)
    scores = torch.asarray(x @ w.T + b)
    want = F.cross_entropy(scores, torch.asarray(labels[:, 0]), reduction="none")
    np.testing.assert_allclose(got.numpy(), want.numpy())


def test_nce_loss_is_logistic_regression(rng: np.random.Generator) -> None:
    w, b, x = rng.normal(size=(7, 3)), rng.normal(size=7), rng.normal(size=(2, 3))
    values = np.array([1, 4]), np.array([[0.5, 2.0], [1.0, 1.0]]), np.array([0.25, 0.75])
    labels = np.array([[0, 3], [6, 2]])
    got = nn.nce_loss(w, b, labels, x, 2, 7, 2, values)
    for i in range(2):
        right = x[i] @ w[labels[i]].T + b[labels[i]] - np.log(values[1][i])
        wrong = x[i] @ w[values[0]].T + b[values[0]] - np.log(values[2])
        loss = sum(np.logaddexp(0, s) - s / 2 for s in right) + sum(np.logaddexp(0, wrong))
        np.testing.assert_allclose(float(got[i]), loss)


def test_candidates_know_how_often_they_are_expected() -> None:
    found = np.zeros(12)
    for seed in range(400):
        drawn, _, _ = nn.log_uniform_candidate_sampler([[0]], 4, 12, seed=seed)
        found[drawn.numpy()] += 1
    counts = []
    for seed in range(400):
        k = np.arange(12)[:, None]
        _, expected, _ = nn.log_uniform_candidate_sampler(k, 4, 12, seed=seed)
        counts.append(expected.numpy()[:, 0])
    np.testing.assert_allclose(found / 400, np.mean(counts, 0), atol=0.08)


# ---- decoding


def test_nucleus_keeps_the_smallest_set(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(50, 9)) * 2
    kept = np.isfinite(nn.top_p_logits(logits, 0.7).numpy())
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    for row, keep in zip(p, kept, strict=True):
        falling = np.sort(row)[::-1]
        n = int(np.searchsorted(np.cumsum(falling), 0.7)) + 1
        assert set(np.flatnonzero(keep)) == set(np.argsort(-row)[:n])
    assert np.isfinite(nn.top_k_logits(logits, 3).numpy()).sum(-1).tolist() == [3] * 50


def test_sampled_tokens_are_among_the_best(rng: np.random.Generator) -> None:
    logits = np.broadcast_to(np.log([0.5, 0.3, 0.15, 0.05]), (5000, 4))
    two = nn.sample_token(logits, top_k=2, seed=1).numpy()
    np.testing.assert_allclose(
        np.bincount(two, minlength=4) / 5000, [0.625, 0.375, 0, 0], atol=0.03
    )
    three = nn.sample_token(logits, top_p=0.81, seed=1).numpy()
    assert set(three) == {0, 1, 2}
    assert set(nn.sample_token(logits, temperature=0).numpy()) == {0}


def test_beam_search_finds_the_best_text(rng: np.random.Generator) -> None:
    steps = np.log(rng.dirichlet(np.ones(3), size=(3, 3)))  # [step, last word, word]
    scores, words = ps.asarray([[0.0] + [-np.inf] * 26], dtype="float64"), np.zeros((27, 0), int)
    last = np.zeros(27, int)
    for step in steps:
        scores, parents, chosen = nn.beam_search_step(scores, step[last][None])
        last = chosen.numpy()[0]
        words = np.concatenate([words[parents.numpy()[0]], last[:, None]], 1)
    every = {}
    for text in itertools.product(range(3), repeat=3):
        before = (0, *text[:-1])
        every[text] = sum(steps[i, before[i], text[i]] for i in range(3))
    best = sorted(every, key=lambda t: -every[t])
    assert [tuple(w) for w in words.tolist()][:5] == best[:5]
    np.testing.assert_allclose(scores.numpy()[0][:5], [every[t] for t in best[:5]])


def test_finished_texts_go_on_with_the_end_token() -> None:
    logs = np.log(np.full((1, 2, 4), 0.25))
    scores, parents, words = nn.beam_search_step([[-1.0, -1.1]], logs, [[True, False]], end_token=3)
    assert (parents[0, 0].item(), words[0, 0].item()) == (0, 3)
    np.testing.assert_allclose(float(scores[0, 0]), -1.0)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: nn.lstm(np.ones((2, 3)), np.ones((3, 8)), np.ones((2, 8))), "reshape them"),
        (lambda: nn.bidirectional(nn.gru, None, (), (), merge_mode="max"), "use 'concat'"),
        (lambda: nn.top_p_logits([1.0], 0.0), "above 0 and at most 1"),
        (lambda: nn.sample_token([1.0], temperature=-1.0), "use 0 or more"),
        (lambda: nn.beam_search_step([[0.0]], [[0.0]]), "reshape them"),
        (
            lambda: nn.beam_search_step([[0.0]], [[[0.0]]], [[True]]),
            "name the word",
        ),
        (
            lambda: nn.nce_loss(np.ones((3, 2)), np.ones(3), [1], np.ones((1, 2)), 2, 3),
            r"expected \[batch, num_true\]",
        ),
    ],
)
def test_refusals(call: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        call()
