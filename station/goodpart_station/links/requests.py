"""Modbus requests: pymodbus reads and checks them and writes the answers; the memory serves each in one step."""

import struct
from collections.abc import Coroutine
from typing import Any, TypeVar

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU
from pymodbus.pdu.bit_message import ReadDiscreteInputsRequest
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    ReadWriteMultipleRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from goodpart_station.links.memory import Memory

T = TypeVar("T")

_REQUESTS: dict[int, type[ModbusPDU]] = {
    2: ReadDiscreteInputsRequest,
    3: ReadHoldingRegistersRequest,
    4: ReadInputRegistersRequest,
    6: WriteSingleRegisterRequest,
    16: WriteMultipleRegistersRequest,
    23: ReadWriteMultipleRegistersRequest,
}
"""What a client may ask for. Diagnostics, which could silence a server, files and coils are not among it."""

_FIXED_BYTES = 5
"""Length of the requests whose function code is below 16."""


def answer(memory: Memory, request: bytes) -> bytes:
    """Serves one request.

    Args:
        memory: what is read and written.
        request: function code and data, at least one byte.

    Returns:
        function code and data of the answer; an exception (its code has bit 7) if the request is not served.
    """
    code = request[0]
    if code not in _REQUESTS:
        return _refusal(code, ExcCodes.ILLEGAL_FUNCTION)
    message = _REQUESTS[code]()
    try:
        if code < WriteMultipleRegistersRequest.function_code and len(request) != _FIXED_BYTES:
            return _refusal(code, ExcCodes.ILLEGAL_VALUE)
        message.decode(request[1:])
    except (ModbusException, ValueError, IndexError, struct.error):
        return _refusal(code, ExcCodes.ILLEGAL_VALUE)
    response = _at_once(message.datastore_update(_Registers(memory), 0))  # type: ignore[arg-type]
    return bytes([response.function_code]) + response.encode()


def refusal(request: bytes, code: int) -> bytes:
    """The exception with which a request is refused."""
    return _refusal(request[0], code)


def _refusal(function_code: int, code: int) -> bytes:
    return bytes([function_code | 0x80, code])


class _Registers:
    """The memory as pymodbus asks for it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def async_getValues(  # noqa: N802 - pymodbus has this name
        self, device_id: int, func_code: int, address: int, count: int
    ) -> list[int] | list[bool] | ExcCodes:
        del device_id
        reads = {2: self._memory.read_discretes, 4: self._memory.read_inputs}
        values = reads.get(func_code, self._memory.read_holdings)(address, count)
        return ExcCodes.ILLEGAL_ADDRESS if values is None else values

    async def async_setValues(  # noqa: N802 - pymodbus has this name
        self, device_id: int, func_code: int, address: int, values: list[int]
    ) -> ExcCodes | None:
        del device_id, func_code
        return None if self._memory.write_holdings(address, values) else ExcCodes.ILLEGAL_ADDRESS


def _at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that waits for nothing: other requests and threads of the loop cannot come between."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise RuntimeError("pymodbus: expected an answer at once, found one that waits")
