package backendtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"quarterturn/backends"
	"quarterturn/secret"
)

// memory is a location in memory, and a place on it that can be told to break any one promise.
type memory struct {
	mu      sync.Mutex
	fields  map[string]string
	label   string
	others  string
	version int
	epoch   int64
	h       Harness
	fault   string
	broken  bool
}

func prints(m secret.Material) secret.Prints {
	p := secret.Prints{}
	for name, v := range m {
		p[name+"@k"] = fmt.Sprintf("%x", sha256.Sum256([]byte(name+v.Reveal())))
	}
	return p
}

func (m *memory) is(fault string) bool { return m.fault == fault }

// fence is the version that a writer is compared with.
func (m *memory) fence() string {
	switch {
	case len(m.fields) == 0:
		return ""
	case m.h.Fencing != "version" || m.is("version of content alone"):
		return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%v%s", m.fields, m.label)))
	}
	return fmt.Sprint("v", m.version)
}

func (m *memory) Put(ctx context.Context, w backends.Write) error {
	if err := ctx.Err(); err != nil && !m.is("writes after the end") {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return backends.ErrForbidden
	}
	next := map[string]string{}
	for _, f := range m.h.Fields {
		if next[f] = w.Material[f].Reveal(); next[f] == "" && !m.is("writes half a pair") {
			return fmt.Errorf("no field %s: %w", f, backends.ErrForbidden)
		}
	}
	if m.is("writes what is not configured") {
		next["not_configured"] = "x"
	}
	label := map[bool]string{true: w.Slot}[m.h.Labels && !m.is("forgets the label")]
	if !m.h.Blind && maps.Equal(next, m.fields) && label == m.label && !m.is("repeating adds a version") {
		return nil
	}
	if m.h.Fencing != "none" && m.fence() != w.Expect && !m.is("ignores Expect") {
		if m.is("shows a value") {
			return fmt.Errorf("%v: %w", next, backends.ErrChanged)
		}
		return backends.ErrChanged
	}
	m.version++
	if m.h.Epochs && !m.is("forgets the epoch") {
		m.epoch = w.Epoch
	}
	m.store(next)
	m.label = label
	if m.is("touches others") {
		m.others = strings.TrimSpace(m.others)
	}
	return nil
}

func (m *memory) store(next map[string]string) {
	if !m.is("field by field") {
		m.fields = next
		return
	}
	m.fields = maps.Clone(m.fields)
	if m.fields == nil {
		m.fields = map[string]string{}
	}
	for name, v := range next {
		m.fields[name] = v
		m.mu.Unlock()
		runtime.Gosched()
		m.mu.Lock()
	}
}

func (m *memory) Observe(ctx context.Context) (backends.Holding, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return backends.Holding{}, err
	}
	if m.is("observing writes") {
		m.others += "seen "
	}
	if len(m.fields) == 0 {
		return backends.Holding{}, map[bool]error{false: backends.ErrAbsent}[m.is("absent is no error")]
	}
	if m.h.Blind {
		return backends.Holding{Grade: backends.Touched, Version: m.fence(), Epoch: m.epoch}, nil
	}
	held := secret.Material{}
	for name, v := range m.fields {
		held[name] = secret.New(v)
	}
	return backends.Holding{Prints: prints(held), Grade: backends.ReadBack, Version: m.fence(), Label: m.label, Epoch: m.epoch}, nil
}

func (m *memory) Check(context.Context) (backends.Readiness, error) {
	r := backends.Readiness{Best: backends.ReadBack, Fencing: m.h.Fencing, Writing: "atomic"}
	if m.h.Blind {
		r.Best = backends.Touched
	}
	if m.h.Torn {
		r.Writing = "torn"
	}
	if m.broken && !m.is("check sees nothing") {
		r.Problems = []string{"broken: mend it"}
	}
	return r, nil
}

func (m *memory) Read(ctx context.Context) (secret.Material, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.fields) == 0 {
		return nil, backends.ErrAbsent
	}
	out := secret.Material{}
	for name, v := range m.fields {
		out[name] = secret.New(v)
	}
	return out, nil
}

func (m *memory) look() (View, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return View{maps.Clone(m.fields), m.label, m.others, fmt.Sprint(m.fields, m.label, m.others, m.version)}, nil
}

