"""`most-sketch demo`: a page to draw with, on this machine. Read drawing, visit, markup, contents, page, server."""
