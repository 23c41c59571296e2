"""What requests and responses of `metrics` look like, by resource. A response shows every member, null included."""
