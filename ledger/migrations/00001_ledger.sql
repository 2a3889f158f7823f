-- The first shape of the ledger. Every table has columns for what is asked for and a body (JSON) for the rest, so that
-- a new detail of a rotation or pair needs no migration. Times are integer nanoseconds since 1970 UTC, 0 for none:
-- they sort, compare and mean the same in every database.

-- +goose Up

CREATE TABLE rotations (
    n           INTEGER PRIMARY KEY,            -- order of opening
    id          TEXT    NOT NULL UNIQUE,
    credential  TEXT    NOT NULL,
    lane        TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    open        INTEGER NOT NULL,               -- 1 until the journey has ended
    old_pair    TEXT    NOT NULL,
    rev         INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    next_at     INTEGER NOT NULL,
    owner       TEXT    NOT NULL DEFAULT '',
    lease_until INTEGER NOT NULL DEFAULT 0,
    told        INTEGER NOT NULL DEFAULT 0,     -- last word there was when it was claimed: later ones keep it awake
    body        TEXT    NOT NULL
);
CREATE INDEX rotations_ready ON rotations (open, next_at);
CREATE INDEX rotations_credential ON rotations (credential);
-- Two open journeys of one credential would each undo the other's work. Burials only watch.
CREATE UNIQUE INDEX rotations_one_journey ON rotations (credential) WHERE open = 1 AND lane <> 'burial';
CREATE UNIQUE INDEX rotations_one_burial ON rotations (old_pair) WHERE open = 1 AND lane = 'burial';

CREATE TABLE pairs (
    n          INTEGER PRIMARY KEY,             -- order of first sight
    id         TEXT    NOT NULL UNIQUE,
    credential TEXT    NOT NULL,
    life       TEXT    NOT NULL,
    digest     TEXT    NOT NULL,                -- of the ciphertext; outlives it
    sealed     BLOB,                            -- the only column that holds ciphertext; NULL once wiped
    body       TEXT    NOT NULL
);
CREATE INDEX pairs_credential ON pairs (credential, life);

CREATE TABLE prints (
    pair  TEXT NOT NULL REFERENCES pairs (id),
    name  TEXT NOT NULL,                        -- "field@key id", or "@key id" for the whole
    print TEXT NOT NULL,
    PRIMARY KEY (pair, name)
);
-- "Was this ever seen, anywhere?" is asked before every paste is taken in.
CREATE INDEX prints_seen ON prints (name, print);

CREATE TABLE words (
    seq        INTEGER PRIMARY KEY,             -- one sequence for the whole ledger
    credential TEXT    NOT NULL,
    rotation   TEXT    NOT NULL,                -- '' for a word on the credential
    kind       TEXT    NOT NULL,
    expires    INTEGER NOT NULL,
    body       TEXT    NOT NULL
);
CREATE INDEX words_credential ON words (credential, seq);
CREATE INDEX words_rotation ON words (rotation, seq);

CREATE TABLE events (
    n          INTEGER PRIMARY KEY,             -- order over all chains
    chain      TEXT    NOT NULL,
    seq        INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    who        TEXT    NOT NULL,
    from_state TEXT    NOT NULL,
    to_state   TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    data       TEXT    NOT NULL,                -- JSON object
    prev       TEXT    NOT NULL,
    hash       TEXT    NOT NULL,
    UNIQUE (chain, seq)                         -- a chain cannot fork
);

CREATE TABLE calls (
    n          INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    credential TEXT    NOT NULL,
    pair       TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    host       TEXT    NOT NULL,
    method     TEXT    NOT NULL,
    path       TEXT    NOT NULL,
    status     INTEGER NOT NULL,
    code       TEXT    NOT NULL,
    verdict    TEXT    NOT NULL,
    trace_id   TEXT    NOT NULL,
    request_id TEXT    NOT NULL,
    latency    INTEGER NOT NULL,                -- nanoseconds
    digest     TEXT    NOT NULL,
    body       TEXT    NOT NULL                 -- what is read back; the columns above are for people's queries
);
CREATE INDEX calls_credential ON calls (credential, n);
CREATE INDEX calls_at ON calls (at);

-- A call may go when it is old enough, never otherwise: Prune moves this line first, in the same transaction. The digest
-- stays, so that a call the trail names is known to have aged out and not to have been taken away.
CREATE TABLE retention (id INTEGER PRIMARY KEY CHECK (id = 1), calls_before INTEGER NOT NULL);
INSERT INTO retention (id, calls_before) VALUES (1, 0);
CREATE TABLE pruned_calls (digest TEXT PRIMARY KEY, at INTEGER NOT NULL);

-- Smoke calls of the last minutes, shared by every process that uses this ledger.
CREATE TABLE probes (
    n     INTEGER PRIMARY KEY,
    key   TEXT    NOT NULL,
    host  TEXT    NOT NULL,
    at    INTEGER NOT NULL,
    state TEXT    NOT NULL                      -- asked, fine, failing
);
CREATE INDEX probes_key ON probes (key, at);

-- Hosts that asked for silence (Retry-After), and until when: every process keeps it.
CREATE TABLE silences (
    host  TEXT PRIMARY KEY,
    until INTEGER NOT NULL
);

-- What was said and what happened is appended, never changed: also by a hand with a SQL prompt.

-- +goose StatementBegin
CREATE TRIGGER events_keep BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER words_keep BEFORE UPDATE ON words BEGIN SELECT RAISE(ABORT, 'words are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER words_stay BEFORE DELETE ON words BEGIN SELECT RAISE(ABORT, 'words are append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER prints_keep BEFORE UPDATE ON prints BEGIN SELECT RAISE(ABORT, 'prints are only added to'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER prints_stay BEFORE DELETE ON prints BEGIN SELECT RAISE(ABORT, 'prints are only added to'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER pairs_stay BEFORE DELETE ON pairs BEGIN SELECT RAISE(ABORT, 'pairs outlive everything'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER pairs_dead BEFORE UPDATE OF life ON pairs WHEN OLD.life = 'dead' AND NEW.life NOT IN ('dead', 'orphan')
BEGIN SELECT RAISE(ABORT, 'a proven death stays'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER rotations_stay BEFORE DELETE ON rotations BEGIN SELECT RAISE(ABORT, 'rotations stay'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER calls_keep BEFORE UPDATE ON calls BEGIN SELECT RAISE(ABORT, 'calls are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER calls_stay BEFORE DELETE ON calls WHEN OLD.at >= (SELECT calls_before FROM retention WHERE id = 1)
BEGIN SELECT RAISE(ABORT, 'calls go by age only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER pruned_keep BEFORE UPDATE ON pruned_calls BEGIN SELECT RAISE(ABORT, 'digests of pruned calls stay'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER pruned_stay BEFORE DELETE ON pruned_calls BEGIN SELECT RAISE(ABORT, 'digests of pruned calls stay'); END;
-- +goose StatementEnd
