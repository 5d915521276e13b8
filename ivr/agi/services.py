"""The answers of the services. All but `case` answer from memory alone: no database and no request to Asterisk."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

from ivr.agi.case_service import CaseService
from ivr.agi.log_service import LogService
from ivr.agi.request import Request
from ivr.hours.opening import Opening
from ivr.site.site import Number, Site
from routing.match import Step, may_serve
from routing.states import Operator

Variables = dict[str, str]
_MOST_OPERATORS = 10


class Services:
    """The services of one site. `operators` returns all of them as they are now, none while that is not known."""

    def __init__(
        self,
        site: Callable[[], Site],
        opening: Opening,
        operators: Callable[[], Iterable[Operator]],
        cases: CaseService,
        calls: LogService,
    ) -> None:
        self._site, self._opening, self._operators, self._cases = site, opening, operators, cases
        self._services = {
            "hours": self.hours,
            "language": self.language,
            "route": self.route,
            "log": calls.answer,
        }

    async def answer(self, request: Request, variable: Callable[[str], Awaitable[str]]) -> Variables:
        """Return the variables to set, in this order. `variable` reads a variable of the call.

        HATIF_AGI is the last, so that `ok` means that all the others are set; it is `unknown` for a service that does
        not exist.
        """
        if request.service == "case":
            return {**await self._cases.answer(request, variable), "HATIF_AGI": "ok"}
        service = self._services.get(request.service)
        return {"HATIF_AGI": "unknown"} if service is None else {**service(request), "HATIF_AGI": "ok"}

    def hours(self, request: Request) -> Variables:
        """Return whether the line is open. Arguments: the number dialled (else the extension), the language."""
        number = self._number(request)
        line, language = number.number if number is not None else None, request.argument(2) or None
        answer = self._opening.answer(line=line, language=language)
        opens = None if answer.open else self._opening.opens_next(line=line, language=language)
        return {
            "HATIF_HOURS": "open" if answer.open else "closed",
            "HATIF_OPEN_UNTIL": _epoch(answer.until) if answer.open else "",
            "HATIF_OPENS_NEXT": _epoch(opens),
        }

    def language(self, request: Request) -> Variables:
        """Return the languages of the callers of a number, the likely ones first. Argument: the number dialled."""
        number = self._number(request)
        country = number.country if number is not None else None
        order = self._site().language_order(country)
        return {"HATIF_COUNTRY": country or "", "HATIF_LANG": order[0], "HATIF_LANGS": ",".join(order)}

    def route(self, request: Request) -> Variables:
        """Return the operators who could take a call now. Arguments: the language, the topic.

        The best in the language come first, then those who have been idle longest. None is offered the call.
        """
        language = request.argument(1, self._site().languages[0])
        needs = Step(language, topic=request.argument(2) or None)
        able = [
            operator
            for operator in self._operators()
            if operator.is_idle and operator.planned and may_serve(operator, needs)
        ]
        able.sort(key=lambda operator: (-operator.languages[language], operator.since, operator.id))
        return {
            "HATIF_QUEUE": f"hatif-{language}" if language in self._site().languages else "",
            "HATIF_READY": str(len(able)),
            "HATIF_OPERATORS": ",".join(operator.id for operator in able[:_MOST_OPERATORS]),
        }

    def _number(self, request: Request) -> Number | None:
        """Return the site's number that was dialled, in whatever form a carrier writes it."""
        dialled = request.argument(1, request.extension)
        wanted = _digits(dialled)
        return self._site().number_dialled(dialled) or next(
            (number for number in self._site().number if wanted and _digits(number.number) == wanted), None
        )


def _digits(number: str) -> str:
    return number.removeprefix("+").removeprefix("00")


def _epoch(at: datetime | None) -> str:
    return "" if at is None else str(int(at.timestamp()))
