CREATE TABLE pikku_entry (
    key bytea PRIMARY KEY,
    owner bytea NOT NULL,
    value text NOT NULL,
    ends bigint NOT NULL,                -- from when on it is not there, unless that is moved
    expires bigint NOT NULL              -- up to where it can be moved
);

CREATE INDEX pikku_entry_owner ON pikku_entry (owner);

CREATE INDEX pikku_entry_ends ON pikku_entry (ends);
