CREATE TABLE pikku_entry (
    key BLOB PRIMARY KEY,
    owner BLOB NOT NULL,
    value TEXT NOT NULL,
    ends INTEGER NOT NULL,                -- from when on it is not there, unless that is moved
    expires INTEGER NOT NULL              -- up to where it can be moved
) STRICT, WITHOUT ROWID;

CREATE INDEX pikku_entry_owner ON pikku_entry (owner);

CREATE INDEX pikku_entry_ends ON pikku_entry (ends);
