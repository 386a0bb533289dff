"""What a step costs at each batch size, in time and memory."""
