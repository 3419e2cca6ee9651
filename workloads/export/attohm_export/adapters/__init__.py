"""From one framework's modules to arrays named as the trace format names them."""
