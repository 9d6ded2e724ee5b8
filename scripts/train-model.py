#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "jax==0.10.2",
#     "numpy==2.4.6",
#     "onnx==1.23.2",
#     "onnxruntime==1.32.0",
#     "opencv-python-headless==5.0.0.93",
#     "optax==0.2.8",
#     "resvg-py==0.5.0",
#     "tqdm==4.70.1",
# ]
# ///
"""Trains the network that tells flags apart, and writes three ONNX files, their labels, and the test pictures.

    python3 -m venv venv && venv/bin/pip install --upgrade pip
    venv/bin/pip install --requirements-from-script scripts/train-model.py
    venv/bin/python scripts/train-model.py --cache venv

Needs npm for the pictures, and about half an hour of two cores. The seeds are fixed: pictures are drawn alike everywhere, and
training comes to the same accuracy, though not to the same bits on another CPU. `--help` names the parts that can be run alone.
"""

import argparse
import collections
import concurrent.futures
import multiprocessing
import pathlib

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import optax
from tqdm import tqdm

from flags import network, pictures
from flags.halved import halved
from flags.quantised import quantised
from flags.rows import in_rows

# Pictures of one seed are never those of another.
TRAINING, HELD_OUT, TESTS, CALIBRATION = 1, 2, 3, 4
BATCH, STEPS = 64, 4000
HIGHEST_RATE, WARM_STEPS = 4e-3, 300
MEAN_STEPS, KEPT_STEPS = 200, 250
HELD_OUT_COUNT, TEST_COUNT, CALIBRATION_COUNT = 10_000, 100, 400
HERE = pathlib.Path(__file__).resolve().parent.parent
MODEL = HERE / "src" / "work" / "inference" / "model"
TEST_PICTURES = HERE / "tests" / "flags"


def drawer(cache):
    """In a process of its own: what `batch` needs."""
    global flags
    cv2.setNumThreads(1)
    flags = pictures.Flags(cache)


def batch(seed, first, count):
    """Pixels (NHWC, 0 to 255) and labels of `count` pictures; every second one is shrunk by another filter."""
    pixels, labels = [], []
    for number in range(first, first + count):
        file, flag = pictures.jpeg(flags, seed, number)
        pixels.append(pictures.read(file, cv2.INTER_AREA if number % 2 else cv2.INTER_LINEAR))
        labels.append(flags.label_of[flag])
    return np.stack(pixels), np.array(labels)


def batches(cache, seed, count, size):
    """Batches in order, drawn ahead by another process, a few at most."""
    spawned = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, spawned, drawer, (cache,)) as pool:
        ahead = collections.deque()
        for first in range(0, count, size):
            ahead.append(pool.submit(batch, seed, first, min(size, count - first)))
            if len(ahead) > 8:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def train(cache, steps):
    """Keeps the mean of recent weights every so often: what `write` takes, also while training goes on."""
    labels = len(pictures.Flags(cache).labels)
    weights, norms = network.initial(jax.random.key(0), labels)
    mean = weights
    # Neither the rate nor the mean depends on how many steps there will be.
    rate = lambda step: HIGHEST_RATE * jnp.minimum(step / WARM_STEPS, jnp.sqrt(WARM_STEPS / jnp.maximum(step, 1)))  # noqa: E731
    is_kernel = jax.tree.map(lambda array: array.ndim > 1, weights)
    optimiser = optax.adamw(rate, weight_decay=0.02, mask=is_kernel)
    moments = optimiser.init(weights)

    @jax.jit
    def step(weights, norms, moments, mean, share, pixels, answers):
        def loss(weights):
            logits, after = network.scores(weights, norms, pixels.astype(jnp.float32) / 255, training=True)
            wanted = optax.smooth_labels(jax.nn.one_hot(answers, labels), 0.02)
            return optax.softmax_cross_entropy(logits, wanted).mean(), (after, (logits.argmax(1) == answers).mean())

        (lost, (norms, right)), slope = jax.value_and_grad(loss, has_aux=True)(weights)
        change, moments = optimiser.update(slope, moments, weights)
        weights = optax.apply_updates(weights, change)
        return weights, norms, moments, optax.incremental_update(weights, mean, share), lost, right

    @jax.jit
    def settle(mean, norms, pixels):
        return network.scores(mean, norms, pixels.astype(jnp.float32) / 255, training=True)[1]

    recent = collections.deque(maxlen=100)
    last = collections.deque(maxlen=60)
    progress = tqdm(batches(cache, TRAINING, steps * BATCH, BATCH), total=steps, unit="step", mininterval=5)
    for number, (pixels, answers) in enumerate(progress, 1):
        share = max(1 / MEAN_STEPS, 1 / number)
        weights, norms, moments, mean, lost, right = step(weights, norms, moments, mean, share, pixels, answers)
        recent.append((float(lost), float(right)))
        last.append(pixels)
        lost, right = np.mean(recent, axis=0)
        progress.set_postfix(loss=f"{lost:.3f}", right=f"{right:.1%}", refresh=False)
        if number % KEPT_STEPS == 0 or number == steps:
            # The layers' means and variances belong to other weights than the mean ones.
            settled = norms
            for pixels in last:
                settled = settle(mean, settled, pixels)
            save(cache, (mean, settled))


