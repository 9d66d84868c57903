-- How far ahead of now the mark of a key lies is how much of it was taken lately. In microseconds since 1970.
CREATE TABLE pikku_rate (
    key BLOB PRIMARY KEY,
    mark INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pikku_rate_mark ON pikku_rate (mark);
