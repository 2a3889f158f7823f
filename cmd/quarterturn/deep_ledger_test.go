package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"quarterturn/ledger"
	"quarterturn/ledger/ledgertest"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// deepBook is what a ledger keeps, in memory. Nothing in it is ever changed in place: a copy of the struct is a snapshot,
// which is what lets a story go on a million times from the middle.
type deepBook struct {
	rows    []deepRow
	pairs   []rotator.Pair
	words   []rotator.Word
	events  *deepList[rotator.Event]
	heads   []rotator.Event // the last of each chain, oldest chain first
	calls   *deepList[rotator.Call]
	items   []rotator.Item // by name
	parcels []rotator.Parcel
	stock   string
	behind  bool
	skew    time.Duration
	epochs  []deepEpoch
}

// deepList is a list to which many histories append.
type deepList[T any] struct {
	last   T
	before *deepList[T]
}

func (l *deepList[T]) with(v T) *deepList[T] { return &deepList[T]{v, l} }

// after: it goes on from was.
func (l *deepList[T]) after(was *deepList[T]) bool {
	for ; l != was; l = l.before {
		if l == nil {
			return false
		}
	}
	return true
}

// all is oldest first.
func (l *deepList[T]) all() (all []T) {
	for ; l != nil; l = l.before {
		all = append(all, l.last)
	}
	slices.Reverse(all)
	return all
}

type deepEpoch struct {
	credential string
	epoch      int64
}

type deepRow struct {
	id         rotator.ID
	credential string
	lane       rotator.Lane
	old        rotator.PairID
	open       bool
	rev, epoch int64
	next       time.Time
	lease      time.Time
	told       int64 // last word there was when it was claimed
	kept       *deepKept
	heard      int64
	pair       rotator.PairID // the new one
	noWayBack  bool           // none was ever there, or nobody wanted one
	state      rotator.State
}

// deepLedger is a rotator.Ledger on a book. It passes the suite that SQLite's passes. Safe for concurrent use.
type deepLedger struct {
	mu  sync.Mutex
	b   *deepBook
	now func() time.Time
}

var _ rotator.Ledger = (*deepLedger)(nil)

var errDeepRefused = errors.New("the ledger in memory refuses this")

// write is one transaction: all of f or nothing.
func (l *deepLedger) write(ctx context.Context, f func(s deepSession) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	before := *l.b
	err := f(deepSession{l.b, l.now().UTC()})
	if err != nil {
		*l.b = before
	}
	return err
}

func (l *deepLedger) look(f func(s deepSession)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(deepSession{l.b, l.now().UTC()})
}

type deepSession struct {
	*deepBook
	now time.Time
}

// added never shares what it appends to.
func added[T any](all []T, v T) []T { return append(slices.Clip(all), v) }

// set replaces one of a copy.
func set[T any](all []T, i int, v T) []T {
	all = slices.Clone(all)
	all[i] = v
	return all
}

// deepJSON is what v is when it has been written and read.
func deepJSON[T any](v T) (T, error) {
	var back T
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	return back, err
}

// ---- rotations -------------------------------------------------------------------------------------------------------

func (l *deepLedger) Open(ctx context.Context, r rotator.Rotation, e ...rotator.Event) error {
	return l.write(ctx, func(s deepSession) error {
		if err := s.open(r); err != nil {
			return err
		}
		return s.trail(r.ID, e, ledger.CredentialChain(r.Credential))
	})
}

func (s deepSession) open(r rotator.Rotation) error {
	burial := r.Lane == rotator.Burial
	if r.ID == "" || r.Credential == "" || burial && r.Old == "" {
		return errDeepRefused
	}
	for _, row := range s.rows {
		switch {
		case row.id == r.ID:
			return rotator.ErrExists
		case !row.open || (row.lane == rotator.Burial) != burial:
		case !burial && row.credential == r.Credential, burial && row.old == r.Old:
			return rotator.ErrOpen
		}
	}
	if r.OpenedAt.IsZero() {
		r.OpenedAt = s.now
	}
	row := deepRow{id: r.ID, rev: 1}
	row.take(r)
	s.rows = added(s.rows, row)
	return nil
}

// take makes the row what r says, but for rev, epoch and lease.
func (row *deepRow) take(r rotator.Rotation) {
	row.credential, row.lane, row.old, row.state, row.open = r.Credential, r.Lane, r.Old, r.State, !r.State.Over()
	row.next, row.heard, row.pair = r.NextAt.UTC(), r.Facts.Heard, r.New
	row.noWayBack = r.Facts.NoRollback != "" || r.Facts.OldDead
	r.Words, r.OpenedAt, r.EnteredAt = nil, r.OpenedAt.UTC(), r.EnteredAt.UTC()
	row.kept = &deepKept{r: deepCopy(r)}
}

// deepKept is a rotation as it was recorded, and never changed.
type deepKept struct {
	r    rotator.Rotation
	core string // what of it decides how things go on; "" until somebody asks
}

