"""Limits on spending: what they cover, when they begin anew, and who may still spend how much of them. No I/O."""

from fenli.budgets.budget import Budget, Mode, Period, Scope, Window, window_at

__all__ = ["Budget", "Mode", "Period", "Scope", "Window", "window_at"]
