-- What is configured, when each credential's age wants to be judged again, and what people have still to be told. A pass
-- asks for what is due, and never reads what is not.

-- +goose Up

CREATE TABLE inventory (
    credential TEXT    PRIMARY KEY,
    state      TEXT    NOT NULL,                -- listed, vanished, retired
    digest     TEXT    NOT NULL,                -- of its spec as last taken in
    look_at    INTEGER NOT NULL,                -- no pass judges its age before, unless something about it changes
    body       TEXT    NOT NULL
);
CREATE INDEX inventory_look ON inventory (state, look_at);

-- One value under a name: the digest of the whole configuration ("inventory"), a backup that was put back ("restored").
CREATE TABLE marks (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- One counter a credential over all its rotations and burials: what was written under a higher one is later.
CREATE TABLE epochs (
    credential TEXT    PRIMARY KEY,
    epoch      INTEGER NOT NULL
);
INSERT INTO epochs (credential, epoch) SELECT credential, max(epoch) FROM rotations GROUP BY credential;

CREATE TABLE outbox (
    n       INTEGER PRIMARY KEY,                -- order of saying
    open    INTEGER NOT NULL,                   -- 1 until every channel has it, or it was given up
    next_at INTEGER NOT NULL,
    body    TEXT    NOT NULL
);
CREATE INDEX outbox_open ON outbox (open, next_at);

CREATE INDEX pairs_life ON pairs (life);
