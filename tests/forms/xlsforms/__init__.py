"""XLSForms of our own, one for each feature of XLSForm and of its dialects, as markdown tables."""
