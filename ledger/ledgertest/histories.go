package ledgertest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"quarterturn/rotator"
)

// model is a ledger of one credential in plain memory: what histories compares with.
type model struct {
	rotations []*row
	candidate bool
	words     int
	epoch     int64 // one counter over all of the credential's rotations
	events    map[rotator.ID]int
}

type row struct {
	id         rotator.ID
	rev, epoch int64
	state      rotator.State
	next       time.Time
	lease      time.Time
	heard      int // how many of its words a record took in
	words      int
	told       int // how many there were at the last claim
}

func (m *model) open() *row {
	for _, r := range m.rotations {
		if !r.state.Over() {
			return r
		}
	}
	return nil
}

// history runs one random history on a ledger that others use as well, hence the credential of its own.
type history struct {
	*world
	credential string
	model      model
	claims     []rotator.Rotation // every one ever handed out, stale ones included
}

// histories draws sequences of calls, legal and stale, and compares every answer and the whole state with the model.
func histories(w *world) {
	runs := 0
	rapid.Check(w.T, func(t *rapid.T) {
		runs++
		h := &history{world: &world{T: w.T, ctx: w.ctx, ledger: w.ledger, clock: w.clock},
			credential: fmt.Sprintf("credential %d", runs), model: model{events: map[rotator.ID]int{}}}
		h.opens(t)
		t.Repeat(map[string]func(*rapid.T){
			"open": h.opens, "claim": h.takes, "record": h.records, "say": h.says, "keep": h.keeps,
			"advance": func(t *rapid.T) {
				w.clock.Advance(rapid.SampledFrom([]time.Duration{1, time.Second, ttl, time.Hour}).Draw(t, "time"))
			},
			"look": h.compare,
		})
		h.compare(t)
		h.compareTrail(t)
	})
}

func expect(t *rapid.T, what string, err, want error) {
	if !errors.Is(err, want) {
		t.Fatalf("%s: error is %v, want %v", what, err, want)
	}
}

func (h *history) opens(t *rapid.T) {
	id := rotator.ID(fmt.Sprintf("%s, rotation %d", h.credential, len(h.model.rotations)))
	r := h.journey(id, h.credential)
	r.NextAt = h.clock.Now().Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(t, "next"))
	err := h.ledger.Open(h.ctx, r, event("opened"))
	if h.model.open() != nil {
		expect(t, "a second open", err, rotator.ErrOpen)
		return
	}
	expect(t, "open", err, nil)
	h.model.rotations = append(h.model.rotations, &row{id: id, rev: 1, state: r.State, next: r.NextAt})
	h.model.events[id]++
}

// some is any rotation of the history, ended ones included.
func (h *history) some(t *rapid.T) *row {
	return rapid.SampledFrom(h.model.rotations).Draw(t, "rotation")
}

func (h *history) takes(t *rapid.T) {
	m := h.some(t)
	r, err := h.ledger.Claim(h.ctx, m.id, owner, ttl)
	switch {
	case m.state.Over():
		expect(t, "claiming what has ended", err, rotator.ErrNotFound)
		return
	case m.lease.After(h.clock.Now()):
		expect(t, "claiming what is held", err, rotator.ErrHeld)
		return
	}
	expect(t, "claim", err, nil)
	h.model.epoch++
	m.epoch, m.lease, m.told = h.model.epoch, h.clock.Now().Add(ttl), m.words
	if r.Epoch != m.epoch || r.Rev != m.rev || len(r.Words) != m.words-m.heard {
		t.Fatalf("claimed epoch %d, rev %d, %d words; want %d, %d, %d", r.Epoch, r.Rev, len(r.Words), m.epoch, m.rev,
			m.words-m.heard)
	}
	h.claims = append(h.claims, r)
}

