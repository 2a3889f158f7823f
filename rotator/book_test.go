package rotator

import (
	"context"
	"errors"
	"slices"
	"time"

	"quarterturn/notify"
	"quarterturn/secret"
)

// book is a ledger in memory that keeps to the contract's words and nothing more. crash makes the next Record fail as
// if the process had died: nothing is recorded, and the lease stays until it is over.
type book struct {
	now      func() time.Time
	rows     map[ID]*page
	order    []ID
	pairs    []Pair
	words    []Word
	crash    bool
	recorded func(before Rotation, c Change)
	epoch    int64 // over all rotations
	items    map[string]Item
	stock    string
	outbox   []Parcel
}

type page struct {
	r     Rotation
	lease time.Time
	told  int64 // the last word when it was claimed
}

var errCrash = errors.New("the process died here")

func newBook(now func() time.Time) *book {
	return &book{now: now, rows: map[ID]*page{}, items: map[string]Item{}, recorded: func(Rotation, Change) {}}
}

func (b *book) Open(_ context.Context, r Rotation, _ ...Event) error {
	for _, p := range b.rows {
		if !p.r.State.Over() && p.r.Credential == r.Credential && (p.r.Lane == Burial) == (r.Lane == Burial) && (r.Lane != Burial || p.r.Old == r.Old) {
			return ErrOpen
		}
	}
	r.Rev, r.Facts = 1, r.Facts.copy()
	b.rows[r.ID], b.order = &page{r: r}, append(b.order, r.ID)
	return nil
}

func (b *book) Ready(_ context.Context, now time.Time, _ int) (Agenda, error) {
	a := Agenda{Inventory: b.stock}
	waiting, _ := b.Outbox(context.Background(), now, 1)
	a.Parcels = len(waiting) > 0
	for name, i := range b.items {
		switch {
		case i.State == Vanished:
			a.Vanished = append(a.Vanished, name)
		case i.State == IsListed && !i.LookAt.After(now):
			a.Credentials = append(a.Credentials, name)
		}
	}
	for _, id := range b.order {
		if p := b.rows[id]; !p.r.State.Over() && !p.lease.After(now) && !p.r.NextAt.After(now) {
			a.Rotations = append(a.Rotations, id)
		}
	}
	return a, nil
}

func (b *book) Inventory(_ context.Context, names ...string) ([]Item, error) {
	var all []Item
	for name, i := range b.items {
		if len(names) == 0 || slices.Contains(names, name) {
			all = append(all, i)
		}
	}
	return all, nil
}

func (b *book) Stock(_ context.Context, s Stock) error {
	moved := false
	for _, i := range s.Items {
		if at, judged := s.Seen[i.Credential]; judged && !at.Equal(b.items[i.Credential].LookAt) {
			moved = true
			continue
		}
		b.items[i.Credential] = i
	}
	if !moved {
		b.post(s.Messages)
	}
	if s.Digest != "" {
		b.stock = s.Digest
	}
	return nil
}

// stir has a credential's age judged again.
func (b *book) stir(credential string) {
	if i, there := b.items[credential]; there && i.LookAt.After(b.now()) {
		i.LookAt = b.now()
		b.items[credential] = i
	}
}

// post puts messages into the outbox.
func (b *book) post(messages []notify.Message) {
	for _, m := range messages {
		b.outbox = append(b.outbox, Parcel{Seq: int64(len(b.outbox)) + 1, Message: m, NextAt: b.now()})
	}
}

func (b *book) Outbox(_ context.Context, now time.Time, limit int) ([]Parcel, error) {
	var waiting []Parcel
	for _, p := range b.outbox {
		if !p.Over && !p.NextAt.After(now) && len(waiting) < limit {
			waiting = append(waiting, p)
		}
	}
	return waiting, nil
}

func (b *book) Posted(_ context.Context, p Parcel) error {
	b.outbox[p.Seq-1] = p
	return nil
}

func (b *book) Claim(_ context.Context, id ID, _ string, ttl time.Duration) (Rotation, error) {
	p := b.rows[id]
	switch {
	case p == nil || p.r.State.Over():
		return Rotation{}, ErrNotFound
	case p.lease.After(b.now()):
		return Rotation{}, ErrHeld
	}
	b.epoch++
	p.r.Epoch = b.epoch
	p.lease, p.told = b.now().Add(ttl), int64(len(b.words))
	r := p.r
	r.Facts = r.Facts.copy()
	for _, w := range b.words {
		waiver := w.Rotation == "" && w.Credential == r.Credential && w.Kind == WaiveIt && w.Expires.After(b.now())
		if w.Rotation == id && w.Seq > r.Facts.Heard || waiver {
			r.Words = append(r.Words, w)
		}
	}
	return r, nil
}

