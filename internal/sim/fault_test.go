package sim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFaults checks for every effect what the caller sees and whether the request was applied.
func TestFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		fault   Fault
		said    string
		applied bool
		header  map[string]string
	}{
		"fail before":      {fault: Fault{Do: FailBefore}, said: codeBroken},
		"fail before, 502": {fault: Fault{Do: FailBefore, Status: 502}, said: codeBroken},
		"fail after":       {fault: Fault{Do: FailAfter}, said: codeBroken, applied: true},
		"too many": {fault: Fault{Do: TooMany, RetryAfter: 90*time.Second + 1}, said: codeRate,
			header: map[string]string{"Retry-After": "91"}},
		"too many, no hint": {fault: Fault{Do: TooMany}, said: codeRate, header: map[string]string{"Retry-After": ""}},
		"unavailable": {fault: Fault{Do: Unavailable, RetryAfter: time.Minute}, said: "503",
			header: map[string]string{"Retry-After": "60", "Content-Type": "text/html; charset=utf-8"}},
		"lying":             {fault: Fault{Do: LyingUnauthorized}, said: codeInvalid},
		"lying, other code": {fault: Fault{Do: LyingUnauthorized, Code: "BLUM-401-999"}, said: "BLUM-401-999"},
		"forbidden":         {fault: Fault{Do: Forbidden}, said: codeNoProduction},
		"redirect": {fault: Fault{Do: Redirect, To: "http://127.0.0.1:1/x"}, said: "302",
			header: map[string]string{"Location": "http://127.0.0.1:1/x"}},
		"html": {fault: Fault{Do: HTML}, said: "200",
			header: map[string]string{"Content-Type": "text/html; charset=utf-8"}},
		"slow":                 {fault: Fault{Do: Slow, Wait: func(context.Context) {}}, said: "200", applied: true},
		"wrong tenant":         {fault: Fault{Do: WrongTenant}, said: "200", applied: true},
		"wrong environment":    {fault: Fault{Do: WrongEnvironment}, said: "200", applied: true},
		"empty":                {fault: Fault{Do: Empty}, said: "200", applied: true},
		"other environment":    {fault: Fault{Environment: Sandbox}, said: "200", applied: true},
		"other path":           {fault: Fault{Path: "/v1/assets"}, said: "200", applied: true},
		"other pair":           {fault: Fault{KeyID: "key_other"}, said: "200", applied: true},
		"matching all filters": {fault: Fault{Environment: Production, Path: "/v1/acc"}, said: codeBroken},
	} {
		for _, newer := range []bool{false, true} {
			w, _ := newTestWorld(t, Options{Newer: newer})
			s := create(t, w, Acme, Production)
			w.Inject(tc.fault)
			got := askAs(t, w, Production, s)
			if got.said() != tc.said || got.err != nil {
				t.Errorf("%s: %s %v, want %s", name, got.said(), got.err, tc.said)
			}
			if used := !w.Keys(Acme, Production)[0].LastUsed.IsZero(); used != tc.applied {
				t.Errorf("%s: applied %v, want %v", name, used, tc.applied)
			}
			for h, want := range tc.header {
				if got.header.Get(h) != want {
					t.Errorf("%s: %s is %q, want %q", name, h, got.header.Get(h), want)
				}
			}
			w.Calm()
			if got := askAs(t, w, Production, s).said(); got != "200" {
				t.Errorf("after %s: %s", name, got)
			}
		}
	}
}

func TestFaultStatus(t *testing.T) {
	w, _ := newTestWorld(t, Options{})
	s := create(t, w, Acme, Production)
	for fault, want := range map[Effect]int{FailBefore: 504, FailAfter: 504} {
		w.Inject(Fault{Do: fault, Status: 504})
		if got := askAs(t, w, Production, s).status; got != want || w.Requests()[0].Status != want {
			t.Errorf("%d: %d", fault, got)
		}
	}
}

func TestReset(t *testing.T) {
	for _, effect := range []Effect{Reset, ResetAfter} {
		w, _ := newTestWorld(t, Options{})
		s := create(t, w, Acme, Production)
		w.Inject(Fault{Do: effect})
		got := askAs(t, w, Production, s)
		if !errors.Is(got.err, syscall.ECONNRESET) && !errors.Is(got.err, io.EOF) {
			t.Errorf("effect %d: %v", effect, got.err)
		}
		if used := !w.Keys(Acme, Production)[0].LastUsed.IsZero(); used != (effect == ResetAfter) {
			t.Errorf("effect %d: applied %v", effect, used)
		}
		if log := w.Requests(); len(log) != 1 || log[0].Status != 0 {
			t.Errorf("effect %d: logged as %+v", effect, log)
		}
	}
}

