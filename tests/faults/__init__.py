"""What becomes of each fault: the program as a process, a real server that misbehaves by a script, the ledger afterwards."""
