"""Which vendors a call may go to, and in what order."""
