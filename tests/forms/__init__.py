"""The forms workshop: from the bank to a frozen form, and from a stranger's workbook to one."""
