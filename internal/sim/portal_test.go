package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestShownOnce(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	c.pass(900 * time.Millisecond)
	shapes := map[string]string{Sandbox: "^test_bluum_[0-9a-f]{32}$", Production: "^bluum_[0-9a-f]{32}$"}
	for environment, shape := range shapes {
		s := create(t, w, Acme, environment)
		if !regexp.MustCompile(shape).MatchString(s.Key) || !regexp.MustCompile("^[0-9a-f]{64}$").MatchString(s.Secret) {
			t.Errorf("%s: key or secret have another shape", environment)
		}
		list := w.Keys(Acme, environment)
		want := Listed{ID: s.ID, Name: "test", LastFour: s.Key[len(s.Key)-4:], Created: s.CreatedAt, Status: Active}
		if len(list) != 1 || list[0] != want {
			t.Errorf("%s: listed %+v, want %+v", environment, list, want)
		}
		if s.CreatedAt.After(c.now()) || c.now().Sub(s.CreatedAt) >= time.Second {
			t.Errorf("created at %s, and it is %s", s.CreatedAt, c.now())
		}
		if holds(everything(w), s) {
			t.Errorf("%s: the world still holds what it showed once", environment)
		}
	}
}

// everything prints all the world keeps of its pairs.
func everything(w *World) string {
	var b strings.Builder
	for _, p := range w.pairs {
		fmt.Fprintf(&b, "%#v %s", *p, reflect.ValueOf(*p))
	}
	return b.String()
}

func TestShownPrintsItsIDAlone(t *testing.T) {
	w, _ := newTestWorld(t, Options{})
	s := create(t, w, Acme, Production)
	text := fmt.Sprintf("%v %+v %#v %s %q %v", s, s, s, s, s, struct{ S *Shown }{&s}.S)
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if holds(text+string(b), s) || !strings.Contains(text, s.ID) {
		t.Error("a printed page holds more than the id")
	}
}

