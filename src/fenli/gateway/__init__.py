"""The data plane: performs the effects of calls on `http`. Never touches a database."""
