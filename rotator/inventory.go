package rotator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"quarterturn/notify"
)

// Agenda is what a pass has before it, found by one query.
type Agenda struct {
	Rotations   []ID          // open, unleased, NextAt reached, oldest NextAt first
	Credentials []string      // listed, and their age wants to be judged again
	Vanished    []string      // left the configuration without retire, while a pair may be alive (I-20)
	Inventory   string        // digest of the configuration that was last taken in, "" before the first
	Newest      time.Time     // of all events, zero when there is none: a clock behind it is wrong
	Parcels     bool          // messages wait to be delivered
	OldCalls    bool          // calls to vendors are older than they are kept
	Restored    bool          // the ledger is a backup that was put back, and nobody has reconciled it
	Skew        time.Duration // how far a vendor's clock was ahead of this machine's when it last answered; 0 within five minutes
}

// Listed is where a credential stands in the inventory.
type Listed string

const (
	IsListed Listed = "listed"   // in the configuration
	Vanished Listed = "vanished" // it left the configuration without retire
	Left     Listed = "left"     // it left the configuration, and no pair of it may be alive
	Retired  Listed = "retired"  // it ended without successor: it may leave the configuration, and is not judged any more
)

// Item is one credential of the inventory.
type Item struct {
	Credential string
	State      Listed
	Digest     string            // of its spec
	Parts      map[string]string // of its spec, by path: what a change touched can be named without a value
	LookAt     time.Time         // when its age wants to be judged again; the ledger sets it to now when its pairs or rotations change
	Reminded   string            // the reminder that was last given, e.g. "2026-12-01 7d"; "" none
}

// Stock is one change of the inventory, made true in one transaction.
type Stock struct {
	Digest   string               // of the whole configuration; "" leaves it
	Items    []Item               // stored whole
	Seen     map[string]time.Time // LookAt an item was judged by: one that has moved since is left as it is, with its messages; an item not in it is stored whatever it was
	Events   []Event              // on credentials' chains
	Messages []notify.Message
}

// Parcel is a message on its way: it stays in the outbox until every channel has it.
type Parcel struct {
	Seq     int64
	Message notify.Message
	Done    []string // channels that have it, or never will
	Tries   int
	NextAt  time.Time
	Over    bool   // nothing is left to do
	Trouble string // why the last try failed, value-free
}

// never is later than anything that is awaited.
func never() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }

// digest names the whole configuration: every credential with its spec.
func (rt *Rotator) digest() string {
	h := sha256.New()
	for _, name := range rt.names() {
		writeField(h, name)
		writeField(h, rt.creds[name].Spec.Digest)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// takeStock takes a changed configuration into the inventory (I-20): what came, what changed and in which parts, and
// what left. A credential that is new or changed is judged at once.
func (rt *Rotator) takeStock(ctx context.Context) error {
	before, err := rt.o.Ledger.Inventory(ctx)
	if err != nil {
		return err
	}
	st := Stock{Digest: rt.digest()}
	known := map[string]Item{}
	for _, i := range before {
		known[i.Credential] = i
	}
	for _, name := range rt.names() {
		rt.stockOne(&st, rt.creds[name].Spec, known[name])
	}
	if err := rt.stockGone(ctx, &st, known); err != nil {
		return err
	}
	return rt.o.Ledger.Stock(ctx, st)
}

func (rt *Rotator) stockOne(st *Stock, sp Spec, was Item) {
	if was.State == IsListed && was.Digest == sp.Digest || was.State == Retired {
		return
	}
	e := Event{Rotation: credentialChain(sp.Credential), At: rt.now(), Kind: "configured", Who: "quarterturn"}
	switch was.State {
	case "":
		e.Text = "it is in the configuration"
	case Vanished, Left:
		e.Text = "it is in the configuration again"
	default:
		e.Text, e.Data = changedText(was.Parts, sp.Parts)
	}
	st.Events = append(st.Events, e)
	st.Items = append(st.Items, Item{Credential: sp.Credential, State: IsListed, Digest: sp.Digest, Parts: sp.Parts, LookAt: rt.now(),
		Reminded: was.Reminded})
}

// changedText names the parts that differ: paths, never what stands there.
func changedText(before, after map[string]string) (string, map[string]string) {
	data := map[string]string{}
	for _, path := range touched(before, after) {
		switch {
		case before[path] == "":
			data[path] = "added"
		case after[path] == "":
			data[path] = "removed"
		default:
			data[path] = "changed"
		}
	}
	return fmt.Sprintf("its configuration changed in %d %s", len(data), plural("part", len(data))), data
}

// touched lists the paths at which two specs differ, sorted.
func touched(before, after map[string]string) []string {
	var paths []string
	for path, part := range after {
		if before[path] != part {
			paths = append(paths, path)
		}
	}
	for path := range before {
		if _, there := after[path]; !there {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

func plural(word string, n int) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// stockGone marks what left the configuration. A pair that may live, or an open rotation, makes that a finding.
func (rt *Rotator) stockGone(ctx context.Context, st *Stock, known map[string]Item) error {
	gone, err := rt.gone(ctx, known)
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		i := known[name]
		if i.State == Retired || i.State == Vanished && gone[name] || i.State == Left && !gone[name] {
			continue
		}
		text := "it left the configuration without being retired"
		i.Credential, i.State, i.LookAt = name, Vanished, never()
		if !gone[name] {
			i.State, text = Left, "it left the configuration; no pair of it may be alive"
		}
		st.Items = append(st.Items, i)
		st.Events = append(st.Events, Event{Rotation: credentialChain(name), At: rt.now(), Kind: "configured", Who: "quarterturn", Text: text})
	}
	return err
}

// gone are the credentials that are not configured, and whether a pair of theirs may live.
func (rt *Rotator) gone(ctx context.Context, known map[string]Item) (map[string]bool, error) {
	all := map[string]bool{}
	for name := range known {
		if _, there := rt.creds[name]; !there {
			all[name] = false
		}
	}
	pairs, err := rt.o.Ledger.Pairs(ctx, "")
	for _, p := range pairs {
		if _, there := rt.creds[p.Credential]; !there {
			all[p.Credential] = all[p.Credential] || mayLive(p.Life)
		}
	}
	return all, err
}
