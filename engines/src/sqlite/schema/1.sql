-- Times are milliseconds since 1970, spans milliseconds.

CREATE TABLE pikku_queue (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    visibility INTEGER NOT NULL,
    max_receives INTEGER NOT NULL,
    backoff_first INTEGER NOT NULL,
    backoff_most INTEGER NOT NULL,
    backoff_jitter INTEGER NOT NULL,
    fifo INTEGER NOT NULL,
    max_in_flight INTEGER,
    deduplication INTEGER NOT NULL
) STRICT;

CREATE TABLE pikku_message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order they were sent, and never used again
    queue INTEGER NOT NULL,
    state INTEGER NOT NULL,               -- 0 ready, 1 kept back, 2 in flight, 3 behind others of its group
    rank INTEGER NOT NULL,                -- the priority with its sign turned: small comes first
    due INTEGER NOT NULL,                 -- until when it is kept back or in flight
    span INTEGER NOT NULL,                -- how long that was when it was set, which tells a clock that went back
    receives INTEGER NOT NULL,
    receipt INTEGER NOT NULL,             -- of the last delivery; 0 where none holds
    sent INTEGER NOT NULL,
    grp TEXT,
    is_text INTEGER NOT NULL,
    body BLOB NOT NULL,
    attributes TEXT                       -- a JSON object of texts; nothing where there are none
) STRICT;

CREATE INDEX pikku_message_ready ON pikku_message (queue, rank, id) WHERE state = 0;
CREATE INDEX pikku_message_due ON pikku_message (queue, state, due) WHERE state IN (1, 2);
-- At most one of a FIFO group is not behind.
CREATE INDEX pikku_message_head ON pikku_message (queue, grp) WHERE grp IS NOT NULL AND state <> 3;
CREATE INDEX pikku_message_behind ON pikku_message (queue, grp, id) WHERE state = 3;

CREATE TABLE pikku_dead (
    id INTEGER PRIMARY KEY, -- as it was
    queue INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    receives INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    died INTEGER NOT NULL,
    reason TEXT NOT NULL,
    grp TEXT,
    is_text INTEGER NOT NULL,
    body BLOB NOT NULL,
    attributes TEXT
) STRICT;

CREATE INDEX pikku_dead_queue ON pikku_dead (queue, id);

CREATE TABLE pikku_deduplication (
    queue INTEGER NOT NULL,
    key TEXT NOT NULL,
    message INTEGER NOT NULL,
    until INTEGER NOT NULL,
    span INTEGER NOT NULL,
    PRIMARY KEY (queue, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX pikku_deduplication_until ON pikku_deduplication (until);

CREATE TABLE pikku_lease (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    token INTEGER NOT NULL,
    until INTEGER NOT NULL,
    span INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE pikku_schedule (
    name TEXT PRIMARY KEY,
    mark INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
