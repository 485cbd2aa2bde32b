"""What programs print, in kernels and in sandboxes: as text for a model, and as progress."""
