"""What scikit-learn, seqeval, SciPy, pytrec_eval and ranx say of generated answers, and what asked them."""
