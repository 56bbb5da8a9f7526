"""How good predictions are: figures, pictures, and the parts of a page that shows them."""
