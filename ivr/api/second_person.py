"""The second person for a change: nobody whom the first one has let in at the desk."""

from ivr.api.problems import ApiError, present
from ivr.controller.controller import Controller


async def need_second_person(controller: Controller, account: str, administrator: str) -> None:
    """Refuse a decision if an account is tied to an administrator, whose one-time link has let it in.

    Raises:
        ApiError: 403 (`let_in`), or 503 while the database is away.
    """
    if administrator in present(await controller.people.let_in_by(account), controller.people.why):
        raise ApiError(
            403,
            f"{account} has come in by a link that {administrator} made, and is no second person for {administrator}."
            f" Another administrator, or `hatif accounts login {account}` on the server, renews the access.",
            "let_in",
        )
