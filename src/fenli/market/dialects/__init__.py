"""The dialects that emulated vendors speak: how a request is read, and how an answer is written."""

# Flavours name their dialects, and dialects are told a flavour: they load from the flavours on, whoever comes first.
import fenli.market.flavours  # noqa: F401