func (b *book) Record(_ context.Context, c Change) (int64, error) {
	p, r := b.rows[c.Rotation.ID], c.Rotation
	if b.crash {
		b.crash = false
		return 0, errCrash
	}
	unheard := slices.ContainsFunc(b.words, func(w Word) bool {
		return w.Seq > p.told && (w.Rotation == r.ID || w.Rotation == "" && w.Credential == r.Credential)
	})
	if r.Rev != p.r.Rev || r.Epoch != p.r.Epoch || !p.lease.After(b.now()) || unheard && r.State.Over() {
		return 0, ErrStale
	}
	if unheard && r.NextAt.After(b.now()) {
		r.NextAt = b.now()
	}
	b.recorded(p.r, c)
	r.Rev, r.Facts, r.Words = r.Rev+1, r.Facts.copy(), nil
	p.r = r
	if p.lease = later(p.lease, b.now().Add(c.Lease)); c.Release || r.State.Over() {
		p.lease = time.Time{}
	}
	for _, x := range c.Pairs {
		b.keep(x)
	}
	if b.stir(r.Credential); c.Retires {
		b.items[r.Credential] = Item{Credential: r.Credential, State: Retired}
	}
	b.post(c.Messages)
	for _, o := range c.Opens {
		if err := b.Open(context.Background(), o); err != nil {
			return 0, err
		}
	}
	return r.Rev, nil
}

func (b *book) keep(p Pair) {
	if i := slices.IndexFunc(b.pairs, func(q Pair) bool { return q.ID == p.ID }); i >= 0 {
		b.pairs[i] = p
		return
	}
	b.pairs = append(b.pairs, p)
}

func (b *book) Say(_ context.Context, w Word, _ ...Event) (int64, error) {
	if p := b.rows[w.Rotation]; w.Rotation != "" && (p == nil || p.r.State.Over()) {
		return 0, ErrNotFound
	}
	w.Seq = int64(len(b.words)) + 1
	b.words = append(b.words, w)
	for _, p := range b.rows {
		if p.r.ID == w.Rotation || w.Rotation == "" && p.r.Credential == w.Credential {
			p.r.NextAt = earlier(p.r.NextAt, b.now())
		}
	}
	return w.Seq, nil
}

func (b *book) Keep(ctx context.Context, p Pair, w Word, e ...Event) error {
	want, old := AwaitingKey, w.Target == "old"
	if old {
		want = DueState
	}
	again := slices.ContainsFunc(b.pairs, func(q Pair) bool { return q.ID == p.ID && q.Life == Candidate })
	state := b.rows[w.Rotation].r.State
	if again && (state == AwaitingKey || state == Received) {
		b.keep(p)
		return nil
	}
	other := slices.ContainsFunc(b.pairs, func(q Pair) bool {
		return q.ID != p.ID && q.Life == p.Life && q.Credential == p.Credential
	})
	if state != want || other {
		return ErrExists
	}
	b.keep(p)
	_, err := b.Say(ctx, w, e...)
	return err
}

func (b *book) Sealed(_ context.Context, id PairID) (secret.Sealed, error) {
	for _, p := range b.pairs {
		if p.ID == id {
			return p.Sealed, nil
		}
	}
	return nil, ErrNotFound
}

func (b *book) Adopt(_ context.Context, p Pair, _ ...Event) error { b.keep(p); return nil }

func (b *book) Pairs(_ context.Context, credential string) ([]Pair, error) {
	return slices.DeleteFunc(slices.Clone(b.pairs), func(p Pair) bool { return credential != "" && p.Credential != credential }), nil
}

func (b *book) Find(_ context.Context, prints secret.Prints) ([]Pair, error) {
	var found []Pair
	for _, p := range b.pairs {
		if l := p.Prints.Compare(prints); l == secret.Equal || l == secret.Torn {
			found = append(found, p)
		}
	}
	return found, nil
}

func (b *book) Rotations(_ context.Context, credential string) ([]Rotation, error) {
	var all []Rotation
	for _, id := range b.order {
		if r := b.rows[id].r; credential == "" || r.Credential == credential {
			all = append(all, r)
		}
	}
	return all, nil
}

func (b *book) Words(context.Context, string) ([]Word, error) { return slices.Clone(b.words), nil }

func (b *book) Events(context.Context, ID) ([]Event, error) { return nil, nil }

func (b *book) Epoch(context.Context, string) (int64, error) { return b.epoch, nil }

func (b *book) Chains(context.Context) ([]ID, error) { return slices.Clone(b.order), nil }

func (b *book) Log(context.Context, Call) error { return nil }

func (b *book) Calls(context.Context, string) ([]Call, error) { return nil, nil }
