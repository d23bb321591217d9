"""From the indicator bank to a frozen form."""