def kept(cache):
    return cache / "weights.npz"


def save(cache, trained):
    np.savez(kept(cache), **{str(number): array for number, array in enumerate(jax.tree.leaves(trained))})


def load(cache):
    shape = jax.tree.structure(network.initial(jax.random.key(0), 1))
    arrays = np.load(kept(cache))
    return jax.tree.unflatten(shape, [arrays[str(number)] for number in range(len(arrays.files))])


def as_input(pixels):
    return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32) / 255


def answers_of(model, pixels):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": as_input(part)})[0] for part in np.array_split(pixels, 100)])


def measured(name, scores, labels, names):
    """Prints how often a model is right, where it is worst, and what it takes for what."""
    chosen = scores.argmax(1)
    print(f"\n{name}: {np.mean(chosen == labels):.2%} of {len(labels)} held-out pictures right")
    counts = np.bincount(labels, minlength=len(names))
    hits = np.bincount(labels[chosen == labels], minlength=len(names))
    print("worst labels:")
    for label in np.argsort(hits / np.maximum(counts, 1), kind="stable")[:12]:
        print(f"  {names[label]}: {hits[label]} of {counts[label]}")
    print("confusions:")
    wrong = collections.Counter((names[was], names[said]) for was, said in zip(labels, chosen) if was != said)
    for (was, said), count in wrong.most_common(20):
        print(f"  {was} taken for {said}: {count} of {counts[names.index(was)]}")


def write(cache):
    flags = pictures.Flags(cache)
    names = flags.labels
    MODEL.mkdir(exist_ok=True)
    (MODEL / "flags.txt").write_text("\n".join(names) + "\n")
    model = network.as_onnx(*load(cache), f"Country flags, drawn from {pictures.PACKAGE}: see src/work/inference/model/README.md")
    calibration = [as_input(pixels) for pixels, _ in batches(cache, CALIBRATION, CALIBRATION_COUNT, 100)]
    models = {"flags.onnx": halved(model), "flags-int8.onnx": halved(quantised(model, calibration))}
    for name, written in (models | {"flags-rows.onnx": halved(in_rows(model))}).items():
        onnx.save(written, MODEL / name)

    drawn = list(tqdm(batches(cache, HELD_OUT, HELD_OUT_COUNT, 100), total=HELD_OUT_COUNT // 100, unit="batch"))
    pixels, labels = (np.concatenate(parts) for parts in zip(*drawn))
    full, whole = (answers_of(written, pixels) for written in models.values())
    for name, scores in zip(models, (full, whole)):
        measured(name, scores, labels, names)
    agree = np.mean(full.argmax(1) == whole.argmax(1))
    print(f"\nthe same answer from both: {agree:.2%}; scores differ by {np.abs(full - whole).max(1).mean():.4f} on average")

    TEST_PICTURES.mkdir(exist_ok=True)
    for old in TEST_PICTURES.glob("*.jpg"):
        old.unlink()
    files, shown = zip(*(pictures.jpeg(flags, TESTS, number) for number in range(TEST_COUNT)))
    labels = [flags.label_of[flag] for flag in shown]
    for number, (file, label) in enumerate(zip(files, labels)):
        (TEST_PICTURES / f"{number:03}-{names[label]}.jpg").write_bytes(file)
    pixels = np.stack([pictures.read(file) for file in files])
    for name, written in models.items():
        scores = answers_of(written, pixels)
        wrong = [number for number, score in enumerate(scores) if score.argmax() != labels[number]]
        print(f"{name}: {TEST_COUNT - len(wrong)} of {TEST_COUNT} pictures in {TEST_PICTURES.name} right; wrong: {wrong}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="folder for the npm package and the weights")
    parser.add_argument("--steps", type=int, default=STEPS, help=f"of {BATCH} pictures each (default {STEPS})")
    parser.add_argument("--only", choices=["train", "write"], help="train: the weights alone; write: models from the last weights")
    given = parser.parse_args()
    if given.only != "write":
        train(given.cache, given.steps)
    if given.only != "train":
        write(given.cache)


if __name__ == "__main__":
    main()