func TestTruncate(t *testing.T) {
	for _, newer := range []bool{false, true} {
		w, _ := newTestWorld(t, Options{Newer: newer})
		s := create(t, w, Acme, Production)
		w.Inject(Fault{Do: Truncate})
		whole, cut := 0, askAs(t, w, Production, s)
		if r := askAs(t, w, Production, s); r.err == nil {
			whole = len(r.body)
		}
		if cut.status != 200 || !errors.Is(cut.err, io.ErrUnexpectedEOF) || len(cut.body) != whole/2 || whole == 0 {
			t.Errorf("%d of %d bytes, %v", len(cut.body), whole, cut.err)
		}
	}
}

func TestSlowTellsWhatWasTrueOnArrival(t *testing.T) {
	w, _ := newTestWorld(t, Options{})
	s := create(t, w, Acme, Production)
	arrived, release := make(chan struct{}), make(chan struct{})
	w.Inject(Fault{Do: Slow, Wait: func(context.Context) { close(arrived); <-release }})
	late := make(chan reply)
	go func() { late <- askAs(t, w, Production, s) }()
	<-arrived
	must(t, w.Delete(s.ID)) // the world is not held up
	if got := askAs(t, w, Production, s).said(); got != codeInvalid {
		t.Error(got)
	}
	close(release)
	if got := (<-late).said(); got != "200" {
		t.Errorf("the late answer is %s", got)
	}
}

func TestSlowEndsWhenTheClientGivesUp(t *testing.T) {
	w, _ := newTestWorld(t, Options{})
	s := create(t, w, Acme, Production)
	ended := make(chan struct{})
	w.Inject(Fault{Do: Slow, Wait: func(ctx context.Context) { <-ctx.Done(); close(ended) }})
	w.Inject(Fault{Do: Slow})
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		r := request(t, http.MethodGet, w.URL(Production)+"/accounts").WithContext(ctx)
		r.SetBasicAuth(s.Key, s.Secret)
		if got := do(t, r); !errors.Is(got.err, context.DeadlineExceeded) {
			t.Error(got.said(), got.err)
		}
		cancel()
	}
	<-ended // hangs if the world does not notice
}

func TestWrongViews(t *testing.T) {
	for _, newer := range []bool{false, true} {
		w, _ := newTestWorld(t, Options{Newer: newer})
		s, other := create(t, w, Acme, Production), create(t, w, Globex, Production)
		elsewhere := create(t, w, Acme, Sandbox)
		under := func(e Effect) reply {
			w.Inject(Fault{Do: e, KeyID: s.ID})
			return askAs(t, w, Production, s)
		}
		if !slices.Equal(ids(t, under(WrongTenant)), ids(t, askAs(t, w, Production, other))) {
			t.Error("wrong tenant: not the other's accounts")
		}
		wrong := under(WrongEnvironment)
		if !slices.Equal(ids(t, wrong), ids(t, askAs(t, w, Sandbox, elsewhere))) {
			t.Error("wrong environment: not its accounts")
		}
		if strings.Contains(wrong.body, `"livemode":true`) || strings.Contains(wrong.body, `"livemode":false`) != newer {
			t.Errorf("wrong environment: %s", wrong.body)
		}
		empty := under(Empty)
		if len(ids(t, empty)) != 0 || !strings.Contains(empty.body, "[]") {
			t.Errorf("empty: %s", empty.body)
		}
		for _, e := range []Effect{WrongTenant, WrongEnvironment, Empty} {
			w.Inject(Fault{Do: e})
			if got := ask(t, w, Production, s.Key, "wrong").said(); got != codeInvalid {
				t.Errorf("effect %d lets a wrong secret in: %s", e, got)
			}
		}
	}
}

func TestFaultQueue(t *testing.T) {
	w, _ := newTestWorld(t, Options{})
	s, other := create(t, w, Acme, Production), create(t, w, Acme, Production)
	w.Inject(Fault{Do: LyingUnauthorized, KeyID: s.ID, Times: 2})
	w.Inject(Fault{Do: Unavailable})
	w.Inject(Fault{Do: Forbidden, KeyID: other.ID, Times: -1})
	for i, want := range []struct {
		pair Shown
		said string
	}{
		{s, codeInvalid}, {other, "503"}, {s, codeInvalid}, {s, "200"}, {other, codeNoProduction}, {other, codeNoProduction},
	} {
		if got := askAs(t, w, Production, want.pair).said(); got != want.said {
			t.Errorf("request %d: %s, want %s", i, got, want.said)
		}
	}
	if n := w.Calm(); n != 1 {
		t.Errorf("%d faults left, want the endless one", n)
	}
	if got := askAs(t, w, Production, other).said(); got != "200" {
		t.Errorf("calm: %s", got)
	}
}
