"""What an activation is: its declaration, the table of declarations, and the value made from one."""
