"""Chat on a company's own web pages and in its own app."""
