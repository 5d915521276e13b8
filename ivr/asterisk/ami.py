"""An AMI connection to Asterisk that reconnects by itself: panoramisk's manager without its traps.

These are the traps of panoramisk 1.4: a wrong password goes unnoticed; an action sent while the link is down waits for
ever, and one that was cut off is sent a second time after a reconnect; a character that arrives in two TCP packets is
lost; an exception in a callback cuts the link; after `close()` a reconnect that was under way still happens.
"""

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import Callable, Container
from typing import Any, Self

import structlog
from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from background.retrying import retry
from ivr.asterisk.own_events import comes
from wire.errors import UserError

Fields = dict[str, str]
"""One AMI message, with keys as Asterisk writes them; the values of a repeated key are joined by newlines."""

_ANSWER_S = 5.0
_RECONNECT_S = 0.3
_REFUSED_AGAIN_S = 5.0  # a password that has become wrong is not retried at the pace of a lost link
_CHECK_EVERY_S = 1.0
_EVENT_S = 2.0  # after this time an event of our own counts as lost
_LINE_BYTES = 1_000  # Asterisk cuts an AMI line at 1,024 bytes, silently

_END = b"\r\n\r\n"  # of a message
_EVENT = re.compile(rb"\s*Event: (\w+)\r\n")
_OF_AN_ANSWER = b"\r\nActionID: "

log = structlog.get_logger("ami")


class AmiError(UserError):
    """An error of AMI, as one sentence for the administrator."""


class AmiDownError(AmiError):
    """There is no link at this moment: nothing was sent."""


class AmiRefusedError(AmiError):
    """Asterisk refused the action; `message` is its own text."""

    def __init__(self, sentence: str, message: str = "") -> None:
        super().__init__(sentence)
        self.message = message


