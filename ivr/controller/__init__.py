"""The controller: one connection to Asterisk after the other, and what outlives them."""
