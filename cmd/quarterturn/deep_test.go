package main

import (
	"strings"
	"testing"

	"quarterturn/rotator"
	"quarterturn/secret"
)

func deepScenes(tb testing.TB) []*deepScene {
	keys, err := secret.ParseKeys(strings.NewReader("qtf-00000001:" + strings.Repeat("5a", 32)))
	if err != nil {
		tb.Fatal(err)
	}
	all := []*deepScene{
		{name: "fresh", spec: deepSpec(), state: rotator.Closed, holds: 1, lives: map[int]rotator.Life{0: rotator.Dead, 1: rotator.Current}},
	}
	for _, sc := range all {
		sc.keys = keys
	}
	return all
}

func TestDeepTry(t *testing.T) {
	for _, sc := range deepScenes(t) {
		s, err := sc.begin()
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < 100 && !sc.done(&s); i++ {
			r := sc.run(s, nil, false, t.Logf)
			if s = r.s; r.err != nil {
				t.Fatal(r.err)
			}
			for _, row := range s.book.rows {
				r := row.rotation()
				t.Logf("      %s %s next %s: %s; %q", r.Lane, r.State, r.NextAt.Format("01-02 15:04"), r.Why, r.Command)
			}
		}
		if err := sc.ended(&s); err != nil {
			t.Error(err)
		}
	}
}
