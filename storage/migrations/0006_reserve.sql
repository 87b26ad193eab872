-- Rows come and go at once: what they leave are free pages, which are the database's own when the disk is full.
CREATE TABLE reserve (piece BLOB) STRICT;
