"""What `make run` and the tests share: a private stack and its clients."""
