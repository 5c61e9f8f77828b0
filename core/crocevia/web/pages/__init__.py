"""The read-only pages: customers, each with the one timeline and what the CRMs hold; and every connection's health."""

from crocevia.web.pages.failure import failures
from crocevia.web.pages.routes import pages

__all__ = ["failures", "pages"]
