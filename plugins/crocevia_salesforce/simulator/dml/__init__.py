"""Saves, deletes and merges, as the org does them: checked, automated, all in one transaction."""
