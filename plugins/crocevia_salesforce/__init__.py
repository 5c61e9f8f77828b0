"""Salesforce as a CRM: the connector, the package that it installs in an org, and a simulator of the org."""
