"""`bert plan` against measurement: a host that computes, and TorchServe alone with workers that sleep."""