class Ami:
    """A connection that reconnects by itself within a second; an action that was cut off is never sent again.

    Callbacks are called in the event loop, in the order of arrival, and must not block.
    """

    def __init__(self, host: str, port: int, user: str, password: str, *, answer_s: float = _ANSWER_S) -> None:
        self._host, self._port, self._user, self._password = host, port, user, password
        self._answer_s = answer_s
        self._link: _Link | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._events: dict[str, list[Callable[[Fields], None]]] = {}
        self._link_callbacks: list[Callable[[bool], None]] = []

    @property
    def connected(self) -> bool:
        """Whether we are logged in to an Asterisk that has finished starting and sends events, as far as is known."""
        return self._link is not None and not self._link.lost.done()

    def on(self, event_name: str, callback: Callable[[Fields], None]) -> None:
        """Call `callback` for each event of this name (`UserEvent`, `FullyBooted`, …).

        Asterisk sends only those that `manager.conf` lets through by name.
        """
        self._events.setdefault(event_name.lower(), []).append(callback)

    def on_link(self, callback: Callable[[bool], None]) -> None:
        """Call `callback(True)` whenever the link comes up, and `callback(False)` when it is lost."""
        self._link_callbacks.append(callback)

    async def connect(self) -> None:
        """Log in and keep the link from now on.

        Raises:
            AmiError: Nothing listens there, or the login was refused.
        """
        if self._keeper is not None:
            raise AmiError("this AMI connection is already in use; make a second one")
        await self._open()
        self._keeper = asyncio.create_task(retry("AMI link", self._keep), name="ami")

    async def close(self) -> None:
        """End the link and its task; no reconnect and no callback follows."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
        link, self._link = self._link, None
        if link is not None:
            link.close()
            await asyncio.sleep(0)  # lets asyncio call the transport's last callback before a loop may be closed

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def action(self, name: str, **fields: str | int) -> Fields:
        """Send one action and return its response.

        Raises:
            AmiError: Asterisk refused it or did not answer in time.
        """
        return (await self._ask(name, fields, as_list=False))[0]

    async def listing(self, name: str, **fields: str | int) -> list[Fields]:
        """Send an action that answers with a list (`ShowDialPlan`, …) and return the events of the list."""
        return (await self._ask(name, fields, as_list=None))[1:-1]

    async def db_put(self, family: str, key: str, value: str) -> None:
        """Store a value in Asterisk's own database (AstDB)."""
        await self.action("DBPut", Family=family, Key=key, Val=value)

    async def db_delete(self, family: str, key: str) -> None:
        """Delete a key from AstDB, if it is there."""
        try:
            await self.action("DBDel", Family=family, Key=key)
        except AmiRefusedError as error:
            if "could not be deleted" not in error.message:
                raise

    async def db_delete_tree(self, family: str, key: str = "") -> None:
        """Delete a key with all that is below it, or the whole family, if it is there."""
        try:
            await self.action("DBDelTree", Family=family, **({"Key": key} if key else {}))
        except AmiRefusedError as error:
            if "not found" not in error.message:
                raise

    async def db_tree(self, family: str) -> dict[str, str]:
        """Return all of a family: key (without the family, may contain slashes) to value."""
        prefix = f"/{family}/"
        rows = await self.listing("DBGetTree", Family=family)
        return {row["Key"].removeprefix(prefix): row.get("Val", "") for row in rows if row["Key"].startswith(prefix)}

    async def reload(self, module: str) -> None:
        """Have one module reload its configuration.

        Raises:
            AmiError: Asterisk could not.
        """
        await self.action("Reload", Module=module)

    async def command(self, text: str) -> str:
        """Return the output of a console command, for functions without an action of their own."""
        return (await self.action("Command", Command=text)).get("Output", "")

    async def _ask(self, name: str, fields: dict[str, str | int], *, as_list: bool | None) -> list[Fields]:
        link = self._link
        if link is None or link.lost.done():
            raise AmiDownError(f"no AMI link to Asterisk at {self._host}:{self._port}; {name} was not sent")
        checked = {key: _checked(name, key, value) for key, value in fields.items()}
        answers = await link.ask(name, checked, self._answer_s, as_list=as_list)
        if answers[0].get("Response") == "Error":
            message = answers[0].get("Message", "no reason given")
            raise AmiRefusedError(f"Asterisk refused {name}: {message}", message)
        return answers

    async def _open(self) -> None:
        where = f"{self._host}:{self._port}"
        link = _Link(self._host, self._port, self._user, self._password, self._events, self._dispatch)
        try:
            async with asyncio.timeout(self._answer_s):
                await link.connect()
                await link.logged_in(f"Asterisk's AMI at {where}", self._user)
                if not await link.hears():
                    raise AmiError(f"Asterisk's AMI at {where} answers, but sends no events")
        except OSError as error:  # TimeoutError is one of them
            link.close()
            why = "did not answer in time" if isinstance(error, TimeoutError) else f"cannot be reached ({error})"
            raise AmiError(f"Asterisk's AMI at {where} {why}: is Asterisk running, is the port right?") from error
        except BaseException:
            link.close()
            raise
        self._link = link
        self._report_link(up=True)

    async def _keep(self) -> None:
        """Watch the link, and replace it whenever it is lost, until cancelled."""
        while True:
            assert self._link is not None
            await self._watch(self._link)
            log.warning("AMI link lost, reconnecting", host=self._host, port=self._port)
            self._report_link(up=False)
            last_reason = ""
            while not self.connected:
                try:
                    await self._open()
                except AmiError as error:
                    if str(error) != last_reason:  # once for each reason, not three times a second
                        last_reason = str(error)
                        log.warning("AMI link not back yet", reason=last_reason)
                    await asyncio.sleep(_REFUSED_AGAIN_S if isinstance(error, AmiRefusedError) else _RECONNECT_S)
            log.info("AMI link up again", host=self._host, port=self._port)

    async def _watch(self, link: "_Link") -> None:
        """Return when the link is lost, or brings no events.

        A suspended Asterisk closes no socket, and answers say nothing about events.
        """
        while True:
            done, _ = await asyncio.wait({link.lost}, timeout=_CHECK_EVERY_S)
            if done:
                return
            if not await link.hears():
                log.warning("Asterisk's AMI sends no events", host=self._host, port=self._port)
                link.close()
                return

    def _dispatch(self, event: Fields) -> None:
        for callback in self._events.get(event.get("Event", "").lower(), ()):
            try:
                callback(event)
            except Exception:
                log.exception("an AMI event's callback failed", ami_event=event)

    def _report_link(self, *, up: bool) -> None:
        for callback in self._link_callbacks:
            try:
                callback(up)
            except Exception:
                log.exception("an AMI link's callback failed", up=up)


class _Protocol(AMIProtocol):  # type: ignore[misc]  # panoramisk has no types
    """Has its link from the start: without it, a peer that hangs up at once raises an exception in the event loop.

    It reads events itself, and only those that somebody wants: panoramisk needs three times as long.
    """

    def __init__(self, link: "_Link") -> None:
        self._owner = link
        self._rest = b""  # the beginning of a message

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.factory = self._owner

    def data_received(self, data: bytes) -> None:
        *messages, self._rest = (self._rest + data).split(_END)
        for message in messages:
            event = _EVENT.match(message)
            if event is None or _OF_AN_ANSWER in message:
                super().data_received(message + _END)
            else:
                self._owner.take_event(event[1].decode(), message)


