"""An independent recount of every key figure, person by person and day by day.

Nothing here imports the product. It was written from the definitions of the movements and of the HTTP contract alone,
so that a mistake would have to be made twice, in two different ways, to stay unseen. Standard library only.
"""
