"""Stage 8: report.html, one file that needs nothing else, and the data of its explorer."""
