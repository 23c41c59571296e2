"""The product against the recount: random worlds, told to the product, asked of both."""
