"""What emulated vendors offer beside chat: how such a request is read, and what is made of it."""
