"""``python -m fenli.market``: the emulated vendors on this machine, as `fenli market serve` opens them too."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from fenli.errors import ConfigError
from fenli.market.faults import FAULT_NAMES
from fenli.market.market import DEFAULT_VENDORS
from fenli.market.opening import run_market
from fenli.market.options import BALANCE, MarketOptions
from fenli.market.scenario_files import shipped

DESCRIPTION: Final = "The emulated vendors on this machine: their formats, errors, usage and faults."
FAULT: Final = f"may be repeated; SHARE is from 0 to 1 (every request without it), NAME one of {', '.join(FAULT_NAMES)}"
LEFT: Final = f"may be repeated; what is left with the vendors that tell it, and what of it was granted ({BALANCE})"
PRICE: Final = "of a million tokens, whatever the model (1): made up, so that what is left can be worked out"
EPILOG: Final = (
    "One request asks for a fault in a header (x-market-fault: cut@120), or in its\n"
    "model's name, which gets through fenli too: deepseek/deepseek-flash!cut@120"
)


def options_of(arguments: list[str]) -> MarketOptions:
    parser = argparse.ArgumentParser(
        prog="fenli market serve",
        usage="%(prog)s [OPTION ...]",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8420, help="0 takes a free one")
    parser.add_argument("--vendor", action="append", default=[], help=f"may be repeated; {', '.join(DEFAULT_VENDORS)}")
    parser.add_argument("--tokens-per-second", type=float, default=50.0, metavar="N")
    parser.add_argument("--first-token-ms", type=int, default=200, metavar="N")
    parser.add_argument("--at-once", action="store_true", help="answer without any wait")
    parser.add_argument("--echo", action="store_true", help="answer with what the user said")
    parser.add_argument("--served", type=Path, metavar="FILE", help="append the vendors' own book to FILE")
    parser.add_argument("--fault", action="append", default=[], metavar="[VENDOR:][SHARE*]NAME[@N]", help=FAULT)
    parser.add_argument("--key", action="append", default=[], help="a key that every vendor takes beside its own")
    parser.add_argument("--balance", action="append", default=[], metavar="[VENDOR:]PAID[+GRANTED]", help=LEFT)
    parser.add_argument("--price", default="1", metavar="AMOUNT", help=PRICE)
    parser.add_argument("--seed", type=int)
    parser.add_argument(
        "--scenario", metavar="FILE|NAME", help=f"what happens to them, and when: {', '.join(shipped())}"
    )
    parser.add_argument("--speed", metavar="N", help="how many times faster than the clock the scenario goes")
    given = parser.parse_args(arguments)
    return MarketOptions(
        host=given.host,
        port=given.port,
        vendors=tuple(given.vendor) or DEFAULT_VENDORS,
        tokens_per_second=None if given.at_once else given.tokens_per_second,
        first_token_ms=given.first_token_ms,
        echo=given.echo,
        served=given.served,
        faults=tuple(given.fault),
        keys=tuple(given.key),
        balances=tuple(given.balance),
        price=given.price,
        seed=given.seed,
        scenario=given.scenario,
        speed=given.speed,
    )


def main() -> int:
    try:
        run_market(options_of(sys.argv[1:]), str)
    except (ConfigError, OSError) as error:
        sys.stderr.write(f"fenli market: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
