"""Pages of the site that are made from the tables, the code and the files beside `docs/`."""
