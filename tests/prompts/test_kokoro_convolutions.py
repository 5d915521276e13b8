"""Convolutions as products of matrices: the same numbers, in a small network and in the model."""

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from prompts.voices.kokoro import convolutions, wire

CHANNELS, OUT, LENGTH = 5, 3, 40
FLOAT, INTEGER = 1, 6


def network(size: int, dilation: int, pads: tuple[int, int], stride: int = 1) -> bytes:
    random = np.random.default_rng(size)
    kernel = random.integers(0, 256, (OUT, CHANNELS, size), dtype=np.uint8)
    convolution = wire.node(
        "ConvInteger",
        ["q", "kernel", "z", "kernel_zero"],
        "out",
        dilations=(dilation,),
        group=1,
        kernel_shape=(size,),
        pads=pads,
        strides=(stride,),
    )
    outputs = (wire.field(2, name) for name in (b"q", b"s", b"z"))
    quantised = b"".join([wire.field(1, b"in"), *outputs, wire.field(4, b"DynamicQuantizeLinear")])
    graph = b"".join(
        [
            wire.field(1, quantised),
            wire.field(1, convolution),
            wire.field(2, b"small"),
            wire.field(5, wire.tensor("kernel", kernel)),
            wire.field(5, wire.tensor("kernel_zero", np.array(69, np.uint8))),
            wire.field(11, wire.value("in", FLOAT)),
            wire.field(12, wire.value("out", INTEGER)),
        ]
    )
    version = wire.field(8, wire.field(1, b"") + wire.field(2, 20))
    return wire.field(1, 9) + wire.field(7, graph) + version


def run(model: bytes) -> NDArray[np.int32]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    samples = np.random.default_rng(1).standard_normal((1, CHANNELS, LENGTH)).astype(np.float32)
    found: NDArray[np.int32] = session.run(None, {"in": samples})[0]
    return found


@pytest.mark.parametrize(
    ("size", "dilation", "pads"), [(1, 1, (0, 0)), (3, 1, (1, 1)), (7, 3, (9, 9)), (11, 5, (25, 25)), (3, 2, (0, 1))]
)
def test_a_product_has_the_numbers_of_the_convolution(size: int, dilation: int, pads: tuple[int, int]) -> None:
    if not convolutions.profits():
        pytest.skip("this processor uses the model as it is published")
    published = network(size, dilation, pads)
    rewritten = convolutions.rewrite(published)
    assert b"ConvInteger" not in rewritten
    assert b"MatMulInteger" in rewritten
    assert np.array_equal(run(rewritten), run(published))


class Saturating:
    """A runtime on a processor where products of unsigned and signed bytes saturate."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def run(self, _: object, feed: dict[str, NDArray[np.uint8]]) -> list[NDArray[np.int32]]:
        return [np.full((len(feed["in"]), 32), 32_767, np.int32)]


def test_a_processor_whose_products_saturate_uses_the_published_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "InferenceSession", Saturating)
    assert not convolutions.profits()


def test_other_convolutions_stay() -> None:
    published = network(3, 1, (1, 1), stride=2)
    assert b"ConvInteger" in convolutions.rewrite(published)
    assert np.array_equal(run(convolutions.rewrite(published)), run(published))


@pytest.mark.parametrize("damage", [b"\x3a", b"\x3a\xff\xff", b"\xff" * 11, b"\x07"])
def test_what_is_not_a_model_is_refused(damage: bytes) -> None:
    with pytest.raises(ValueError, match=r"truncated|unknown kind"):
        convolutions.rewrite(damage)
