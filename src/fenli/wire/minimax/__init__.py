"""MiniMax's own dialects: text chat v2, and the older chat of characters (pro)."""
