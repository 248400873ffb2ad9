"""The engine: slots, pace, claim, attempt, settle. It knows providers and the ledger only by what they are handed as."""