func TestLiveLimit(t *testing.T) {
	const propagation = time.Hour
	for limit, o := range map[int]Options{2: {}, 1: {LiveLimit: 1}, 3: {LiveLimit: 3}} {
		o.Propagation = propagation
		w, c := newTestWorld(t, o)
		var pairs []Shown
		for range limit {
			pairs = append(pairs, create(t, w, Acme, Production))
		}
		full := func(why string) {
			t.Helper()
			if s, err := w.Create(Acme, Production, "more"); !errors.Is(err, ErrLimit) || s != (Shown{}) {
				t.Errorf("limit %d, %s: %v", limit, why, err)
			}
		}
		full("all active")
		must(t, w.Disable(pairs[0].ID))
		c.pass(propagation)
		full("one disabled")
		must(t, w.Expire(pairs[0].ID, c.now()))
		full("one disabled and expired")
		must(t, w.Delete(pairs[0].ID))
		c.pass(propagation - 1)
		full("one deleted, not yet dead")
		create(t, w, Acme, Sandbox)
		create(t, w, Globex, Production)
		c.pass(1)
		create(t, w, Acme, Production)
		full("all active again")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestActsBiteAfterPropagation asks one nanosecond before and at the moment.
func TestActsBiteAfterPropagation(t *testing.T) {
	for _, propagation := range []time.Duration{0, time.Minute, 61 * time.Minute} {
		w, c := newTestWorld(t, Options{Propagation: propagation})
		s := create(t, w, Acme, Production)
		steps := []struct {
			name          string
			act           func(string) error
			before, after string
			listed        Status
		}{
			{"disable", w.Disable, "200", codeInactive, Disabled},
			{"enable", w.Enable, codeInactive, "200", Active},
			{"disable again", w.Disable, "200", codeInactive, Disabled},
			{"delete", w.Delete, codeInactive, codeInvalid, Deleted},
			{"revive", w.Revive, "200", "200", Active},
			{"delete again", w.Delete, "200", codeInvalid, Deleted},
		}
		for _, step := range steps {
			must(t, step.act(s.ID))
			if got := w.Keys(Acme, Production)[0].Status; got != step.listed {
				t.Errorf("%s: the portal shows %s", step.name, got)
			}
			if propagation > 0 {
				c.pass(propagation - 1)
				if got := askAs(t, w, Production, s).said(); got != step.before {
					t.Errorf("%s, %s later less a nanosecond: %s, want %s", step.name, propagation, got, step.before)
				}
				c.pass(1)
			}
			if got := askAs(t, w, Production, s).said(); got != step.after {
				t.Errorf("%s, %s later: %s, want %s", step.name, propagation, got, step.after)
			}
		}
	}
}

func TestExpiry(t *testing.T) {
	w, c := newTestWorld(t, Options{Propagation: time.Hour})
	s := create(t, w, Acme, Production)
	must(t, w.Expire(s.ID, c.now().Add(time.Minute)))
	c.pass(time.Minute - 1)
	if got := askAs(t, w, Production, s).said(); got != "200" {
		t.Error(got)
	}
	c.pass(1)
	if got := askAs(t, w, Production, s).said(); got != codeExpired || w.Keys(Acme, Production)[0].Status != Expired {
		t.Error(got)
	}
	must(t, w.Delete(s.ID))
	c.pass(time.Hour)
	if got := askAs(t, w, Production, s).said(); got != codeInvalid {
		t.Error(got)
	}
}

func TestDeletedStaysDead(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	s := create(t, w, Acme, Production)
	must(t, w.Delete(s.ID))
	for range 100 {
		c.pass(24 * time.Hour)
		if got := askAs(t, w, Production, s).said(); got != codeInvalid {
			t.Fatal(got)
		}
	}
	must(t, w.Revive(s.ID))
	if got := askAs(t, w, Production, s).said(); got != "200" {
		t.Error("revived:", got)
	}
}

func TestPortalRefuses(t *testing.T) {
	w, c := newTestWorld(t, Options{})
	s := create(t, w, Acme, Production)
	gone := create(t, w, Acme, Production)
	must(t, w.Delete(gone.ID))
	for name, tc := range map[string]struct{ got, want error }{
		"create for nobody":       {second(w.Create("nobody", Production, "")), ErrNotFound},
		"create nowhere":          {second(w.Create(Acme, "staging", "")), ErrNotFound},
		"disable nothing":         {w.Disable("key_none"), ErrNotFound},
		"revive nothing":          {w.Revive("key_none"), ErrNotFound},
		"expire nothing":          {w.Expire("key_none", c.now()), ErrNotFound},
		"enable an active one":    {w.Enable(s.ID), ErrStatus},
		"revive an active one":    {w.Revive(s.ID), ErrStatus},
		"delete a deleted one":    {w.Delete(gone.ID), ErrStatus},
		"enable a deleted one":    {w.Enable(gone.ID), ErrStatus},
		"disable a deleted one":   {w.Disable(gone.ID), ErrStatus},
		"a pair's key is no name": {w.Delete(s.Key), ErrNotFound},
	} {
		if !errors.Is(tc.got, tc.want) {
			t.Errorf("%s: %v, want %v", name, tc.got, tc.want)
		}
	}
	if got := askAs(t, w, Production, s).said(); got != "200" {
		t.Error("a refused act did something:", got)
	}
}

func second(_ Shown, err error) error { return err }

func TestPortalFaults(t *testing.T) {
	w, _ := newTestWorld(t, Options{})
	w.Inject(Fault{Do: FailBefore}) // for the API: no business of the portal's
	s := create(t, w, Acme, Production)
	if w.Calm() != 1 {
		t.Error("a fault of the API hit the portal")
	}

	w.Inject(Fault{Path: portalCreate, Do: FailBefore})
	w.Inject(Fault{Path: portalCreate, Do: FailAfter})
	for i, want := range []int{1, 2} {
		if shown, err := w.Create(Acme, Production, "lost"); !errors.Is(err, ErrPortal) || shown != (Shown{}) {
			t.Error(err)
		}
		if n := len(w.Keys(Acme, Production)); n != want {
			t.Errorf("after fault %d there are %d pairs, want %d", i, n, want)
		}
	}
	w.Inject(Fault{Path: portalDelete, KeyID: s.ID, Do: FailBefore})
	w.Inject(Fault{Path: portalDelete, KeyID: s.ID, Do: FailAfter})
	for _, want := range []string{"200", codeInvalid} {
		if err := w.Delete(s.ID); !errors.Is(err, ErrPortal) {
			t.Error(err)
		}
		if got := askAs(t, w, Production, s).said(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if n := w.Calm(); n != 0 {
		t.Errorf("%d faults never hit", n)
	}
}
