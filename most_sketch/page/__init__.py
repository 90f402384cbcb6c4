"""The page that draws in the browser: its files in static/ and root/, and what makes a site of them. Read site."""
