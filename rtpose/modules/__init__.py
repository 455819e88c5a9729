"""Networks as torch modules. No loss, no optimiser, no device here."""
