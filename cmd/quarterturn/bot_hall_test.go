package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"quarterturn/internal/crashtest"
	"quarterturn/internal/sim"
	"quarterturn/rotator"
)

// botEndState is one world that a crash left, by the way that leads to it.
type botEndState struct {
	scene crashScene
	point crashtest.Point
}

func (e botEndState) String() string { return e.scene.name + "/" + e.point.String() }

// botHall sends bots from the worlds that crashes left: from each a person at a terminal, and one without. Worlds that are
// alike (as in docs/decisions/0023) are walked from once.
type botHall struct {
	root   string
	filter botFilter
	tell   func(...any) // hears of the first findings as they come; nil: nobody does
	mu     sync.Mutex
	walked map[deepDigest]string      // which seat was tried in a world, or both
	owed   map[deepDigest]botEndState // worlds that only one seat was tried in
	tally  *botTally
}

func newBotHall(root string, filter botFilter) *botHall {
	return &botHall{root: root, filter: filter, walked: map[deepDigest]string{}, owed: map[deepDigest]botEndState{},
		tally: newBotTally()}
}

// botSeats are the two, and botFirst is what is typed there first: nobody knows more after a crash.
func botSeats() [2]string { return [2]string{"terminal", "pipe"} }

func botFirst(seat string) string {
	if seat == "pipe" {
		return "quarterturn run"
	}
	return "quarterturn status"
}

// others walks from the other seat where only one was tried.
func (h *botHall) others(ctx context.Context, workers int) {
	var rest []botEndState
	for _, e := range h.owed {
		rest = append(rest, e)
	}
	h.spread(ctx, workers, rest)
}

// spread walks from every end state once, alternating between seats.
func (h *botHall) spread(ctx context.Context, workers int, ends []botEndState) {
	queue := make(chan botEndState)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for e := range queue {
				h.enter(ctx, e)
			}
		})
	}
	for _, e := range ends {
		queue <- e
	}
	close(queue)
	group.Wait()
}

// enter tells a story to its crash, and lets a bot go on from there.
func (h *botHall) enter(ctx context.Context, at botEndState) {
	seat := ""
	err := crashEndAt(ctx, h.root, at.scene, at.point, func(e crashEnd) error {
		d, err := botDigest(ctx, e)
		if seat = h.claim(d, at); err != nil || seat == "" {
			return err
		}
		return h.walk(ctx, seat, e)
	})
	if err != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		f := fmt.Sprintf("%s, %s: %v\n  make test-bot BOT='%s'", at, seat, err, at)
		h.tally.found = append(h.tally.found, f)
		if h.tell != nil && len(h.tally.found) <= 10 {
			h.tell(f)
		}
	}
}

// claim is the seat to walk from a world with, "" when both were.
func (h *botHall) claim(d deepDigest, at botEndState) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	seats := botSeats()
	first := seats[len(h.walked)%2]
	switch was := h.walked[d]; was {
	case "":
		h.walked[d], h.owed[d] = first, at
		return first
	case seats[0], seats[1]:
		h.walked[d] = "both"
		delete(h.owed, d)
		return map[string]string{seats[0]: seats[1], seats[1]: seats[0]}[was]
	}
	return ""
}

func newBot(e crashEnd, seat string, filter botFilter) (*bot, error) {
	b := &bot{crashTeller: e.crashTeller, tally: newBotTally(), stood: map[string]int{}, seat: botPipe{filter}}
	for _, p := range []sim.Shown{e.old, e.fresh} {
		if p.ID != "" {
			b.pairs = append(b.pairs, p)
		}
	}
	if seat != "terminal" {
		return b, nil
	}
	t, err := newBotTerminal(filter)
	b.seat = t
	return b, err
}

// walk is one bot's way. An error carries all that was printed.
func (h *botHall) walk(ctx context.Context, seat string, e crashEnd) error {
	b, err := newBot(e, seat, h.filter)
	if err != nil {
		return err
	}
	end, err := b.drive(ctx, botFirst(seat))
	if back := end == "rolled back" || end == "abandoned"; back && e.Scene != "rollback" && e.Scene != "abandon" {
		err = errors.Join(err, fmt.Errorf("it ended %s, and nobody asked to go back", end))
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, strings.Join(b.script, "\n"))
	}
	h.join(b.tally, end)
	return errors.Join(err, b.seat.Close())
}

func (h *botHall) join(t *botTally, end string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tally.runs, h.tally.steps, h.tally.blind = h.tally.runs+1, h.tally.steps+t.steps, h.tally.blind+t.blind
	for line, n := range t.lines {
		h.tally.lines[line] += n
	}
	if end != "" {
		h.tally.ended[end]++
	}
}

// ---- worlds that are alike -------------------------------------------------------------------------------------------

// botDigest is deepDigest of a world with a real ledger.
func botDigest(ctx context.Context, e crashEnd) (d deepDigest, err error) {
	w := &deepWriter{now: e.clock.now(), ids: map[string]string{}}
	book, err := botBook(ctx, e)
	if err != nil {
		return d, err
	}
	w.book(&book)
	b := bot{crashTeller: e.crashTeller}
	key := b.inFile()
	w.put("file", key == e.old.Key, key == e.fresh.Key, "person", e.fresh.ID != "", e.receipt != nil, e.gone[e.old.ID], e.gone[e.fresh.ID])
	if e.service != nil {
		w.put("restarts", e.service.Restarts())
	}
	sum := sha256.Sum256(w.text)
	copy(d[:], sum[:])
	return d, nil
}

// botBook is what decides how the ledger goes on, as the ledger in memory has it.
func botBook(ctx context.Context, e crashEnd) (book deepBook, err error) {
	if book.pairs, err = e.shop.ledger.Pairs(ctx, demoName); err != nil {
		return book, err
	}
	order := map[string]string{} // fragments are made by chance
	for i, p := range book.pairs {
		order[p.Fragment] = strconv.Itoa(i)
		book.pairs[i].Fragment = ""
	}
	if book.words, err = e.shop.ledger.Words(ctx, demoName); err != nil {
		return book, err
	}
	all, err := e.shop.ledger.Rotations(ctx, demoName)
	if err != nil {
		return book, err
	}
	leases, err := botLeases(ctx, e.path("quarterturn.db"))
	for _, r := range all {
		for i := range r.Facts.Approvals {
			r.Facts.Approvals[i].Spec = "" // a digest of a configuration that names ports
		}
		if r.Facts.Revoked != nil {
			r.Facts.Revoked.Fragment = order[r.Facts.Revoked.Fragment]
		}
		r.Command, r.Facts.Told.Command = botID.ReplaceAllString(r.Command, "PAIR"), botID.ReplaceAllString(r.Facts.Told.Command, "PAIR")
		row := deepRow{id: r.ID, lease: leases[r.ID]}
		row.take(r)
		book.rows = append(book.rows, row)
	}
	return book, err
}

// botLeases are those of dead processes.
func botLeases(ctx context.Context, file string) (map[rotator.ID]time.Time, error) {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(ctx, `SELECT id, lease_until FROM rotations WHERE lease_until > 0`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	leases := map[rotator.ID]time.Time{}
	for rows.Next() {
		var id string
		var until int64
		if err := rows.Scan(&id, &until); err != nil {
			return nil, err
		}
		leases[rotator.ID(id)] = time.Unix(0, until).UTC()
	}
	return leases, rows.Err()
}
