"""Workers: who reads the batches of a loader ahead, in threads or in processes."""
