"""Names: dialects of Gluon → key map → ours; which network a file is; other libraries' layouts."""
