"""How a network is trained: what is asked for, which states are kept, what callbacks are told."""
