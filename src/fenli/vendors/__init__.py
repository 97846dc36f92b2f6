"""One small file a vendor: endpoints, authentication, dialect, quirks, usage, what its errors mean."""
