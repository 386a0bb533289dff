"""How a batch gradient is opened: the backward pass that does not sum over the samples, and what it keeps."""
