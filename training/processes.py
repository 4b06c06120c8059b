"""The processes that train one network together, each on its own device: the only file that knows accelerate.

A plain start is one process; a launcher starts several (docs/training.md), and nothing else changes. Knows nothing of
posts or losses.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, broadcast_object_list, gather_object, is_bf16_available
from torch import nn

from earshot.errors import EarshotError

T = TypeVar("T")

_LONGEST_WAIT = timedelta(hours=12)
"""For the first process, which alone reads the data and asks the teachers."""

RandomState = dict[str, torch.Tensor]
"""Of one process: its CPU's generator, and its device's where that is another."""


class Processes:
    """This process, and those that train with it.

    Attributes:
        index: Of this process, from 0.
        count: How many there are.
        device: Where this process computes.

    Raises:
        EarshotError: A launcher started several processes, but they don't find each other.
    """

    def __init__(self) -> None:
        # Without a GPU, accelerate takes launched processes for strangers, unless it is told that the CPU is meant. And
        # our configuration decides on precision, so a launcher's own setting is passed over.
        self._accelerator: Any = Accelerator(
            cpu=not torch.accelerator.is_available(),
            mixed_precision="no",
            kwargs_handlers=[InitProcessGroupKwargs(timeout=_LONGEST_WAIT)],
        )
        self.index: int = self._accelerator.process_index
        self.count: int = self._accelerator.num_processes
        self.device: torch.device = self._accelerator.device
        launched = int(os.environ.get("WORLD_SIZE", "1"))
        if launched != self.count:
            raise EarshotError(
                f"of {launched} launched processes each would train by itself, on {self.device.type}: launch one, or "
                "do as docs/training.md shows"
            )

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files and reports."""
        return self.index == 0

    def prepare(self, model: nn.Module) -> nn.Module:
        """Move a network to this process's device, in place, and tie it to those of the others.

        Returns:
            What to train by: the others' networks start from the first one's weights, and gradients become the mean of
            all. The network itself stays what it was, to predict with and to save.
        """
        prepared: nn.Module = self._accelerator.prepare(model)
        return prepared

    def backward(self, loss: torch.Tensor) -> None:
        """Add a loss's gradients to those that are there."""
        self._accelerator.backward(loss)

    def without_exchange(self, prepared: nn.Module) -> AbstractContextManager[None]:
        """While gradients are added up here, before they are exchanged with the other processes."""
        context: AbstractContextManager[None] = self._accelerator.no_sync(prepared)
        return context

    def clip_gradients(self, model: nn.Module, norm: float) -> None:
        """Scale gradients down to a norm."""
        self._accelerator.clip_grad_norm_(model.parameters(), norm)

    def total(self, value: torch.Tensor) -> float:
        """The sum of every process's value."""
        return float(self._accelerator.reduce(value.detach(), reduction="sum"))

    def any(self, here: bool) -> bool:
        """Whether it is so in any process."""
        return self.total(torch.tensor(float(here), device=self.device)) > 0

    def gather(self, here: T) -> list[T]:
        """Every process's value, in their order."""
        gathered: list[T] = gather_object([here])
        return gathered

    def from_first(self, here: object) -> Any:  # noqa: ANN401 (the others know only what they get)
        """The first process's value; what the others give is passed over."""
        values = [here]
        broadcast_object_list(values)
        return values[0]

    def random_states(self) -> list[RandomState]:
        """The state of every process's random numbers, in their order."""
        state = {"cpu": torch.get_rng_state()}
        if self.device.type != "cpu":
            state["device"] = torch.get_device_module(self.device).get_rng_state()
        return self.gather(state)

    def restore_random_state(self, states: list[RandomState]) -> None:
        """Go on with this process's random numbers.

        Raises:
            EarshotError: They are those of another number of processes.
        """
        if len(states) != self.count:
            raise EarshotError(
                f"the checkpoint is one of {len(states)} process(es), and here train {self.count}: launch as many"
            )
        torch.set_rng_state(states[self.index]["cpu"])
        if "device" in states[self.index] and self.device.type != "cpu":
            torch.get_device_module(self.device).set_rng_state(states[self.index]["device"])

    def gains_by_bf16(self) -> bool:
        """Whether the device computes faster in bfloat16; a rule and no timing, so that a resumed training agrees.

        A processor does so by AMX, or by AVX-512's bf16 products on AMD; on Intel without AMX those run at half the
        rate of float32 (docs/experiments.md, 13).
        """
        if self.device.type == "cpu":
            return _cpu_gains_by_bf16(_cpu_line("flags"), _cpu_line("vendor_id"))
        if self.device.type == "cuda":
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
        return bool(is_bf16_available())


def _cpu_gains_by_bf16(flags: str, vendor: str) -> bool:
    return "amx_bf16" in flags.split() or ("avx512_bf16" in flags.split() and "AuthenticAMD" in vendor)


def _cpu_line(name: str) -> str:
    """What Linux says of the first processor; nothing elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:  # noqa: PTH123 (a pseudo-file)
            return next((line for line in file if line.startswith(name)), "")
    except OSError:
        return ""
