"""Code that is sent into kernels to look at their variables: one file for each language."""
