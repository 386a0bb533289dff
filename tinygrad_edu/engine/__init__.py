"""The engine: the graph of a computation, how calls are recorded in it, and the walk back through it."""
