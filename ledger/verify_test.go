package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"quarterturn/ledger/ledgertest"
	"quarterturn/rotator"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// story fills a ledger with two rotations, a word, a pair and a call that the trail names.
func story(t *testing.T, l *SQLite, clock *ledgertest.Clock) {
	t.Helper()
	ctx, now := t.Context(), clock.Now()
	call := rotator.Call{ID: "call1", Credential: "one", Pair: "p1",
		Reading: vendors.Reading{Verdict: vendors.Accepted, Host: "api.example", Status: 200, At: now}}
	p := rotator.Pair{ID: "p1", Credential: "one", Life: rotator.Candidate, Prints: secret.Prints{"@k": "print"},
		Sealed: secret.Sealed(strings.Repeat("ciphertext that must go away ", 1000))} // fills pages of its own
	for _, err := range []error{
		l.Open(ctx, rotator.Rotation{ID: "r1", Credential: "one", Lane: rotator.Routine, State: rotator.AwaitingKey},
			rotator.Event{Kind: "opened", Who: "quarterturn"}),
		l.Open(ctx, rotator.Rotation{ID: "r2", Credential: "two", Lane: rotator.Routine, State: rotator.DueState},
			rotator.Event{Kind: "opened", Who: "quarterturn"}),
		l.Log(ctx, call),
		l.Keep(ctx, p, rotator.Word{Rotation: "r1", Kind: rotator.Submitted, Who: "ada"},
			rotator.Event{Kind: "submitted", Who: "ada", Data: map[string]string{"call.call1": rotator.Digest(call)}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := l.Claim(ctx, "r1", "worker", time.Minute)
	if err == nil {
		_, err = l.Record(ctx, rotator.Change{Rotation: r, Events: []rotator.Event{{Kind: "moved"}}, Release: true})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func verify(t *testing.T, l *SQLite) Report {
	t.Helper()
	r, err := l.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerifyFindsNothingInAStory(t *testing.T) {
	clock := ledgertest.NewClock()
	l := open(t, clock.Now)
	story(t, l, clock)
	r := verify(t, l)
	if !r.OK() || r.Chains != 2 || r.Events != 4 || r.Pairs != 1 || r.Calls != 1 || r.Pruned != 0 {
		t.Errorf("report is %+v", r)
	}
}

// TestVerifyFindsTampering changes the file as a hand with a SQL prompt would that dropped the triggers first.
func TestVerifyFindsTampering(t *testing.T) {
	for _, c := range []struct {
		what, sql string
		chain     rotator.ID
		seq       int64
		says      string
	}{
		{"changed text", `UPDATE events SET text = 'x' WHERE chain = 'r1' AND seq = 2`, "r1", 2, "changed"},
		{"changed data", `UPDATE events SET data = '{"call.call1":"00"}' WHERE chain = 'r1' AND seq = 2`, "r1", 2, "changed"},
		{"changed time", `UPDATE events SET at = at + 1 WHERE chain = 'r1' AND seq = 1`, "r1", 1, "changed"},
		{"missing event", `DELETE FROM events WHERE chain = 'r1' AND seq = 2`, "r1", 3, "events 2 to 2 are missing"},
		{"missing start", `DELETE FROM events WHERE chain = 'r1' AND seq = 1`, "r1", 2, "events 1 to 1 are missing"},
		{"replaced hash", `UPDATE events SET hash = '00' WHERE chain = 'r1' AND seq = 1`, "r1", 2, "follow"},
		{"missing chain", `DELETE FROM events WHERE chain = 'r2'`, "r2", 0, "no trail"},
		{"replaced ciphertext", `UPDATE pairs SET sealed = x'00'`, "credential:one", 0, "pair p1"},
		{"changed call", `UPDATE calls SET body = replace(body, 'api.example', 'other')`, "credential:one", 0, "call1"},
		{"missing call", `DELETE FROM calls`, "r1", 2, "call.call1"},
		{"call moved in time", `UPDATE calls SET at = at + 1`, "credential:one", 0, "call1"},
		{"an index taken away by hand", `PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'calls_at'`, "", 0, "damaged"},
	} {
		t.Run(c.what, func(t *testing.T) {
			clock := ledgertest.NewClock()
			l := open(t, clock.Now)
			story(t, l, clock)
			for _, trigger := range []string{"events_keep", "events_stay", "calls_keep", "calls_stay"} {
				must(t, l, `DROP TRIGGER `+trigger)
			}
			must(t, l, c.sql)
			for _, p := range verify(t, l).Problems {
				if p.Chain == c.chain && p.Seq == c.seq && strings.Contains(p.What, c.says) {
					return
				}
			}
			t.Errorf("not found; the report is %+v", verify(t, l))
		})
	}
}

// TestVerifyTellsInOrder: the file, calls, chains, pairs, rotations; and a call that says no time of its own is no problem.
func TestVerifyTellsInOrder(t *testing.T) {
	clock := ledgertest.NewClock()
	l := open(t, clock.Now)
	story(t, l, clock)
	allRight(t, l.Log(t.Context(), rotator.Call{ID: "untimed", Credential: "one"}),
		l.Open(t.Context(), rotator.Rotation{ID: "r3", Credential: "three", Lane: rotator.Routine}, rotator.Event{Kind: "opened"}))
	for _, query := range []string{`DROP TRIGGER events_keep`, `DROP TRIGGER events_stay`, `DROP TRIGGER calls_keep`,
		`UPDATE calls SET at = at + 1 WHERE id = 'call1'`, `UPDATE events SET text = 'x' WHERE chain = 'r1' AND seq = 1`,
		`UPDATE pairs SET sealed = x'00'`, `DELETE FROM events WHERE chain IN ('r2', 'r3')`,
		`PRAGMA writable_schema = ON; DELETE FROM sqlite_master WHERE name = 'calls_at'`} {
		must(t, l, query)
	}
	var said []rotator.ID
	for _, p := range verify(t, l).Problems {
		said = append(said, p.Chain)
	}
	if want := []rotator.ID{"", "credential:one", "r1", "credential:one", "r2", "r3"}; !slices.Equal(said, want) {
		t.Errorf("%v, want %v: %+v", said, want, verify(t, l).Problems)
	}
}

func must(t *testing.T, l *SQLite, query string) {
	t.Helper()
	if _, err := l.db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

// TestAppendOnly is I-14's last part: with the triggers in place the file itself refuses.
func TestAppendOnly(t *testing.T) {
	clock := ledgertest.NewClock()
	l := open(t, clock.Now)
	story(t, l, clock)
	must(t, l, `UPDATE pairs SET life = 'dead'`)
	for _, query := range []string{
		`UPDATE events SET text = 'x'`, `DELETE FROM events`, `UPDATE words SET kind = 'x'`, `DELETE FROM words`,
		`UPDATE prints SET print = 'x'`, `DELETE FROM prints`, `DELETE FROM pairs`, `DELETE FROM rotations`,
		`UPDATE calls SET host = 'x'`, `DELETE FROM calls`, `UPDATE pairs SET life = 'current'`,
	} {
		if _, err := l.db.ExecContext(t.Context(), query); err == nil {
			t.Errorf("allowed: %s", query)
		}
	}
	if r := verify(t, l); !r.OK() || r.Events != 4 || r.Calls != 1 {
		t.Errorf("report is %+v", r)
	}
}

func TestPrune(t *testing.T) {
	clock := ledgertest.NewClock()
	l := open(t, clock.Now)
	story(t, l, clock)
	clock.Advance(400 * day)
	for _, c := range []struct {
		after time.Duration
		gone  int64
	}{{0, 0}, {time.Second, 1}, {day, 0}} {
		clock.Advance(c.after)
		if gone, err := l.Prune(t.Context()); err != nil || gone != c.gone {
			t.Errorf("after %s: %d gone, %v; want %d", c.after, gone, err, c.gone)
		}
	}
	if r := verify(t, l); !r.OK() || r.Pruned != 1 || r.Calls != 0 {
		t.Errorf("report is %+v", r)
	}
}

// TestPruneForgetsNothingYoung: a call that is not old enough is not listed as aged out either, and the line that was
// reached is never drawn back.
func TestPruneForgetsNothingYoung(t *testing.T) {
	clock := ledgertest.NewClock()
	l := open(t, clock.Now)
	story(t, l, clock)
	allRight(t, l.Log(t.Context(), rotator.Call{ID: "untimed", Credential: "one"}))
	count := func(query string) (n int64) {
		allRight(t, l.db.QueryRowContext(t.Context(), query).Scan(&n))
		return n
	}
	prune := func() {
		_, err := l.Prune(t.Context())
		allRight(t, err)
	}
	clock.Advance(400 * day)
	prune()
	line := count(`SELECT calls_before FROM retention`)
	clock.Advance(-day)
	prune()
	if n := count(`SELECT count(*) FROM pruned_calls`); n != 0 || count(`SELECT count(*) FROM calls`) != 2 {
		t.Errorf("%d calls are listed as aged out before their time", n)
	}
	if got := count(`SELECT calls_before FROM retention`); got != line {
		t.Errorf("the line was drawn back to %d from %d", got, line)
	}
}

// TestReadyTellsOldCalls when there are some to prune, and not before.
func TestReadyTellsOldCalls(t *testing.T) {
	clock := ledgertest.NewClock()
	l := open(t, clock.Now)
	story(t, l, clock)
	old := func(want bool) {
		t.Helper()
		a, err := l.Ready(t.Context(), clock.Now(), 9)
		if err != nil || a.OldCalls != want {
			t.Errorf("old calls: %v, %v; want %v", a.OldCalls, err, want)
		}
	}
	clock.Advance(400 * day)
	old(false)
	clock.Advance(1)
	old(true)
	_, err := l.Prune(t.Context())
	allRight(t, err)
	old(false)
}

// TestHash computes a hash from the documented encoding, written out by hand.
func TestHash(t *testing.T) {
	e := rotator.Event{Rotation: "r1", Seq: 12, At: time.Unix(1, 5).UTC(), Kind: "moved", Who: "ada", From: "due",
		To: "awaiting_key", Text: "é", Data: map[string]string{"b": "", "a": "1,2"}, Prev: "ff", Hash: "not part of it"}
	encoded := "20:quarterturn event v1,2:r1,2:12,10:1000000005,5:moved,3:ada,3:due,12:awaiting_key,2:é,1:2," +
		"1:a,3:1,2,1:b,0:,2:ff,"
	sum := sha256.Sum256([]byte(encoded))
	if got := Hash(e); got != hex.EncodeToString(sum[:]) {
		t.Errorf("hash is %s", got)
	}
}

func TestErrorsOfADeadContext(t *testing.T) {
	l := open(t, ledgertest.NewClock().Now)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Say(ctx, rotator.Word{Credential: "one"})
	if !errors.Is(err, context.Canceled) || !strings.HasPrefix(fmt.Sprint(err), "ledger "+l.path) {
		t.Errorf("error is %v", err)
	}
}
