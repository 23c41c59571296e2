"""What requests and responses of `cases` look like, by resource. A response shows every member, null included."""
