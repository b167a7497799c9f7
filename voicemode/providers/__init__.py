"""Which speech service answers, and what happens when one does not."""

from voicemode.providers.account import Account, Failure
from voicemode.providers.failover import Providers
from voicemode.providers.ondemand import OnDemand
from voicemode.providers.provider import Place, Provider, Source, place_of
from voicemode.providers.session import Turn

__all__ = ["Account", "Failure", "OnDemand", "Place", "Provider", "Providers", "Source", "Turn", "place_of"]
