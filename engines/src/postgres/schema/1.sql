-- Times are milliseconds since 1970, spans milliseconds.

-- The time that is given, or else that of the database, which is the same for all instances.
CREATE FUNCTION pikku_now(given bigint) RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT coalesce(given, (extract(epoch FROM statement_timestamp()) * 1000)::bigint)';

CREATE TABLE pikku_queue (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    visibility bigint NOT NULL,
    max_receives bigint NOT NULL,
    backoff_first bigint NOT NULL,
    backoff_most bigint NOT NULL,
    backoff_jitter boolean NOT NULL,
    fifo boolean NOT NULL,
    max_in_flight bigint,
    deduplication bigint NOT NULL
);

CREATE SEQUENCE pikku_message_id;

CREATE TABLE pikku_message (
    id bigint PRIMARY KEY,     -- in the order they were sent, and never used again
    queue integer NOT NULL,
    state smallint NOT NULL,   -- 0 ready, 1 kept back, 2 in flight, 3 behind others of its group
    rank smallint NOT NULL,    -- the priority with its sign turned: small comes first
    due bigint NOT NULL,       -- until when it is kept back or in flight
    span bigint NOT NULL,      -- how long that was when it was set, which tells a clock that went back
    receives bigint NOT NULL,
    receipt bigint NOT NULL,   -- of the last delivery; 0 where none holds
    sent bigint NOT NULL,
    grp text,
    is_text boolean NOT NULL,
    body bytea NOT NULL,
    attributes text            -- a JSON object of texts; nothing where there are none
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE INDEX pikku_message_ready ON pikku_message (queue, rank, id) WHERE state = 0;
CREATE INDEX pikku_message_due ON pikku_message (queue, state, due) WHERE state IN (1, 2);
-- At most one of a FIFO group is not behind.
CREATE INDEX pikku_message_head ON pikku_message (queue, grp) WHERE grp IS NOT NULL AND state <> 3;
CREATE INDEX pikku_message_behind ON pikku_message (queue, grp, id) WHERE state = 3;

CREATE TABLE pikku_dead (
    id bigint PRIMARY KEY,     -- as it was
    queue integer NOT NULL,
    rank smallint NOT NULL,
    receives bigint NOT NULL,
    sent bigint NOT NULL,
    died bigint NOT NULL,
    reason text NOT NULL,
    grp text,
    is_text boolean NOT NULL,
    body bytea NOT NULL,
    attributes text
);

CREATE INDEX pikku_dead_queue ON pikku_dead (queue, id);

CREATE TABLE pikku_deduplication (
    queue integer NOT NULL,
    key text NOT NULL,
    message bigint NOT NULL,
    until bigint NOT NULL,
    span bigint NOT NULL,
    PRIMARY KEY (queue, key)
);

CREATE INDEX pikku_deduplication_until ON pikku_deduplication (until);

CREATE TABLE pikku_lease (
    name text PRIMARY KEY,
    holder text NOT NULL,
    token bigint NOT NULL,
    until bigint NOT NULL,
    span bigint NOT NULL
);

CREATE TABLE pikku_schedule (
    name text PRIMARY KEY,
    mark bigint NOT NULL
);
