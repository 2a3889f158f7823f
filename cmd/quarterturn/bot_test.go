package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"

	"quarterturn/internal/crashtest"
)

// botEnds are the end states to walk from: all of the crash harness, those of a story, one that is named as a finding names
// it, or a fixed sample.
func botEnds(ctx context.Context, root, which string) (ends []botEndState, err error) {
	for n, sc := range botScenes() {
		points, err := crashtest.Story{Name: sc.name, Play: func(ctx context.Context, s *crashtest.Stopper) error {
			return sc.on(ctx, root, s, func(t *crashTeller) error { return sc.tell(ctx, t) })
		}}.Points(ctx)
		if err != nil {
			return nil, err
		}
		for i, p := range points {
			e := botEndState{sc, p}
			if which == "all" || which == sc.name || which == e.String() || which == "" && botSample(n, i, len(points)) {
				ends = append(ends, e)
			}
		}
	}
	return ends, nil
}

// botSample is one point of n in each story: early in one, late in the next.
func botSample(story, i, n int) bool { return i == n/5+story%2*n/2 }

// TestNextLine: whatever a crash left, the printed lines alone lead a person to an end.
func TestNextLine(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as in TestCrashPoints
	root, which := crashFolder(t), os.Getenv("QUARTERTURN_BOT")
	ends, err := botEnds(t.Context(), root, which)
	if err != nil || len(ends) == 0 {
		t.Fatalf("%d end states: %v", len(ends), err)
	}
	hall := newBotHall(root, nil)
	hall.tell = t.Error
	hall.spread(t.Context(), 4, ends)
	if which != "" {
		hall.others(t.Context(), 4)
	}
	hall.tally.ends, hall.tally.distinct = len(ends), len(hall.walked)
	t.Log(hall.tally)
	if testing.Verbose() {
		fmt.Println(strings.TrimSpace(hall.tally.String()))
	}
}

// TestNextLineDigest: a world is told twice with other ids, pairs and keys, and is alike; one a call later is not.
func TestNextLineDigest(t *testing.T) {
	root, sc := crashFolder(t), crashScenes()[0]
	digest := func(p crashtest.Point) (d deepDigest) {
		err := crashEndAt(t.Context(), root, sc, p, func(e crashEnd) (err error) {
			d, err = botDigest(t.Context(), e)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	late := crashtest.Point{Call: "probe", N: 18, At: crashtest.Before}
	if digest(late) != digest(late) {
		t.Error("one end state has two digests")
	}
	put := crashtest.Point{Call: "put env", N: 1, At: crashtest.Before}
	if after := (crashtest.Point{Call: "put env", N: 1, At: crashtest.Unanswered}); digest(put) == digest(after) {
		t.Error("a written file makes no difference")
	}
}

// TestNextLineFindsPlants puts one fault at a time into what is printed; without it the same walks end well.
func TestNextLineFindsPlants(t *testing.T) {
	root := crashFolder(t)
	at := []botEndState{{crashScenes()[0], crashtest.Point{Call: "put env", N: 1, At: crashtest.Unanswered}}}
	for name, plant := range map[string]struct {
		filter botFilter
		want   string
	}{
		"none":                               {nil, ""},
		"a line that names another command":  {botSwap("Next: quarterturn revoked", "Next: quarterturn rollback"), "usage error"},
		"no line where a person is awaited":  {botSwap("Next: quarterturn revoked "+demoName+"\n", ""), "nothing moves"},
		"a line that leads back to itself":   {botSwap("Next: quarterturn revoked", "Next: quarterturn status"), "nothing moves"},
		"a line with a word for another":     {botSwap("Next: quarterturn revoked "+demoName, "Next: quarterturn revoked "+demoName+" --last4 LAST"), "as it stands"},
		"a line with a flag nobody knows":    {botSwap("Next: quarterturn run", "Next: quarterturn run --all"), "usage error"},
		"the key in use is to be revoked":    {botTurned, "I-10"},
		"a second key is asked for":          {botSwap("Next: quarterturn revoked", "Next: quarterturn submit"), "asked for again"},
		"a line in the middle of the output": {botSwap("Next: quarterturn revoked "+demoName+"\n", "Next: quarterturn revoked "+demoName+"\nGood luck.\n"), "nothing moves"},
	} {
		hall := newBotHall(root, plant.filter)
		hall.spread(t.Context(), 1, at) // the first is at a terminal
		found := strings.Join(hall.tally.found, "\n")
		if plant.want == "" && found != "" || !strings.Contains(found, plant.want) {
			t.Errorf("%s: found %q, want %q", name, found, plant.want)
		}
	}
}

func botSwap(from, to string) botFilter {
	return func(_ []string, shown string) string { return strings.ReplaceAll(shown, from, to) }
}

// botTurned exchanges what to revoke and what to keep.
func botTurned(_ []string, shown string) string {
	both := regexp.MustCompile(`(key ends in +)(\S{4})( +)(\S{4})`)
	one := regexp.MustCompile(`(?s)revoke the key ending in (\S{4})(.*?)keep(\s+)the key ending in (\S{4})`)
	return one.ReplaceAllString(both.ReplaceAllString(shown, "$1$4$3$2"), "revoke the key ending in ${4}${2}keep${3}the key ending in $1")
}
