"""Where results go: files, the page, a picture. Each runs in a thread of its own."""
