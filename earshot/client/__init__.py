"""Asks a running service: `Client`, and `AsyncClient` for asyncio. Both keep trying while the service is busy.

Needs the extra `client`; nothing else in the core imports it.

```python
from earshot.client import Client

with Client("http://127.0.0.1:8000") as client:
    answer = client.classify(["You took 14.99 twice today"])
    print(answer.results[0].category)
```
"""

from earshot.client.answers import Answer, Judged, Receipt, ServedModel
from earshot.client.client import AsyncClient, Client
from earshot.client.errors import (
    BadAnswerError,
    BusyError,
    ClientError,
    DeadlineExceededError,
    RefusedError,
    UnauthorizedError,
    UnreachableError,
    UnusableRequestError,
)

__all__ = [
    "Answer",
    "AsyncClient",
    "BadAnswerError",
    "BusyError",
    "Client",
    "ClientError",
    "DeadlineExceededError",
    "Judged",
    "Receipt",
    "RefusedError",
    "ServedModel",
    "UnauthorizedError",
    "UnreachableError",
    "UnusableRequestError",
]
