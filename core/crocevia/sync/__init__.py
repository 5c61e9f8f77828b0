"""The flows: input to the log, the log to CRMs, CRMs to profiles, commands to customers."""
