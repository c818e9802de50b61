"""The report: the paper's claims, figures and tables by number, as a page for a browser and one for a repository."""
