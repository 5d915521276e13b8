"""The model's convolutions as products of matrices: the same samples in three quarters of the time.

onnxruntime computes a convolution of bytes (`ConvInteger`) with unsigned weights, which uses a part of what a processor
with VNNI can do. A product with signed weights (`MatMulInteger`) uses all of it, and packs its weights once. So the
bytes of a convolution's window are put side by side and multiplied by all weights at once. All of it is whole numbers:
not a bit of the result differs, as a test makes sure.

Without VNNI, products of unsigned and signed bytes saturate: those processors use the model as it is published. So do
others than x86, where nothing was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from prompts.voices.kokoro import wire
from prompts.voices.kokoro.wire import Node

Tensors = dict[str, NDArray[np.generic]]

_GRAPH, _NODE, _INITIALIZER = 7, 1, 5
_TO_SIGNED = 128
_END = (1 << 63) - 1


def profits() -> bool:
    """Return whether products are faster on this machine's processor, and exact."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return False
    return bool({"avx512_vnni", "avx_vnni"} & set(flags)) and _is_exact()


def _is_exact() -> bool:
    """Return whether a product of the largest numbers is right: a hypervisor may hide instructions from the runtime."""
    unsigned, signed = np.full((8, 256), 255, np.uint8), np.full((256, 32), 127, np.int8)
    signed[:, ::2] = -128
    graph = [wire.field(_NODE, wire.node("MatMulInteger", ["in", "weights"], "out")), wire.field(2, b"exact")]
    graph.append(wire.field(_INITIALIZER, wire.tensor("weights", signed)))
    graph += (wire.field(number, wire.value(name, kind)) for number, name, kind in ((11, "in", 2), (12, "out", 6)))
    version = wire.field(8, wire.field(1, b"") + wire.field(2, 20))
    model = wire.field(1, 9) + wire.field(_GRAPH, b"".join(graph)) + version
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found = session.run(None, {"in": unsigned})[0]
    return np.array_equal(found, unsigned.astype(np.int32) @ signed.astype(np.int32))


def rewrite(model: bytes) -> bytes:
    """Return an ONNX model with its convolutions of bytes as products of matrices.

    Raises:
        ValueError: It is not an ONNX model.
    """
    return b"".join(
        wire.field(number, _rewrite_graph(value) if number == _GRAPH and not isinstance(value, int) else value)
        for number, value in wire.fields(model)
    )


def _rewrite_graph(graph: memoryview) -> bytes:
    messages = [(number, value) for number, value in wire.fields(graph) if not isinstance(value, int)]
    tensors = dict(wire.parse_tensor(value) for number, value in messages if number == _INITIALIZER)
    added: Tensors = {}
    nodes: list[bytes | memoryview] = []
    used: set[str] = set()
    replaced: set[str] = set()
    for number, value in messages:
        if number == _NODE:
            node = Node.parse(value)
            product = _product(node, tensors, added)
            nodes += [value] if product is None else product
            (used if product is None else replaced).update(node.inputs)
    dropped = replaced - used
    out = [wire.field(_NODE, node) for node in nodes]
    out += [wire.field(_INITIALIZER, wire.tensor(name, values)) for name, values in added.items()]
    for number, value in messages:
        if number != _NODE and not (number == _INITIALIZER and wire.parse_tensor(value)[0] in dropped):
            out.append(wire.field(number, value))
    return b"".join(out)


def _product(node: Node, tensors: Mapping[str, NDArray[np.generic] | None], added: Tensors) -> list[bytes] | None:
    """Return the nodes that take a convolution's place, and add their tensors; None if it is not such a node."""
    if node.op != "ConvInteger" or len(node.inputs) != 4:
        return None
    samples, weights, zero, weights_zero = node.inputs
    kernel, kernel_zero = tensors.get(weights), tensors.get(weights_zero)
    if kernel is None or kernel.ndim != 3 or kernel.dtype != np.uint8 or kernel_zero is None or kernel_zero.size != 1:
        return None
    if node.numbers.get("strides", (1,)) != (1,) or node.numbers.get("group", (1,)) != (1,):
        return None
    name = node.outputs[0]
    added[f"{name}/weights"] = _signed(kernel).transpose(2, 1, 0).reshape(-1, kernel.shape[0])
    added[f"{name}/zero"] = _signed(kernel_zero).reshape(())
    nodes = [wire.node("Transpose", [samples], f"{name}/samples", perm=(0, 2, 1))]
    before, after = node.numbers.get("pads", (0, 0))
    padded = f"{name}/samples"
    if before or after:
        padded = f"{name}/padded"
        added[f"{name}/pads"] = np.array([0, before, 0, 0, after, 0])
        nodes.append(wire.node("Pad", [f"{name}/samples", f"{name}/pads", zero], padded))
    window, more = _window(name, padded, kernel.shape[2], node.numbers.get("dilations", (1,))[0], added)
    factors = [window, f"{name}/weights", zero, f"{name}/zero"]
    nodes += [*more, wire.node("MatMulInteger", factors, f"{name}/product")]
    return [*nodes, wire.node("Transpose", [f"{name}/product"], name, perm=(0, 2, 1))]


def _signed(values: NDArray[np.generic]) -> NDArray[np.int8]:
    return (values.astype(np.int16) - _TO_SIGNED).astype(np.int8)


def _window(name: str, padded: str, size: int, dilation: int, added: Tensors) -> tuple[str, list[bytes]]:
    """Return the name of the samples of a window side by side, and the nodes that put them there."""
    if size == 1:
        return padded, []
    added["/axis"] = np.array([1])
    nodes = []
    shifted = [f"{name}/{place}" for place in range(size)]
    for place, output in enumerate(shifted):
        start, end = place * dilation, (place + 1 - size) * dilation or _END
        added[f"/from{start}"], added[f"/to{end}"] = np.array([start]), np.array([end])
        nodes.append(wire.node("Slice", [padded, f"/from{start}", f"/to{end}", "/axis"], output))
    return f"{name}/window", [*nodes, wire.node("Concat", shifted, f"{name}/window", axis=2)]
