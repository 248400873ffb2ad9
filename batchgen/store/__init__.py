"""The ledger: the only room that speaks SQL. Every function takes a transaction, and every time is handed in."""