func (m *memory) set(by secret.Material) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fields, m.label = reveal(by), ""
	m.version++
	return nil
}

func (m *memory) plant() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.others += "somebody else's "
	return nil
}

func harness(fault string, with func(*Harness)) Harness {
	h := Harness{Prints: prints, Fields: []string{"key", "secret"}, Fencing: "version", Labels: true, Epochs: true}
	if with != nil {
		with(&h)
	}
	h.Fresh = func(T) Location {
		m := &memory{h: h, fault: fault}
		return Location{Open: func(T) backends.Place { return m }, Plant: m.plant, Look: m.look, Set: m.set}
	}
	h.Broken = func(T) backends.Place { return &memory{h: h, fault: fault, broken: true} }
	return h
}

func TestGoodPlacesPass(t *testing.T) {
	for name, with := range map[string]func(*Harness){
		"the best":        nil,
		"without labels":  func(h *Harness) { h.Labels = false },
		"without epochs":  func(h *Harness) { h.Epochs = false },
		"three fields":    func(h *Harness) { h.Fields = append(h.Fields, "url") },
		"fenced by value": func(h *Harness) { h.Fencing = "value" },
		"not fenced":      func(h *Harness) { h.Fencing = "none" },
		"the poorest":     func(h *Harness) { h.Fencing, h.Torn, h.Blind, h.Labels = "none", true, true, false },
	} {
		t.Run(name, func(t *testing.T) { Run(New(t), harness("", with)) })
	}
}

// Every promise is really tried: a place that breaks one fails, in the case that is about it.
func TestBadPlacesFail(t *testing.T) {
	for fault, where := range map[string]string{
		"repeating adds a version":      "basics/repeating adds no version and changes no byte",
		"ignores Expect":                "fencing/a stale writer gets ErrChanged",
		"version of content alone":      "fencing/the same pair comes back as a new version",
		"field by field":                "concurrency/no reader sees a mixed pair",
		"writes after the end":          "stopping/a context that has ended writes nothing",
		"touches others":                "basics/put creates",
		"observing writes":              "looking/observing and reading change nothing",
		"forgets the label":             "looking/the label is seen",
		"forgets the epoch":             "looking/the epoch is seen",
		"writes what is not configured": "basics/put creates",
		"writes half a pair":            "basics/a pair that lacks a field is refused",
		"shows a value":                 "fencing/a stale writer gets ErrChanged",
		"check sees nothing":            "looking/check tells what stands in the way",
		"absent is no error":            "basics/nothing there is ErrAbsent",
	} {
		t.Run(fault, func(t *testing.T) {
			r := &recorder{t: t}
			Run(r, harness(fault, nil))
			if !slices.ContainsFunc(r.failed, func(name string) bool { return strings.HasPrefix(name, where) }) {
				t.Errorf("nothing failed in %q; failed: %q", where, r.failed)
			}
		})
	}
}

// recorder is a T that keeps the names of the failed cases to itself.
type recorder struct {
	t      *testing.T
	name   string
	mu     sync.Mutex
	failed []string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Logf(string, ...any)      {}
func (r *recorder) TempDir() string          { return r.t.TempDir() }
func (r *recorder) Context() context.Context { return r.t.Context() }
func (r *recorder) Fatalf(f string, a ...any) {
	r.Errorf(f, a...)
	runtime.Goexit()
}

func (r *recorder) Errorf(string, ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, r.name)
}

func (r *recorder) Run(name string, f func(T)) bool {
	child := &recorder{t: r.t, name: strings.TrimPrefix(r.name+"/"+name, "/")}
	done := make(chan struct{})
	go func() { defer close(done); f(child) }()
	<-done
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = append(r.failed, child.failed...)
	return len(child.failed) == 0
}

func TestCountdown(t *testing.T) {
	ctx := countdown(t.Context(), 2)
	for i, want := range []error{nil, nil, context.Canceled, context.Canceled} {
		if err := ctx.Err(); !errors.Is(err, want) {
			t.Errorf("question %d: got %v, want %v", i, err, want)
		}
	}
	select {
	case <-countdown(t.Context(), 0).Done():
	default:
		t.Error("it should have ended at the first question")
	}
}
