package age

import (
	"testing"
	"time"

	"quarterturn/policies"
)

// plants are rules that people really write, each wrong by hours.
func plants(t *testing.T) map[string]rule {
	t.Helper()
	judge, read := product().judge, product().read
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	begins := func(before time.Duration) func(created, now time.Time) policies.Finding {
		return func(created, now time.Time) policies.Finding {
			if !policies.Earliest(created).Equal(created) {
				created = created.Add(-before - time.Nanosecond) // a nanosecond: it no longer looks like a day
			}
			return judge(created, now)
		}
	}
	return map[string]rule{
		"a day begins with UTC's":                {read, begins(0)},
		"a day begins twelve hours before UTC's": {read, begins(12 * time.Hour)},
		"a day begins where the server stands": {func(text string) (time.Time, bool) {
			created, err := time.ParseInLocation(time.DateOnly, text, berlin)
			if err != nil {
				return read(text)
			}
			return created, true
		}, judge},
		"the offset of a time is dropped": {func(text string) (time.Time, bool) {
			if len(text) > 19 {
				text = text[:19] + "Z"
			}
			return read(text)
		}, judge},
		"days are counted on the server's calendar": {read, func(created, now time.Time) policies.Finding {
			return onCalendar(judge, created, now, created.In(berlin).AddDate(0, 0, 90))
		}},
		"three months are taken for ninety days": {read, func(created, now time.Time) policies.Finding {
			return onCalendar(judge, created, now, created.AddDate(0, 3, 0))
		}},
		"ages are rounded down to days": {read, func(created, now time.Time) policies.Finding {
			f := judge(created, now)
			f.Age = f.Age.Truncate(policies.Day)
			return f
		}},
		"overdue only after the ninetieth day": {read, func(created, now time.Time) policies.Finding {
			f := judge(created, now)
			if f.Age == 90*policies.Day {
				f.Level = policies.Due
			}
			return f
		}},
		"tomorrow in the east is the future": {read, func(created, now time.Time) policies.Finding {
			f := judge(created, now)
			f.Known = f.Known && !created.After(now.Add(policies.Skew))
			return f
		}},
	}
}

// onCalendar has a deadline of its own.
func onCalendar(judge func(created, now time.Time) policies.Finding, created, now, deadline time.Time) policies.Finding {
	f := judge(created, now)
	if f.Known && f.Level == policies.Overdue && now.Before(deadline) {
		f.Level = policies.Due
	}
	return f
}

func TestPlantsAreFound(t *testing.T) {
	all := zones(t)
	for name, r := range plants(t) {
		t.Run(name, func(t *testing.T) {
			found := 0
			var first wrong
			r.sweep(all, years(24*41+1), func(_ zone, _ count, bad []wrong) {
				if found += len(bad); len(bad) > 0 && first.zone == "" {
					first = bad[0]
				}
			})
			if found == 0 {
				t.Fatal("not found")
			}
			t.Log(first)
		})
	}
}
