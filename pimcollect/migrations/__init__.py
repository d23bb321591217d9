"""Database migrations, numbered; they import nothing of ours."""
