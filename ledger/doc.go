// Package ledger keeps what rotator believes: pairs, rotations, people's words, the trail of events and the log of
// vendor calls, in one SQLite file. A second dialect shares its database/sql code: SQL here uses nothing of SQLite's
// own, except in the files sqlite.go, migrate.go and migrations.
//
// What becomes true and the events that say so are one transaction, with one timestamp. That timestamp comes from the
// clock OpenSQLite was given, read once the write lock is held: for SQLite the process's clock is the database's clock,
// since every process that can open the file runs on the same machine.
//
// # The trail
//
// Every rotation has a chain of events, and so has every credential ("credential:NAME") for what is said or done outside
// a rotation. Seq counts from 1; Prev is the Hash of the event before, "" for the first; Hash is described at Hash.
// Triggers refuse to change or delete events, words and prints, and let vendor calls go by age only. A chain shows that
// its middle was changed; it cannot show that its end was cut off: export heads elsewhere for that.
//
// # Ciphertext
//
// Ciphertext is in the pairs table alone; the trail keeps its digest. A wipe sets it to NULL with secure_delete, which
// overwrites the bytes in the file with zeros. SQLite's write-ahead log still holds pages from before until it is
// checkpointed, so a wipe is followed by a checkpoint that truncates it; while another process reads, that waits for
// the next write or Close. What a file system or disk keeps of overwritten blocks is beyond a program's reach.
package ledger
