"""Write what the C++ examples load: a model of digits, trained and untrained, images, and a MobileNet for static builds.

python examples/cpp/make_models.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
from sklearn import datasets

import penstock as ps

IMAGE = ("uint8", ("batch", 8, 8, 1))
LABEL = ("int64", ("batch",))


class Net:
    """A small convolutional network, with one step of its training."""

    def __init__(self, seed):
        random = np.random.default_rng(seed)
        weights = {"conv/kernel": (3, 3, 1, 16), "conv/bias": (16,), "dense/kernel": (256, 10), "dense/bias": (10,)}  # fmt: skip
        self.variables = {}
        for name, shape in weights.items():
            scale = 0 if name.endswith("bias") else (2 / np.prod(shape[:-1])) ** 0.5
            value = (random.standard_normal(shape) * scale).astype(np.float32)
            self.variables[name] = ps.Variable(value, name=name)
            zeros = np.zeros(shape, np.float32)
            self.variables[f"{name}/speed"] = ps.Variable(
                zeros, name=f"{name}/speed", trainable=False
            )

    def logits(self, image):
        """Compute a score for each digit: [batch, 10]."""
        get = self.variables.get
        x = ps.cast(image, "float32") / 16.0
        x = ps.nn.relu(ps.nn.conv2d(x, get("conv/kernel"), padding="same") + get("conv/bias"))
        x = ps.reshape(ps.nn.max_pool2d(x, 2), (-1, 256))
        return x @ get("dense/kernel") + get("dense/bias")

    def classify(self, image):
        """Say which digit each image shows, and how probable that is."""
        probabilities = ps.nn.softmax(self.logits(image))
        return {
            "digit": ps.argmax(probabilities, axis=-1),
            "probability": ps.max(probabilities, axis=-1),
        }

    def train(self, image, label):
        """Take one step of gradient descent with momentum."""
        trainable = [v for v in self.variables.values() if v.trainable]
        with ps.GradientTape() as tape:
            loss = ps.mean(ps.nn.softmax_cross_entropy(self.logits(image), label))
        for v, gradient in zip(trainable, tape.gradient(loss, trainable), strict=True):
            speed = self.variables[f"{v.name}/speed"]
            speed.assign(0.9 * speed + gradient)  # momentum
            v.assign_sub(0.05 * speed)
        return {"loss": loss}

    def save(self, folder, **options):
        """Save both functions with their variables."""
        functions = {"classify": ps.function(self.classify), "train": ps.function(self.train)}
        signatures = {"classify": {"image": IMAGE}, "train": {"image": IMAGE, "label": LABEL}}
        ps.save(functions, folder, signatures, **options)


def mobilenet(folder):
    """Save MobileNet v1 at a quarter of its width, with random weights; return what it answers to ones."""
    random = np.random.default_rng(0)
    variables = {}

    def weight(name, *shape):
        value = random.standard_normal(shape) * (2 / np.prod(shape[:-1])) ** 0.5
        return variables.setdefault(name, ps.Variable(value.astype(np.float32), name=name))

    def layer(x, name, convolve, *shape, stride=1):
        y = convolve(x, weight(f"{name}/kernel", *shape), strides=stride, padding="same")
        return ps.nn.relu6(y + weight(f"{name}/bias", y.shape[-1]))

    def main(image):
        x = layer(image, "first", ps.nn.conv2d, 3, 3, 3, 8, stride=2)
        sizes = (16, 32, 32, 64, 64, *[128] * 6, 256, 256)
        for i, size in enumerate(sizes):
            have = x.shape[-1]
            stride = 2 if i in (1, 3, 5, 11) else 1
            x = layer(x, f"depth{i}", ps.nn.depthwise_conv2d, 3, 3, have, 1, stride=stride)
            x = layer(x, f"point{i}", ps.nn.conv2d, 1, 1, have, size)
        return ps.nn.softmax(ps.mean(x, axis=(1, 2)) @ weight("dense/kernel", 256, 1001))

    main(np.zeros((1, 224, 224, 3), np.float32))  # makes the variables
    image = ("float32", ("batch", 224, 224, 3))
    model = {"main": ps.function(main)}
    ps.save(model, folder, {"main": {"image": image}})
    return int(np.argmax(main(np.ones((1, 224, 224, 3), np.float32)).numpy()))


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    found = datasets.load_digits()
    images, labels = found.images.astype(np.uint8)[..., None], found.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(labels))
    parts = {"test": order[:360], "train": order[360:]}
    for name, part in parts.items():
        records = np.concatenate([labels[part, None], images[part].reshape(-1, 64)], axis=1)
        (folder / f"{name}.bin").write_bytes(records.astype(np.uint8).tobytes())
    first = parts["test"][0]
    (folder / "image.pgm").write_bytes(b"P5 8 8 16\n" + images[first].tobytes())
    (folder / "answer.txt").write_text(str(labels[first]))

    (folder / "mobilenet.txt").write_text(str(mobilenet(folder / "mobilenet")))
    net = Net(seed=1)
    net.save(folder / "untrained")
    step = ps.function(net.train)
    random = np.random.default_rng(2)
    for _ in range(10):
        for batch in np.array_split(random.permutation(parts["train"]), 45):
            step(images[batch], labels[batch])
    right = net.classify(images[parts["test"]])["digit"].numpy() == labels[parts["test"]]
    net.save(
        folder / "digits",
        golden={"classify": (images[parts["test"][:4]],)},
        metadata={"accuracy": float(right.mean()), "labels": list("0123456789")},
    )
    sys.stdout.write(f"accuracy of the trained model: {right.mean():.3f}\n")


if __name__ == "__main__":
    main()
