"""`most-sketch demo`: a page to draw with, on this machine. Read drawing, markup, contents, page, server."""
