"""Parity between converted networks and Gluon's: references, measurements and the HTML report."""
