"""How many hosts a load needs: a discrete-event simulation of queue, batches, workers and hosts."""
