"""The SOQL subset of the simulated org: what it cannot run as Salesforce would, it refuses."""
