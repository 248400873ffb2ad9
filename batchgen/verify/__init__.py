"""The images on disk against the ledger: what is wrong, and how it is put right."""
