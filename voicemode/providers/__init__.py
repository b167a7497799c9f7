"""Choice of the speech service for a request, and failover when one fails."""

from voicemode.providers.failover import Providers
from voicemode.providers.ondemand import OnDemand
from voicemode.providers.provider import Account, Distance, EndpointSource, Failure, Provider, distance_of
from voicemode.providers.session import ProviderSession

__all__ = [
    "Account",
    "Distance",
    "EndpointSource",
    "Failure",
    "OnDemand",
    "Provider",
    "ProviderSession",
    "Providers",
    "distance_of",
]
