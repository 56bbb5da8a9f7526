"""Colours that people who see no red or no green tell apart, after P. Tol, "Colour Schemes"."""

FOR, AGAINST = "#0077bb", "#ee7733"
# of several lines, which also differ in their markers; at least 3:1 to white and to dark pages
LINES = ("#0077bb", "#cc5511", "#009988", "#ee3377", "#777777")
MARKERS = "osD^vPX"
