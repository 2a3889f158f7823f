package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"time"

	"quarterturn/internal/config"
	"quarterturn/ledger"
	"quarterturn/rotator"
)

// trailCopy is an export that was read, with what is wrong with it.
type trailCopy struct {
	since  time.Time
	later  int // chains that begin after their first event
	events []rotator.Event
	heads  []exportLine
	last   map[rotator.ID]rotator.Event
	report ledger.Report
}

func (t *trailCopy) add(chain rotator.ID, seq int64, what string) {
	t.report.Problems = append(t.report.Problems, ledger.Problem{Chain: chain, Seq: seq, What: what})
}

func (a *app) verifyFile(ctx ctxt, file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return usage("the export cannot be read; nothing was checked")
	}
	t := readTrail(b)
	there, err := a.ledgerThere()
	if err != nil {
		return err
	}
	if there {
		err = a.with(ctx, func(s *shop) error { return t.against(ctx, s.ledger) })
	}
	if err != nil {
		return err
	}
	err = a.p.give(answer{json: map[string]any{"chains": t.report.Chains, "events": t.report.Events, "later": t.later,
		"ledger": there, "problems": problemViews(t.report)}, text: func(p *printer) { t.print(p, there) }})
	if len(t.report.Problems) > 0 {
		return errors.Join(err, quietly(exitStop))
	}
	return err
}

func problemViews(r ledger.Report) []map[string]any {
	all := []map[string]any{}
	for _, p := range r.Problems {
		all = append(all, map[string]any{"chain": string(p.Chain), "seq": p.Seq, "what": p.What})
	}
	return all
}

// ledgerThere looks before anything is opened: opening would make a new ledger.
func (a *app) ledgerThere() (bool, error) {
	if _, err := os.Stat(a.config); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	var known catalogue
	cfg, err := config.Load(a.config, kindsOf(&known))
	if err != nil {
		return false, opening(err)
	}
	_, err = os.Stat(cfg.Ledger.Path)
	return err == nil, nil
}

func (t *trailCopy) print(p *printer, there bool) {
	for _, bad := range t.report.Problems {
		p.mark("STOP", "%s event %d: %s", bad.Chain, bad.Seq, bad.What)
	}
	if len(t.report.Problems) == 0 {
		p.mark("ok", "%d events in %d chains of the export are whole", t.report.Events, t.report.Chains)
	}
	if t.later > 0 {
		p.mark("note", "%d chains begin later, as --since asked: what came before is not in the export", t.later)
	}
	switch {
	case !there:
		p.mark("note", "no ledger is there: only the file was checked")
	case len(t.report.Problems) == 0:
		p.mark("ok", "the ledger holds every exported event, unchanged")
	}
}

// readTrail checks an export by itself.
func readTrail(b []byte) *trailCopy {
	t := &trailCopy{last: map[rotator.ID]rotator.Event{}}
	lines := bytes.SplitAfter(b, []byte("\n"))
	read, ended := 0, false
	for i, line := range lines {
		if len(line) == 0 {
			continue
		}
		var l exportLine
		if json.Unmarshal(line, &l) != nil || (i == 0) != (l.Type == "export") || l.Version > 1 || ended {
			t.add("", 0, "a line is not one of an export")
			return t
		}
		if ended = l.Type == "end"; ended {
			sum := sha256.Sum256(b[:read])
			ended = l.Digest == hex.EncodeToString(sum[:])
		}
		t.take(l)
		read += len(line)
	}
	if !ended {
		t.add("", 0, "the export was changed, or its end is missing")
	}
	t.checkHeads()
	return t
}

func (t *trailCopy) take(l exportLine) {
	switch l.Type {
	case "export":
		if l.Since != nil {
			t.since = *l.Since
		}
	case "event":
		t.link(l)
	case "head":
		t.heads = append(t.heads, l)
	}
}

func (t *trailCopy) link(l exportLine) {
	e := rotator.Event{Rotation: rotator.ID(l.Chain), Seq: l.Seq, Kind: l.Kind, Who: l.Who, From: rotator.State(l.From),
		To: rotator.State(l.To), Text: l.Text, Data: l.Data, Prev: l.Prev, Hash: l.Hash}
	if l.At != nil {
		e.At = *l.At
	}
	before, known := t.last[e.Rotation]
	later := !known && e.Seq > 1 && !t.since.IsZero()
	switch {
	case !later && e.Seq != before.Seq+1:
		t.add(e.Rotation, e.Seq, "events before it are missing")
	case !later && e.Prev != before.Hash:
		t.add(e.Rotation, e.Seq, "it does not follow the event before it")
	case e.Hash != ledger.Hash(e):
		t.add(e.Rotation, e.Seq, "it was changed after it was recorded")
	}
	if later {
		t.later++
	}
	t.last[e.Rotation] = e
	t.events = append(t.events, e)
	t.report.Events++
}

func (t *trailCopy) checkHeads() {
	headed := map[rotator.ID]bool{}
	for _, h := range t.heads {
		id := rotator.ID(h.Chain)
		last, known := t.last[id]
		if headed[id] = true; (known || t.since.IsZero()) && (last.Seq != h.Seq || last.Hash != h.Hash) {
			t.add(id, h.Seq, "the chain does not end at its head")
		}
	}
	for id := range t.last {
		if !headed[id] {
			t.add(id, 0, "the chain has no head")
		}
	}
	t.report.Chains = len(t.heads)
}

// against looks whether the ledger holds every exported event and head, computed again.
func (t *trailCopy) against(ctx ctxt, l *ledger.SQLite) error {
	want := map[rotator.ID]map[int64]string{}
	for _, h := range t.heads {
		want[rotator.ID(h.Chain)] = map[int64]string{h.Seq: h.Hash}
	}
	for _, e := range t.events {
		if want[e.Rotation] == nil {
			want[e.Rotation] = map[int64]string{}
		}
		want[e.Rotation][e.Seq] = e.Hash
	}
	for _, h := range t.heads {
		events, err := l.Events(ctx, rotator.ID(h.Chain))
		if err != nil {
			return err
		}
		t.extends(h, events, want[rotator.ID(h.Chain)])
	}
	return nil
}

func (t *trailCopy) extends(h exportLine, events []rotator.Event, want map[int64]string) {
	id := rotator.ID(h.Chain)
	if len(events) == 0 || events[len(events)-1].Seq < h.Seq {
		t.add(id, h.Seq, "the ledger's chain ends before the exported head: its end was cut off")
		return
	}
	for _, e := range events {
		if hash, named := want[e.Seq]; named && ledger.Hash(e) != hash {
			t.add(id, e.Seq, "the ledger's event is not the exported one: it was rewritten")
			return
		}
	}
}
