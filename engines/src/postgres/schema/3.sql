-- How far ahead of now the mark of a key lies is how much of it was taken lately. In microseconds since 1970.
CREATE TABLE pikku_rate (
    key bytea PRIMARY KEY,
    mark bigint NOT NULL
);

CREATE INDEX pikku_rate_mark ON pikku_rate (mark);
