"""`most-sketch demo`: a page to draw with, on this machine. Read in the order drawing, page, server."""
