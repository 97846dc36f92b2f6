"""The price book: dated offers and exact rating."""

from fenli.prices.book import PriceBook
from fenli.prices.facts import Facts
from fenli.prices.offers import Conditions, Offer, TokenRange, Window
from fenli.prices.tariff import Rating, Tariff

__all__ = ["Conditions", "Facts", "Offer", "PriceBook", "Rating", "Tariff", "TokenRange", "Window"]