class _Link(Manager):  # type: ignore[misc]  # panoramisk has no types
    """One connection from login to loss; it never reconnects and never sends anything twice."""

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        password: str,
        wanted: Container[str],
        dispatch: Callable[[Fields], None],
    ) -> None:
        # Latin-1 maps every byte to one character: nothing is lost between packets, and `_fields` reads UTF-8 whole.
        super().__init__(
            host=host,
            port=port,
            username=_checked("Login", "Username", user),
            secret=_checked("Login", "Secret", password),
            events="system,user,security,reporting",
            encoding="latin-1",
            protocol_factory=lambda: _Protocol(self),
        )
        self.awaiting_actions: deque[object] = deque(maxlen=0)  # panoramisk would send these again
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._booted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wanted = wanted  # names of events, in lower case
        self._dispatch = dispatch
        self._expected = ""  # the name of our own event
        self._heard = asyncio.Event()  # it has come, or the link is lost
        self._is_refused = False  # Asterisk does not let us send one

    async def logged_in(self, where: str, user: str) -> None:
        """Wait until the login is accepted and Asterisk reports that it has finished starting."""
        login = self.authenticated_future
        await asyncio.wait({login, self.lost}, return_when=asyncio.FIRST_COMPLETED)
        if not login.done():
            raise AmiError(f"{where} hung up at once; manager.conf may forbid this address or limit logins")
        if not login.result().success:
            raise AmiRefusedError(f"{where} refuses user '{user}' with this password (manager.conf has the right one)")
        await asyncio.wait({self._booted, self.lost}, return_when=asyncio.FIRST_COMPLETED)
        if self.lost.done():
            raise AmiError(f"{where} hung up while Asterisk was starting")

    async def ask(self, name: str, fields: Fields, limit_s: float, *, as_list: bool | None) -> list[Fields]:
        """Send one action and return its whole answer: the response, then the events of a list including its last one.

        With `as_list` None the response decides whether a list follows. False is for actions without one, since
        panoramisk takes some plain responses ("Added interface to queue") for the beginning of a list.
        """
        action = Action({"Action": name, **fields})
        answer = self.protocol.send(action, as_list=as_list)
        await asyncio.wait({answer, self.lost}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            self.protocol.responses.pop(action.id, None)
            if self.lost.done():
                raise AmiDownError(f"the AMI link was lost before Asterisk answered {name}; it may be done or not")
            raise AmiError(f"Asterisk did not answer {name} within {limit_s:g} s")
        result = answer.result()
        return [_fields(message) for message in (result if isinstance(result, list) else [result])]

    async def hears(self) -> bool:
        """Return whether an event of our own comes back; True as well if the link is lost, or it may not be sent."""
        self._expected = f"hatif-{time.monotonic_ns()}"
        self._heard.clear()
        if self.lost.done():
            return True
        action = Action({"Action": "UserEvent", "UserEvent": self._expected})
        self.protocol.send(action, as_list=False).add_done_callback(self._sent)
        came = await comes(self._heard, _EVENT_S)
        self.protocol.responses.pop(action.id, None)
        return came

    def _sent(self, answer: "asyncio.Future[Any]") -> None:
        if not answer.cancelled() and not answer.result().success:
            if not self._is_refused:
                log.warning("Whether AMI's events come is not known: add `user` to `write` of our user in manager.conf")
            self._is_refused = True
            self._heard.set()

    def take_event(self, name: str, message: bytes) -> None:
        """Take an event that belongs to no answer."""
        if name in ("FullyBooted", "UserEvent") or name.lower() in self._wanted:
            self._heed(_read(message))

    def _heed(self, event: Fields) -> None:
        if event["Event"] == "FullyBooted" and not self._booted.done():
            self._booted.set_result(None)
        if event["Event"] == "UserEvent" and event.get("UserEvent") == self._expected:
            self._heard.set()
        self._dispatch(event)

    def close(self) -> None:
        """Cut the connection; calls that wait for an answer fail."""
        super().close()
        if self.protocol is not None:
            self.protocol.transport.abort()  # a regular close would wait for a suspended Asterisk to read the rest
        self._end()

    # The following methods are called by panoramisk.

    def connection_made(self, connecting: "asyncio.Task[Any]") -> None:
        if connecting.cancelled() or connecting.exception() is not None:
            return  # the coroutine that awaits the task gets the exception; panoramisk would retry by itself
        super().connection_made(connecting)
        if self.lost.done():
            self.close()  # closed while the connection was being made

    def connection_lost(self, exc: object) -> None:
        if self.pinger is not None:
            self.pinger.cancel()
        self._end()

    def login(self, future: "asyncio.Future[Any]") -> None:
        """Do nothing: `logged_in` reads the answer, and panoramisk would start a timer that outlives `close()`."""

    def ping(self) -> None:
        """Do nothing: `Ami` watches the link itself, with a time limit."""

    def dispatch(self, event: Any) -> None:
        self._heed(_fields(event))

    def _end(self) -> None:
        self._heard.set()
        if not self.lost.done():
            self.lost.set_result(None)


def _fields(message: Any) -> Fields:
    text = {key: "\n".join(value) if isinstance(value, list) else value for key, value in message.items()}
    return {key: value.encode("latin-1").decode("utf-8", "replace") for key, value in text.items() if key != "content"}


def _read(message: bytes) -> Fields:
    fields: Fields = {}
    for line in message.decode("utf-8", "replace").split("\r\n"):
        key, colon, value = line.partition(": ")
        if colon:
            fields[key] = f"{fields[key]}\n{value}" if key in fields else value
    return fields


def _checked(action: str, key: str, value: str | int) -> str:
    text = str(value)
    if any(character in text for character in "\r\n\0"):
        raise AmiError(f"{action} was not sent: {key} contains a line break, which would begin another AMI header")
    raw = text.encode("utf-8", "surrogateescape")
    if len(raw) > _LINE_BYTES - len(key):
        raise AmiError(f"{action} was not sent: {key} is {len(raw)} bytes long, Asterisk cuts a line at 1,024")
    return raw.decode("latin-1")
