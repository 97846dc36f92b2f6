"""Who is measured, in the order in which each round runs them."""

from .contender import Contender, Launch, Pace, Scene
from .fenli import Fenli, Gateway
from .litellm import LiteLLM
from .nginx import Nginx
from .portkey import Portkey

ALL: dict[str, type[Contender]] = {kind.name: kind for kind in (Nginx, Gateway, Fenli, Portkey, LiteLLM)}

__all__ = ["ALL", "Contender", "Launch", "Pace", "Scene"]
