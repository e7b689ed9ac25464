"""Google's TensorFlow checkpoints of BERT to Hugging Face folders, without TensorFlow."""
