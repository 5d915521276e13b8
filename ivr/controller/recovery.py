"""Recovery at the start of a connection: find the channels and bridges in Asterisk and tidy them before calls go on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from ivr.asterisk import leg_dialing
from ivr.asterisk.ari import events, operations
from ivr.asterisk.ari.channel_list import channel_rows
from ivr.asterisk.ari.events import Channel
from ivr.asterisk.ari.link import Link
from ivr.callbacks import channels as callbacks
from ivr.codes import help_call
from ivr.controller import dialplan_conversations, probe_call, reconcile
from ivr.controller.reconcile import Findings
from ivr.model.floor_protocol import OpenOffer
from ivr.recognition import ear
from ivr.training import scripted_caller


@dataclass(frozen=True, slots=True)
class Recovered:
    """What is up.

    `channels`: all but those of `undialled`, which were hung up; `bridges`: id to the channels inside; `callbacks`:
    call-backs that are being connected; `help_calls`: operators' talks with a supervisor; `elsewhere`: conversations
    that the dialplan has connected. `findings` has the offers of calls, call-backs and `elsewhere`.
    """

    channels: Sequence[Channel]
    bridges: Mapping[str, Sequence[str]]
    undialled: set[str]
    findings: Findings
    callbacks: list[callbacks.RunningCallback]
    help_calls: list[OpenOffer]
    elsewhere: list[OpenOffer]

    @property
    def legs(self) -> set[str]:
        """The channels of all open offers and conversations."""
        return {offer.offer for offer in (*self.findings.open_offers, *self.help_calls)}


async def recover(link: Link, telephones: Mapping[str, str]) -> Recovered:
    """Ask Asterisk what is up and compare it with what should be; hang up telephones that were never dialled.

    Args:
        telephones: The operator of each telephone, as Asterisk names it.

    Raises:
        LinkLost: The connection has ended.
        RefusedError: Asterisk does not list channels or bridges.
        TimeoutError: Asterisk did not answer in time.
    """
    listed, bridges = await link.ask(operations.CHANNELS(), operations.BRIDGES())
    channels = events.channels(await channel_rows(listed, link.ask))
    undialled = leg_dialing.undialled(channels)
    await link.send(*map(operations.HANG_UP, undialled))
    channels = [channel for channel in channels if channel.id not in undialled]
    inside = {row["id"]: [member for member in row["channels"] if member not in undialled] for row in bridges.body}
    called_back, of_callbacks = callbacks.find_running(channels)
    findings = reconcile.compare([channel for channel in channels if channel.id not in of_callbacks], inside)
    elsewhere = dialplan_conversations.open_offers(channels, telephones)
    open_offers = (*findings.open_offers, *callbacks.open_offers(called_back), *elsewhere)
    return Recovered(
        channels=channels,
        bridges=inside,
        undialled=undialled,
        findings=replace(findings, open_offers=open_offers),
        callbacks=called_back,
        help_calls=help_call.open_offers(channels),
        elsewhere=elsewhere,
    )


async def tidy(link: Link, recovered: Recovered) -> None:
    """End what belongs to no call any more, and the music that the guard plays to answered telephones."""
    channels, findings = recovered.channels, recovered.findings
    alone = leg_dialing.answered_alone(channels, chain(*recovered.bridges.values()))
    await link.send(
        *(operations.HANG_UP(leg.id) for leg in findings.orphans),
        *(operations.DELETE_BRIDGE(bridge) for bridge in findings.bridges),
        *help_call.end_left_over(channels),
        *probe_call.left_over(channels),
        *scripted_caller.left_over(channels),
        *(operations.STOP_MUSIC(channel) for channel in alone),
        *(operations.HANG_UP(channel.id) for channel in channels if channel.id.startswith(ear.PREFIX)),
    )
