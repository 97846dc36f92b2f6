"""What was, and what it would have cost: the archive of entries, and rating it again at other prices."""
