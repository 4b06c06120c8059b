"""What whoever runs the service may ask of it, behind a key of its own."""

from __future__ import annotations

from fastapi import APIRouter, Request

from service.dependencies import lifecycle_of, settings_of
from service.error_handlers import problem_responses
from service.errors import AdministrationOffError, NotReadyError, ReloadRefusedError, UnauthorizedError
from service.schemas import ModelChange

router = APIRouter(prefix="/admin", tags=["administration"])

_RESPONSES = problem_responses(UnauthorizedError, AdministrationOffError, ReloadRefusedError, NotReadyError)


@router.post("/reload", summary="Change the model", response_model=ModelChange, responses=_RESPONSES)
async def reload(request: Request) -> ModelChange:
    """Load what the model's source gives now, verify it, warm it up, and put it in the served model's place.

    Requests go on meanwhile; each is answered by one model, and says by which. What cannot be used changes nothing.
    Where no admin key is configured, this path does not exist.
    """
    _check_exists(request)
    return ModelChange.of(await lifecycle_of(request).reload())


@router.post("/rollback", summary="Go back to the model before", response_model=ModelChange, responses=_RESPONSES)
async def roll_back(request: Request) -> ModelChange:
    """Put the model that was served before in the served one's place; it is still loaded, so that this takes no time.

    Where no admin key is configured, this path does not exist.
    """
    _check_exists(request)
    return ModelChange.of(await lifecycle_of(request).roll_back())


def _check_exists(request: Request) -> None:
    if settings_of(request).admin_keys_file is None:
        raise AdministrationOffError
