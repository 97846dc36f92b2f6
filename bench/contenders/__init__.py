"""Who is measured, in the order in which each round runs them."""

from .contender import Contender, Launch, Pace, Scene
from .fenli import Fenli
from .litellm import LiteLLM
from .nginx import Nginx
from .portkey import Portkey

ALL: dict[str, type[Contender]] = {kind.name: kind for kind in (Nginx, Fenli, Portkey, LiteLLM)}

__all__ = ["ALL", "Contender", "Launch", "Pace", "Scene"]
