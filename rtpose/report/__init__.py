"""Joint angles of a recording as a page to read and print, and as tables: `rtpose report`."""
