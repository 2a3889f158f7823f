package ledger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quarterturn/ledger/ledgertest"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// crashPath tells the test binary to be the process that gets killed.
const crashPath = "QUARTERTURN_TEST_CRASH"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashPath); path != "" {
		fmt.Fprintln(os.Stderr, scribble(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// scribble writes until it is killed, and prints a line after each commit. Every transaction touches everything a
// Record can touch, so that half of one would show.
func scribble(path string) error {
	ctx, clock := context.Background(), ledgertest.NewClock()
	l, err := OpenSQLite(ctx, path, clock.Now, Options{})
	if err != nil {
		return err
	}
	for {
		clock.Advance(time.Hour)
		r, err := l.Claim(ctx, "r1", "child", time.Minute)
		if errors.Is(err, rotator.ErrHeld) {
			continue // by the child that was killed before this one
		}
		if err != nil {
			return err
		}
		n := r.Rev
		r.Why = fmt.Sprint(n)
		p := rotator.Pair{ID: rotator.PairID(fmt.Sprintf("p%d", n)), Credential: "one", Life: rotator.Orphan,
			Sealed: secret.Sealed(strings.Repeat(fmt.Sprint(n), 3000)), Prints: secret.Prints{"@k": fmt.Sprint(n)}}
		b := rotator.Rotation{ID: rotator.ID(fmt.Sprintf("b%d", n)), Credential: "one", Lane: rotator.Burial,
			State: rotator.AwaitingRevocation, Old: p.ID}
		if _, err := l.Record(ctx, rotator.Change{Rotation: r, Pairs: []rotator.Pair{p}, Opens: []rotator.Rotation{b},
			Events: []rotator.Event{{Kind: "one"}, {Kind: "two"}}, Release: n%2 == 0}); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// TestKilledWhileWriting kills a writer a few times over, each time after a different number of commits, and then finds
// whole transactions only, all of those that were reported among them.
func TestKilledWhileWriting(t *testing.T) {
	path, clock := filepath.Join(t.TempDir(), "ledger.db"), ledgertest.NewClock()
	l := openAt(t, path, clock.Now, Options{})
	r := rotator.Rotation{ID: "r1", Credential: "one", Lane: rotator.Routine, State: rotator.DueState}
	if err := l.Open(t.Context(), r, rotator.Event{Kind: "opened"}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	committed := int64(0)
	for _, commits := range []int{1, 2, 3, 5, 8, 13} {
		committed = max(committed, killAfter(t, path, commits))
		l := openAt(t, path, clock.Now, Options{})
		checkWhole(t, l, committed)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		clock.Advance(day)
	}
}

// killAfter returns the last commit that the child reported.
func killAfter(t *testing.T, path string, commits int) (last int64) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), crashPath+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range commits {
		if !lines.Scan() {
			t.Fatal("the child ended by itself")
		}
		if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
			t.Fatal(err)
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	return last
}

func checkWhole(t *testing.T, l *SQLite, committed int64) {
	t.Helper()
	report := verify(t, l)
	all, err := l.Rotations(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	done := all[0].Rev - 1
	if done < committed {
		t.Errorf("%d commits were reported, %d are there", committed, done)
	}
	trail, err := l.Events(t.Context(), "r1")
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK() || int64(len(all)) != 1+done || int64(report.Pairs) != done || int64(len(trail)) != 1+2*done ||
		all[0].Why != fmt.Sprint(done) {
		t.Errorf("half a transaction: rev %d, %d rotations, %d events, report %+v", all[0].Rev, len(all), len(trail), report)
	}
}