func (k *deepKept) decides() string {
	if k.core == "" {
		k.core = deepCore(k.r)
	}
	return k.core
}

// deepCopy shares nothing that anybody changes in place.
func deepCopy(r rotator.Rotation) rotator.Rotation {
	f := &r.Facts
	f.Places, f.Runs, f.Proofs = maps.Clone(f.Places), maps.Clone(f.Runs), maps.Clone(f.Proofs)
	f.Attested, f.Parts = maps.Clone(f.Attested), maps.Clone(f.Parts)
	f.Triples, f.Approvals, f.Waivers = slices.Clone(f.Triples), slices.Clone(f.Approvals), slices.Clone(f.Waivers)
	for _, w := range []**rotator.Word{&f.Revoked, &f.WishWord, &f.Portal, &f.EndWord, &f.Window, &f.Lone} {
		*w = deepPointer(*w)
	}
	f.Intent = deepPointer(f.Intent)
	return r
}

func deepPointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func (row deepRow) rotation() rotator.Rotation {
	r := deepCopy(row.kept.r)
	r.Rev, r.Epoch, r.NextAt = row.rev, row.epoch, row.next
	return r
}

func (s deepSession) row(id rotator.ID) int {
	return slices.IndexFunc(s.rows, func(row deepRow) bool { return row.id == id })
}

func (l *deepLedger) Claim(ctx context.Context, id rotator.ID, _ string, ttl time.Duration) (r rotator.Rotation, err error) {
	err = l.write(ctx, func(s deepSession) error {
		i := s.row(id)
		switch {
		case i < 0 || !s.rows[i].open:
			return rotator.ErrNotFound
		case s.rows[i].lease.After(s.now):
			return rotator.ErrHeld
		}
		row := s.rows[i]
		row.lease, row.told, row.epoch = s.now.Add(ttl), int64(len(s.words)), s.nextEpoch(row.credential)
		s.rows = set(s.rows, i, row)
		r = row.rotation()
		r.Words = s.unheard(r)
		return nil
	})
	return r, err
}

func (s deepSession) nextEpoch(credential string) int64 {
	for i, e := range s.epochs {
		if e.credential == credential {
			s.epochs = set(s.epochs, i, deepEpoch{credential, e.epoch + 1})
			return e.epoch + 1
		}
	}
	s.epochs = added(s.epochs, deepEpoch{credential, 1})
	return 1
}

func (s deepSession) unheard(r rotator.Rotation) (words []rotator.Word) {
	for _, w := range s.words {
		waiver := w.Rotation == "" && w.Credential == r.Credential && w.Kind == rotator.WaiveIt && w.Expires.After(s.now)
		if w.Rotation == r.ID && w.Seq > r.Facts.Heard || waiver {
			words = append(words, w)
		}
	}
	return words
}

func (l *deepLedger) Record(ctx context.Context, c rotator.Change) (int64, error) {
	err := l.write(ctx, func(s deepSession) error {
		i := s.row(c.Rotation.ID)
		if i < 0 {
			return rotator.ErrNotFound
		}
		row := s.rows[i]
		for _, f := range []func() error{
			func() error { return s.swap(i, c) },
			func() error { return s.keepAll(row.credential, c.Pairs) },
			func() error { return s.opens(row.credential, c) },
		} {
			if err := f(); err != nil {
				return err
			}
		}
		s.aside(row.credential, c)
		others := []rotator.ID{ledger.CredentialChain(row.credential)}
		for _, o := range c.Opens {
			others = append(others, o.ID)
		}
		return s.trail(c.Rotation.ID, c.Events, others...)
	})
	if err != nil {
		return 0, err
	}
	return c.Rotation.Rev + 1, nil
}

// swap is the compare-and-swap.
func (s deepSession) swap(i int, c rotator.Change) error {
	row, r := s.rows[i], c.Rotation
	word := slices.ContainsFunc(s.words, func(w rotator.Word) bool {
		return w.Seq > row.told && (w.Rotation == r.ID || w.Rotation == "" && w.Credential == row.credential)
	})
	if r.Rev != row.rev || r.Epoch != row.epoch || !row.lease.After(s.now) || !row.open || word && r.State.Over() {
		return rotator.ErrStale
	}
	r.Credential, r.Lane, r.OpenedAt = row.credential, row.lane, row.kept.r.OpenedAt
	if word && r.NextAt.After(s.now) {
		r.NextAt = s.now
	}
	if until := s.now.Add(c.Lease); until.After(row.lease) {
		row.lease = until
	}
	if c.Release || r.State.Over() {
		row.lease = time.Time{}
	}
	row.rev++
	row.take(r)
	s.rows = set(s.rows, i, row)
	return nil
}

