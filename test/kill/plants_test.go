package kill

import (
	"os"
	"strings"
	"testing"
	"time"
)

// plants are weaknesses that only a kill brings to light. Each must be found. Where the moment that matters lasts
// microseconds the plant makes it longer, by more than a command takes on a busy machine, so that some hundred kills are enough.
func plants() []plant {
	return []plant{
		{"a .env file is written in place", "backends/dotenv/folder.go", []change{{
			`	if err := temp.rename(f.name, was); err != nil {
		return explain("replacing "+f.file(), err)
	}`, `	file, err := f.root.OpenFile(f.name, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	for _, half := range [][]byte{data[:len(data)/2], data[len(data)/2:]} {
		if _, err := file.Write(half); err != nil {
			return err
		}
		if err := file.Sync(); err != nil {
			return err
		}
	}`}}, "no whole pair"},
		{"a pair is called safe before it is", "cmd/quarterturn/cmd_submit.go", []change{{
			`	receipt, err := s.rt.Accept(ctx, p)
`, `	a.p.mark("ok", "Your pair is safe")
	time.Sleep(time.Second)
	receipt, err := s.rt.Accept(ctx, p)
`}, {"	\"io\"\n", "	\"io\"\n	\"time\"\n"}}, "was said to be safe, and is gone"},
		{"a redeploy is recorded before it is made", "rotator/pass.go", []change{{
			`	c, err := w.effect(ectx, m)
`, `	if f := w.r.Facts.Runs[m.Target]; m.Do == Redeploy {
		f.Run.Once, f.Run.State, f.Run.StartedAt, f.Run.EndedAt = f.Once, "succeeded", w.rt.now(), w.rt.now()
		w.r.Facts.Runs[m.Target], w.r.Facts.Intent = f, nil
		if err := w.record(ctx, Change{Lease: lease}); err != nil {
			return true, err
		}
		time.Sleep(3 * time.Second / 2)
	}
	c, err := w.effect(ectx, m)
`}}, "has not proved the pair yet"},
		{"the lease of a dead runner never ends", "ledger/rotations.go", []change{{
			"WHERE id = ? AND open = 1 AND lease_until <= ?`", "WHERE id = ? AND open = 1 AND lease_until = 0 AND ? > 0`"}},
			"of the dead are held on"},
		{"what a killed write left is not swept", "backends/dotenv/temporary.go", []change{{
			"	names, err := f.leftovers()\n	for", "	names, err := []string{}, error(nil)\n	for"},
			{"	return t.file.Sync()\n", "	time.Sleep(3 * time.Second / 2)\n	return t.file.Sync()\n"}}, "at the end the folder holds"},
	}
}

// TestPlants: what the storm finds nothing of in the program, it finds in each weakened build.
func TestPlants(t *testing.T) {
	if os.Getenv("QUARTERTURN_KILL") != "all" {
		say("NOT RUN: the weakened builds of test/kill: make test-kill")
		t.SkipNow()
	}
	for _, p := range plants() {
		t.Run(p.name, func(t *testing.T) {
			bin := build(t, t.TempDir(), p.sow(t))
			for seed := uint64(1); seed <= 24; seed += 3 {
				n := newTally()
				wrong := fate{seed: seed, worlds: 3, atOnce: 3, kills: 40, longest: 2 * time.Minute, patience: 2 * time.Minute}.storms(t, bin, newLives(12), n)
				if found := matching(wrong, p.found); found != "" {
					say("FOUND after %d kills: %s: %s", n.sum(), p.name, found)
					return
				}
				say("  %d kills, and not found yet: %s %q", n.sum(), p.name, wrong)
			}
			t.Error("not found")
		})
	}
}

func matching(wrong []string, part string) string {
	for _, what := range wrong {
		if strings.Contains(what, part) {
			first, _, _ := strings.Cut(what, "\n")
			return first
		}
	}
	return ""
}
