package policies

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func instants() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		if rapid.Bool().Draw(t, "a day") {
			return time.Unix(0, 0).UTC().AddDate(0, 0, rapid.IntRange(18262, 47480).Draw(t, "day"))
		}
		zone := time.FixedZone("drawn", rapid.IntRange(-14*3600, 14*3600).Draw(t, "zone"))
		return time.Unix(rapid.Int64Range(1577836800, 4102444800).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "ns")).In(zone)
	})
}

func drawPolicy(t *rapid.T) Policy {
	p := Quarterly()
	p.MaxAge = time.Duration(rapid.Int64Range(2, int64(400*Day)).Draw(t, "max_age"))
	p.RotateAt = time.Duration(rapid.Int64Range(1, int64(p.MaxAge)).Draw(t, "rotate_at"))
	steps := rapid.SliceOfNDistinct(rapid.Int64Range(1, int64(p.MaxAge)-1), 0, 4, rapid.ID).Draw(t, "remind")
	slices.Sort(steps)
	p.Remind = nil
	for _, s := range slices.Backward(steps) {
		p.Remind = append(p.Remind, time.Duration(s))
	}
	if rapid.Bool().Draw(t, "freeze") {
		from := instants().Draw(t, "from")
		p.Freezes = []Freeze{{from, from.Add(time.Duration(rapid.Int64Range(1, int64(60*Day)).Draw(t, "for"))), "drawn"}}
	}
	return p
}

// near draws moments around created, so that the interesting boundaries are met.
func near(t *rapid.T, created time.Time, label string) time.Time {
	return created.Add(time.Duration(rapid.Int64Range(-int64(Day), int64(450*Day)).Draw(t, label)))
}

func rank(l Level) int { return slices.Index([]Level{Fresh, Due, Overdue}, l) }

// I-15: a key's age is never under-reported.
func TestNeverUnderReports(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, created := drawPolicy(t), instants().Draw(t, "created")
		now := near(t, created, "now")
		f := Judge(p, created, now)
		if bad := p.Validate(); bad != nil {
			t.Fatal(bad)
		}
		if f.Rule == "" || rank(f.Level) < 0 {
			t.Fatalf("says nothing: %+v", f)
		}
		if Earliest(created).Sub(now) > Skew && (f.Known || f.Level != Overdue) {
			t.Fatalf("a future creation was believed: %+v", f)
		}
		if f.Known && f.Age < now.Sub(Earliest(created)) {
			t.Fatalf("younger than it is: %+v", f)
		}
		if f.Known && (f.Level == Overdue) != (f.Age >= p.MaxAge) {
			t.Fatalf("wrong level: %+v", f)
		}
		if f.Level == Fresh && f.Age >= p.RotateAt {
			t.Fatalf("due, and not said: %+v", f)
		}
		if f.Frozen != nil && f.Level == Overdue {
			t.Fatalf("a freeze holds up an overdue key: %+v", f)
		}
	})
}

// Once a creation time is credible, waiting never makes a key look better; nor does an older key look better than a younger.
func TestMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, created := drawPolicy(t), instants().Draw(t, "created")
		a, b := near(t, created, "a"), near(t, created, "b")
		if b.Before(a) {
			a, b = b, a
		}
		first, then := Judge(p, created, a), Judge(p, created, b)
		if first.Known && (rank(then.Level) < rank(first.Level) || then.DaysLeft > first.DaysLeft || then.Age < first.Age) {
			t.Fatalf("better later: %+v, then %+v", first, then)
		}
		before := created.Add(-time.Duration(rapid.Int64Range(0, int64(100*Day)).Draw(t, "older")))
		older := Judge(p, before, a)
		if Earliest(before).After(Earliest(created)) {
			return // a time within the day that is taken from its earliest moment
		}
		if first.Known && rank(older.Level) < rank(first.Level) {
			t.Fatalf("an older key looks better: %+v, %+v", first, older)
		}
	})
}

func TestNextChangeIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, created := drawPolicy(t), instants().Draw(t, "created")
		now := near(t, created, "now")
		was, next := Judge(p, created, now), NextChange(p, created, now)
		if next.IsZero() {
			if last := Judge(p, created, now.AddDate(200, 0, 0)); !alike(was, last) {
				t.Fatalf("never, they said: %+v, %+v", was, last)
			}
			return
		}
		if !next.After(now) || alike(was, Judge(p, created, next)) {
			t.Fatalf("nothing changes at %s: %+v", next, was)
		}
		between := now.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(now))-1).Draw(t, "between")))
		if f := Judge(p, created, between); !alike(was, f) {
			t.Fatalf("changed before: %+v, %+v", was, f)
		}
	})
}

func TestZonesDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, created := drawPolicy(t), instants().Draw(t, "created")
		now := near(t, created, "now")
		if diff := cmp.Diff(Judge(p, created.UTC(), now.UTC()), Judge(p, created, now)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Reminders and Judge agree about when a step is reached.
func TestRemindersAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, created := drawPolicy(t), instants().Draw(t, "created")
		at := Reminders(p, created)
		if len(at) != len(p.Remind) {
			t.Fatalf("%d reminders for %d steps", len(at), len(p.Remind))
		}
		for i, step := range p.Remind {
			if got := Judge(p, created, at[i]).Remind; got != step {
				t.Fatalf("at %s: step %s, want %s", at[i], got, step)
			}
			if got := Judge(p, created, at[i].Add(-1)).Remind; got == step {
				t.Fatalf("step %s is reached too early", step)
			}
		}
	})
}
