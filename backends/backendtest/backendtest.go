// Package backendtest is the suite that every backend passes: what a place promises, tried from outside. Where a kind of
// place cannot promise something, a knob says so and the suite expects exactly that instead; nothing is skipped.
package backendtest

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"quarterturn/backends"
	"quarterturn/secret"
)

// Harness says how to make places of one kind, and what they promise.
type Harness struct {
	Fresh  func(t T) Location                  // an empty location of its own
	Broken func(t T) backends.Place            // a place that can't be written: Check must say so
	Prints func(secret.Material) secret.Prints // the same that places are given
	Fields []string                            // fields that places are configured for, at least two
	Carry  func(value string) bool             // whether a place can hold the value at all; nil: every value
	Labels bool                                // places carry a generation label
	Epochs bool                                // places carry the epoch of the last write that changed them
	Blind  bool                                // what was written can't be read: the best grade is Touched
	Torn   bool                                // fields are written one by one
	// Fencing is what Check reports: "version", "value" (a stale writer is stopped only while the value differs) or
	// "none" (nothing stops it).
	Fencing string
}

// Location is one place seen from outside.
type Location struct {
	Open  func(t T) backends.Place    // another handle, independent of those before, as another process would have
	Plant func() error                // puts entries around ours that are not ours
	Look  func() (View, error)        // what somebody sees who knows nothing of quarterturn, in one look
	Set   func(secret.Material) error // somebody writes the fields by hand
}

// View is one look from outside.
type View struct {
	Fields map[string]string // our fields that are there
	Label  string
	Others string // everything that is not ours, byte for byte
	All    string // everything, byte for byte, with whatever else a write would change
}

// Run tries everything.
func Run(t T, h Harness) {
	for _, tier := range []struct {
		name  string
		cases []testCase
	}{
		{"basics", basics()},
		{"fencing", fencing()},
		{"values", values(h)},
		{"looking", looking()},
		{"stopping", stopping()},
		{"concurrency", concurrency(h)},
	} {
		t.Run(tier.name, func(t T) { runAll(t, h, tier.cases) })
	}
}

type testCase struct {
	name string
	try  func(*bench)
}

// runAll tries each case in an empty location, and in one among entries of others.
func runAll(t T, h Harness, cases []testCase) {
	for _, c := range cases {
		t.Run(c.name, func(t T) {
			t.Run("alone", func(t T) { c.try(newBench(t, h, false)) })
			t.Run("among others", func(t T) { c.try(newBench(t, h, true)) })
		})
	}
}

// bench is one location under test. Whatever a case does, what is not ours stays as it was.
type bench struct {
	T
	h      Harness
	at     Location
	place  backends.Place
	others string
}

func newBench(t T, h Harness, crowded bool) *bench {
	b := &bench{T: t, h: h, at: h.Fresh(t)}
	if crowded {
		if err := b.at.Plant(); err != nil {
			t.Fatalf("planting entries that are not ours: %v", err)
		}
	}
	b.place = b.at.Open(t)
	b.others = b.look().Others
	if crowded == (b.others == "") {
		t.Fatalf("the harness is wrong: other entries planted: %v, seen: %q", crowded, b.others)
	}
	return b
}

// pair is a material with the configured fields and one that no place is configured for.
func (b *bench) pair(tag string) secret.Material {
	m := secret.Material{"not_configured": secret.New(tag + "-never-to-be-written")}
	for _, f := range b.h.Fields {
		m[f] = secret.New(tag + "-" + f + "-0123456789abcdef")
	}
	return m
}

// ours is what a place keeps of m.
func (b *bench) ours(m secret.Material) secret.Material {
	kept := secret.Material{}
	for _, f := range b.h.Fields {
		kept[f] = m[f]
	}
	return kept
}

// write is a Write of the pair called tag, whose label is derived from it.
func (b *bench) write(tag, expect string) backends.Write {
	return backends.Write{Material: b.pair(tag), Rotation: "rotation-1", Slot: "slot-" + tag, Expect: expect, Epoch: 1}
}

// put must succeed; it returns the version that is there afterwards.
func (b *bench) put(tag, expect string) string {
	b.Helper()
	if err := b.place.Put(b.Context(), b.write(tag, expect)); err != nil {
		b.Fatalf("putting pair %s: %v", tag, err)
	}
	return b.holds(tag)
}

// refused must fail with want, show no value, and change nothing.
func (b *bench) refused(w backends.Write, want error) {
	b.Helper()
	before := b.look()
	err := b.place.Put(b.Context(), w)
	if !errors.Is(err, want) {
		b.Errorf("Put: got %v, want %v", err, want)
	}
	b.quiet(err, w.Material)
	b.same(before, "a refused Put")
}

// quiet fails when an error shows a value.
func (b *bench) quiet(err error, m secret.Material) {
	b.Helper()
	for name, v := range m {
		if err != nil && len(v.Reveal()) >= 8 && strings.Contains(err.Error(), v.Reveal()) {
			b.Errorf("the error shows field %s", name)
		}
	}
}

func (b *bench) look() View {
	b.Helper()
	v, err := b.at.Look()
	if err != nil {
		b.Fatalf("looking from outside: %v", err)
	}
	return v
}

func (b *bench) same(before View, after string) {
	b.Helper()
	if now := b.look(); now.All != before.All {
		b.Errorf("%s changed something", after)
	}
}

func (b *bench) observe() backends.Holding {
	b.Helper()
	h, err := b.place.Observe(b.Context())
	if err != nil {
		b.Fatalf("observing: %v", err)
	}
	return h
}

// holds checks from inside and from outside that the pair called tag is there, and returns its version.
func (b *bench) holds(tag string) string {
	b.Helper()
	return b.holdsMaterial(b.pair(tag), "slot-"+tag)
}

func (b *bench) holdsMaterial(m secret.Material, label string) string {
	b.Helper()
	v := b.look()
	if !maps.Equal(v.Fields, reveal(b.ours(m))) {
		b.Errorf("from outside, the place holds other values, or other fields: %v", slices.Sorted(maps.Keys(v.Fields)))
	}
	if v.Others != b.others {
		b.Errorf("entries that are not ours changed")
	}
	if !b.h.Labels {
		label = ""
	}
	if v.Label != label {
		b.Errorf("from outside, the label is %q, want %q", v.Label, label)
	}
	return b.seen(b.ours(m), label)
}

func (b *bench) seen(m secret.Material, label string) string {
	b.Helper()
	got, grade, prints := b.observe(), backends.ReadBack, b.h.Prints(m)
	if b.h.Blind {
		grade, prints = backends.Touched, nil
	}
	if got.Grade != grade || !maps.Equal(got.Prints, prints) {
		b.Errorf("Observe: grade %s, want %s; prints equal: %v", got.Grade, grade, maps.Equal(got.Prints, prints))
	}
	if got.Version == "" || !b.h.Blind && got.Label != label {
		b.Errorf("Observe: version %q, label %q, want label %q", got.Version, got.Label, label)
	}
	return got.Version
}

// absent checks that Observe finds nothing of ours.
func (b *bench) absent() {
	b.Helper()
	h, err := b.place.Observe(b.Context())
	if !errors.Is(err, backends.ErrAbsent) || len(h.Prints) > 0 || h.Version != "" {
		b.Errorf("Observe: got %v, %v; want ErrAbsent", h, err)
	}
}

func reveal(m secret.Material) map[string]string {
	out := make(map[string]string, len(m))
	for name, v := range m {
		out[name] = v.Reveal()
	}
	return out
}