func (s deepSession) opens(credential string, c rotator.Change) error {
	for _, o := range c.Opens {
		if o.Credential != credential {
			return errDeepRefused
		}
		if err := s.open(o); err != nil {
			return err
		}
		told := slices.ContainsFunc(c.Events, func(e rotator.Event) bool { return e.Rotation == o.ID && e.Kind == "opened" })
		if !told {
			s.chain(rotator.Event{Rotation: o.ID, Kind: "opened", Who: "quarterturn", To: o.State, Text: o.Why,
				Data: map[string]string{"pair": string(o.Old), "by": string(c.Rotation.ID)}})
		}
	}
	return nil
}

// aside is what a Record changes beside the rotation.
func (s deepSession) aside(credential string, c rotator.Change) {
	for _, m := range c.Messages {
		s.parcels = added(s.parcels, rotator.Parcel{Seq: int64(len(s.parcels)) + 1, Message: m, NextAt: s.now})
	}
	s.behind = s.behind || c.Behind
	if c.Retires {
		i, _ := s.itemOf(credential)
		i.Credential, i.State, i.LookAt = credential, rotator.Retired, s.now
		s.item(i)
	}
	if c.Rotation.State.Over() {
		s.stir(credential)
	}
}

func (l *deepLedger) Rotations(_ context.Context, credential string) (all []rotator.Rotation, err error) {
	l.look(func(s deepSession) {
		for _, row := range s.rows {
			if credential == "" || row.credential == credential {
				all = append(all, row.rotation())
			}
		}
	})
	return all, nil
}

func (l *deepLedger) Epoch(_ context.Context, credential string) (epoch int64, err error) {
	l.look(func(s deepSession) {
		for _, e := range s.epochs {
			if e.credential == credential {
				epoch = e.epoch
			}
		}
	})
	return epoch, nil
}

// ---- the trail -------------------------------------------------------------------------------------------------------

func (s deepSession) trail(home rotator.ID, events []rotator.Event, others ...rotator.ID) error {
	for _, e := range events {
		e.Rotation = cmp.Or(e.Rotation, home)
		if e.Rotation != home && !slices.Contains(others, e.Rotation) {
			return errDeepRefused
		}
		s.chain(e)
	}
	return nil
}

func (s deepSession) chain(e rotator.Event) {
	e.Kind, e.Who, e.Text = deepClean(e.Kind), deepClean(e.Who), deepClean(e.Text)
	var data map[string]string
	for k, v := range e.Data {
		if data == nil {
			data = map[string]string{}
		}
		data[deepClean(k)] = deepClean(v)
	}
	e.Data, e.At = data, e.At.UTC()
	if e.At.IsZero() {
		e.At = s.now
	}
	e.Seq, e.Prev = 1, ""
	at := slices.IndexFunc(s.heads, func(h rotator.Event) bool { return h.Rotation == e.Rotation })
	if at >= 0 {
		e.Seq, e.Prev = s.heads[at].Seq+1, s.heads[at].Hash
	}
	e.Hash = ledger.Hash(e)
	if s.events = s.events.with(e); at >= 0 {
		s.heads = set(s.heads, at, e)
		return
	}
	s.heads = added(s.heads, e)
}

func deepClean(s string) string { return strings.ReplaceAll(string([]rune(s)), "\x00", "�") }

func (l *deepLedger) Events(_ context.Context, id rotator.ID) (all []rotator.Event, err error) {
	l.look(func(s deepSession) {
		for _, e := range s.events.all() {
			if e.Rotation == id {
				all = append(all, e)
			}
		}
	})
	return all, nil
}

func (l *deepLedger) Chains(context.Context) (all []rotator.ID, err error) {
	l.look(func(s deepSession) {
		for _, h := range s.heads {
			all = append(all, h.Rotation)
		}
	})
	return all, nil
}

// deepWhole computes every chain again, and looks for every call that the trail names.
func deepWhole(b deepBook) error {
	calls := map[string]bool{}
	for _, c := range b.calls.all() {
		calls[rotator.Digest(c)] = true
	}
	last := map[rotator.ID]rotator.Event{}
	for _, e := range b.events.all() {
		if before := last[e.Rotation]; e.Seq != before.Seq+1 || e.Prev != before.Hash || e.Hash != ledger.Hash(e) {
			return fmt.Errorf("the trail %s is broken at %d", e.Rotation, e.Seq)
		}
		for k, v := range e.Data {
			if strings.HasPrefix(k, "call.") && !calls[v] {
				return fmt.Errorf("the trail %s names a call at %d that is not kept", e.Rotation, e.Seq)
			}
		}
		last[e.Rotation] = e
	}
	return nil
}

// TestDeepLedger holds the ledger in memory to what SQLite's is held to.
func TestDeepLedger(t *testing.T) {
	ledgertest.Run(t, func(_ *testing.T, now func() time.Time) rotator.Ledger { return &deepLedger{b: &deepBook{}, now: now} })
}

// sealedOf is a copy that nobody can change.
func sealedOf(s secret.Sealed) secret.Sealed { return slices.Clone(s) }
