"""What is trained, and on what: rows and labels, target, network, forward pass. No TensorFlow."""
