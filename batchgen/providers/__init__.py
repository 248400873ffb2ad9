"""The outside world: who answers a request, and how its answers are told apart."""
