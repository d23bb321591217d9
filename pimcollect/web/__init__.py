"""Server-rendered pages, thin."""
