"""`python -m bench`: the table. `soak`, `idle`: memory over time, over streams. `replay`: past calls rated again.
`grants`: how long leases take."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterable

from . import contenders, grants, idle, needs, report, rerate, run, soak, workloads


def main() -> int:
    options = _options().parse_args()
    # A plain end would leave the servers behind that were started; an exception stops them on its way out.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return int(options.act(options))
    except needs.NotReady as reason:
        print(f"bench: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.set_defaults(act=_table)
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run of half a minute: direct, nginx and fenli once"
    )
    parser.add_argument("--only", type=_names(contenders.ALL), metavar="A,B", help=f"of {', '.join(contenders.ALL)}")
    parser.add_argument("--workloads", type=_names(workloads.ALL), metavar="A,B", help=f"of {', '.join(workloads.ALL)}")
    parser.add_argument("--rounds", type=int, help="how often each is measured; the table has the medians (3)")
    parser.add_argument("--seconds", type=float, help="length of each measurement (5)")
    modes = parser.add_subparsers(title="other modes")
    long = modes.add_parser("soak", help="is memory flat over many calls?")
    long.add_argument("calls", nargs="?", type=int, default=1_000_000)
    long.add_argument("--only", type=_names(contenders.ALL), default=["fenli"])
    long.set_defaults(act=lambda chosen: soak.soak(chosen.only, chosen.calls))
    still = modes.add_parser("idle", help="what does an idle stream weigh?")
    still.add_argument("streams", nargs="?", type=int, default=10_000)
    still.add_argument("--only", type=_names(contenders.ALL), default=["nginx", "fenli"])
    still.set_defaults(act=lambda chosen: idle.idle(chosen.only, chosen.streams))
    again = modes.add_parser("replay", help="how long does it take to rate past calls again?")
    again.add_argument("calls", nargs="?", type=int, default=10_000_000)
    again.set_defaults(act=lambda chosen: rerate.rerate(chosen.calls))
    lent = modes.add_parser("grants", help="how long does a gateway wait for a lease on a budget?")
    lent.set_defaults(act=lambda _: grants.grants())
    publish = modes.add_parser("publish", help="put the tables of the last run into docs/performance.md")
    publish.set_defaults(act=lambda _: report.publish())
    return parser


def _table(chosen: argparse.Namespace) -> int:
    names = chosen.only or (["nginx", "fenli"] if chosen.quick else list(contenders.ALL))
    rounds = chosen.rounds or (1 if chosen.quick else 3)
    seconds = chosen.seconds or (2 if chosen.quick else 5)
    found = run.side_by_side(names, chosen.workloads or list(workloads.ALL), rounds, seconds)
    report.show(found)
    return 0


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return chosen

    return parse


if __name__ == "__main__":
    sys.exit(main())
