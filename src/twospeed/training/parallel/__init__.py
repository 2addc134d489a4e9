"""Several processes train one module: batches shared out, gradients averaged, weights sharded."""