func (h *history) records(t *rapid.T) {
	if len(h.claims) == 0 {
		h.takes(t)
		return
	}
	r := rapid.SampledFrom(h.claims).Draw(t, "claim")
	m := h.model.rotations[slices.IndexFunc(h.model.rotations, func(m *row) bool { return m.id == r.ID })]
	if rapid.Bool().Draw(t, "with the rev that is there") {
		r.Rev = m.rev
	}
	r.State = rapid.SampledFrom([]rotator.State{rotator.AwaitingKey, rotator.Staged, rotator.Closed}).Draw(t, "state")
	r.NextAt = h.clock.Now().Add(rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "next"))
	release := rapid.Bool().Draw(t, "release")
	said := m.words > m.told
	fresh := r.Rev == m.rev && r.Epoch == m.epoch && m.lease.After(h.clock.Now()) && !m.state.Over()
	if len(r.Words) > 0 {
		r.Facts.Heard = r.Words[len(r.Words)-1].Seq
	}
	rev, err := h.ledger.Record(h.ctx, rotator.Change{Rotation: r, Events: []rotator.Event{event("recorded")},
		Lease: ttl, Release: release})
	if !fresh || said && r.State.Over() {
		expect(t, "a stale record", err, rotator.ErrStale)
		return
	}
	expect(t, "record", err, nil)
	if rev != m.rev+1 {
		t.Fatalf("new rev %d, want %d", rev, m.rev+1)
	}
	m.take(r, h.clock.Now(), release, said)
	h.model.events[m.id]++
}

// take makes a record true.
func (m *row) take(r rotator.Rotation, now time.Time, release, said bool) {
	m.rev, m.state, m.next, m.heard = m.rev+1, r.State, r.NextAt, m.told
	if said && m.next.After(now) {
		m.next = now
	}
	m.lease = now.Add(ttl)
	if release || r.State.Over() {
		m.lease = time.Time{}
	}
}

func (h *history) says(t *rapid.T) {
	m := h.some(t)
	_, err := h.ledger.Say(h.ctx, rotator.Word{Rotation: m.id, Kind: rotator.Approved, Who: "ada"}, event("said"))
	if m.state.Over() {
		expect(t, "a word nobody hears", err, rotator.ErrNotFound)
		return
	}
	expect(t, "say", err, nil)
	h.hear(m)
}

func (h *history) hear(m *row) {
	m.words++
	h.model.words++
	h.model.events[m.id]++
	if m.next.After(h.clock.Now()) {
		m.next = h.clock.Now()
	}
}

func (h *history) keeps(t *rapid.T) {
	m := h.some(t)
	p := h.candidate(h.credential, rotator.PairID(h.credential+", pair"))
	err := h.ledger.Keep(h.ctx, p, submitted(m.id, p.ID), event("submitted"))
	again := h.model.candidate && m.state == rotator.Received
	if m.state != rotator.AwaitingKey && !again {
		expect(t, "keep", err, rotator.ErrExists)
		return
	}
	expect(t, "keep", err, nil)
	if h.model.candidate { // the same pair again: sealed again, and no other word
		h.model.events[m.id]++
		return
	}
	h.model.candidate = true
	h.hear(m)
}

// compare holds at any time.
func (h *history) compare(t *rapid.T) {
	all, err := h.ledger.Rotations(h.ctx, h.credential)
	expect(t, "rotations", err, nil)
	if len(all) != len(h.model.rotations) {
		t.Fatalf("%d rotations, want %d", len(all), len(h.model.rotations))
	}
	ready, err := h.ledger.Ready(h.ctx, h.clock.Now(), 1<<20)
	expect(t, "ready", err, nil)
	for i, m := range h.model.rotations {
		r := all[i]
		if r.ID != m.id || r.Rev != m.rev || r.Epoch != m.epoch || r.State != m.state || !r.NextAt.Equal(m.next) {
			t.Fatalf("rotation is %+v, want %+v", r, *m)
		}
		due := !m.state.Over() && !m.next.After(h.clock.Now()) && !m.lease.After(h.clock.Now())
		if slices.Contains(ready.Rotations, m.id) != due {
			t.Fatalf("rotation %s ready: %v, want %v", m.id, !due, due)
		}
	}
}

// compareTrail holds at the end: what is appended stays.
func (h *history) compareTrail(t *rapid.T) {
	for _, m := range h.model.rotations {
		if n := len(h.checkChain(m.id)); n != h.model.events[m.id] {
			t.Fatalf("%d events, want %d", n, h.model.events[m.id])
		}
	}
	words, err := h.ledger.Words(h.ctx, h.credential)
	expect(t, "words", err, nil)
	if len(words) != h.model.words {
		t.Fatalf("%d words, want %d", len(words), h.model.words)
	}
}
