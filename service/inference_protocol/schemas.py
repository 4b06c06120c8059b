"""The wire of the Open Inference Protocol, version 2. Knows nothing of routes or tensors' bytes."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from service.wire import Received, Wire


class _Lenient(Received):
    # The protocol lets clients add parameters and fields of their own.
    model_config = ConfigDict(extra="ignore", strict=True)


class Parameters(_Lenient):
    """What a client may ask of a tensor; others are passed over."""

    binary_data_size: int | None = Field(default=None, ge=0)
    """Bytes of this input behind the JSON."""

    binary_data: bool = False
    """Whether this output is wanted as bytes."""


class RequestParameters(_Lenient):
    """What a client may ask of all outputs; others are passed over."""

    binary_data_output: bool = False
    """Whether outputs are wanted as bytes, unless they say otherwise."""


class InputTensor(_Lenient):
    """An input: the texts."""

    name: str = Field(examples=["text"])
    """Its name: `text`."""

    datatype: str = Field(examples=["BYTES"])
    """Its datatype: `BYTES`."""

    shape: list[int] = Field(max_length=2, examples=[[1]])
    """Its shape: the number of texts, perhaps with a second dimension of 1."""

    data: Any = Field(default=None, examples=[["You took 14.99 twice today"]])
    """The texts, unless they follow as bytes."""

    parameters: Parameters = Parameters()
    """How it is sent."""


class OutputRequest(_Lenient):
    """An output that is wanted."""

    name: str = Field(examples=["category"])
    """Its name."""

    parameters: Parameters = Parameters()
    """How it is wanted."""


class InferenceRequest(_Lenient):
    """Texts to judge, as tensors."""

    id: str | None = Field(default=None, examples=["r1"])
    """Your name for the request; it is echoed."""

    inputs: list[InputTensor] = Field(min_length=1, max_length=16)
    """The inputs: `text`, and nothing else."""

    outputs: list[OutputRequest] = Field(default=[], max_length=64)
    """The outputs that are wanted; all of them by default."""

    parameters: RequestParameters = RequestParameters()
    """How they are wanted."""


class TensorMetadata(Wire):
    """What an input or output looks like."""

    name: str = Field(examples=["scores"])
    """Its name."""

    datatype: str = Field(examples=["FP32"])
    """Its datatype."""

    shape: list[int] = Field(examples=[[-1, 6]])
    """Its shape; -1 is the number of texts."""

    parameters: dict[str, list[str]] | None = Field(
        default=None, examples=[{"labels": ["complaint", "feature-request", "billing", "praise", "leak", "none"]}]
    )
    """What its columns stand for."""


class ServerMetadata(Wire):
    """What the server is."""

    name: str = Field(examples=["earshot"])
    """Its name."""

    version: str = Field(examples=["1"])
    """The version of its API."""

    extensions: list[str] = Field(examples=[["binary_tensor_data"]])
    """What it can besides the protocol."""


class ModelMetadata(Wire):
    """What the model takes and puts out."""

    name: str = Field(examples=["earshot-default"])
    """Its name."""

    versions: list[str] = Field(examples=[["1.0.0"]])
    """The version that is served."""

    platform: str = Field(examples=["onnxruntime_onnx"])
    """What runs it."""

    inputs: list[TensorMetadata]
    """What it takes."""

    outputs: list[TensorMetadata]
    """What it puts out."""


class OutputTensor(Wire):
    """An output, with its elements unless they follow as bytes."""

    name: str = Field(examples=["category"])
    """Its name."""

    datatype: str = Field(examples=["BYTES"])
    """Its datatype."""

    shape: list[int] = Field(examples=[[1]])
    """Its shape."""

    data: list[str | float | bool] | None = Field(default=None, examples=[["billing"]])
    """Its elements in row order."""

    parameters: dict[str, int] | None = None
    """Its bytes behind the JSON: `binary_data_size`."""


class InferenceResponse(Wire):
    """What the model says, as tensors."""

    id: str | None = None
    """As in the request."""

    model_name: str = Field(examples=["earshot-default"])
    """Which model spoke."""

    model_version: str = Field(examples=["1.0.0"])
    """In which version."""

    outputs: list[OutputTensor]
    """The outputs that were asked for."""
