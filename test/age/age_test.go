// Package age holds the 90-day rule against every hour of nine years in every time zone: a key's age is never
// under-reported, whatever form its creation date has and wherever the person sits who reads it off the portal (I-15).
package age

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"quarterturn/policies"
)

// rule is what is attacked: how a creation date is read, and what is made of it.
type rule struct {
	read  func(text string) (time.Time, bool)
	judge func(created, now time.Time) policies.Finding
}

func product() rule {
	return rule{policies.Creation, func(created, now time.Time) policies.Finding {
		return policies.Judge(policies.Quarterly(), created, now)
	}}
}

// form is how somebody writes a moment down. slack is how much older than it is, in seconds, the key may be called.
type form struct {
	name  string
	write func(unix, shift int64) string
	slack int64
}

// forms. A day may be called a day and 26 hours too old: it is not known where it was read (UTC+14 to UTC-12), nor
// when on that day the key was made. A time is exact, but for a midnight of UTC, which looks like a day.
func forms() []form {
	return []form{
		{"day on the wall", func(unix, shift int64) string { return date(unix + shift) }, day + 26*hour},
		{"time of the zone", stamp, 0},
		{"time of UTC", func(unix, _ int64) string { return stamp(unix, 0)[:19] + "Z" }, 0},
	}
}

func (f form) allowed(unix int64) int64 {
	if unix%day == 0 && f.slack == 0 {
		return 14 * hour
	}
	return f.slack
}

// count is what was looked at.
type count struct{ keys, judged, wrong int }

func (c *count) add(o count) {
	c.keys, c.judged, c.wrong = c.keys+o.keys, c.judged+o.judged, c.wrong+o.wrong
}

// wrong is one key whose age was not told as it must be.
type wrong struct{ zone, text, why string }

func (w wrong) String() string { return fmt.Sprintf("%s, created %q: %s", w.zone, w.text, w.why) }

// key judges one key, made at unix: when it is made, a moment before it is ninety days old, and when it is.
func (r rule) key(z zone, f form, unix int64) (count, *wrong) {
	text := f.write(unix, z.shift(unix))
	c := count{keys: 1}
	created, ok := r.read(text)
	if !ok {
		return c, &wrong{z.name, text, "the date is not understood"}
	}
	for _, age := range []int64{0, ninety - 1, ninety} {
		c.judged++
		if why := r.judged(f, created, unix, age); why != "" {
			c.wrong++
			return c, &wrong{z.name, text, fmt.Sprintf("at an age of %d s %s", age, why)}
		}
	}
	return c, nil
}

// judged is what is wrong with a finding at a true age of so many seconds, "" when nothing is.
func (r rule) judged(f form, created time.Time, unix, age int64) string {
	got := r.judge(created, time.Unix(unix+age, 0))
	told := int64(got.Age / time.Second)
	switch {
	case !got.Known:
		return "it is called unknown or future"
	case told < age:
		return fmt.Sprintf("it is called %d s old", told)
	case told > age+f.allowed(unix):
		return fmt.Sprintf("it is called %d s old, more than can be in doubt", told)
	case (got.Level == policies.Overdue) != (told >= ninety):
		return fmt.Sprintf("it is called %s at %d s", got.Level, told)
	}
	return ""
}

// span is the hours that are looked at, every step-th of them, and what a clock shows a second before each.
type span struct{ from, to, step int64 }

func years(step int64) span {
	return span{time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(2033, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), step * hour}
}

func (r rule) zone(z zone, s span) (count, []wrong) {
	var total count
	var bad []wrong
	for unix := s.from; unix < s.to; unix += s.step {
		for _, f := range forms() {
			c, w := r.key(z, f, unix)
			total.add(c)
			if w != nil && len(bad) < 3 {
				bad = append(bad, *w)
			}
		}
	}
	return total, bad
}

// sweep goes through all zones, on all processors. done is told after each zone.
func (r rule) sweep(all []zone, s span, done func(z zone, c count, bad []wrong)) {
	next := make(chan zone)
	var wait sync.WaitGroup
	var one sync.Mutex
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for z := range next {
				c, bad := r.zone(z, s)
				one.Lock()
				done(z, c, bad)
				one.Unlock()
			}
		})
	}
	for _, z := range all {
		next <- z
	}
	close(next)
	wait.Wait()
}

// sample is a step that is prime, so that every hour of the day and every day of the week comes up.
const sample = 397

func TestAges(t *testing.T) {
	step := int64(sample)
	if os.Getenv("QUARTERTURN_AGE") == "all" {
		step = 1
	}
	all := zones(t)
	var total count
	seen := 0
	product().sweep(all, years(step), func(_ zone, c count, bad []wrong) {
		total.add(c)
		for _, w := range bad {
			t.Error(w)
		}
		if seen++; step == 1 && seen%50 == 0 {
			fmt.Printf("      %3d of %d zones, %d keys\n", seen, len(all), total.keys)
		}
	})
	t.Logf("every %d. hour of 2024-2032 in %d zones: %d keys, judged %d times: %d ages under-reported, unknown or told too high", step, len(all), total.keys,
		total.judged, total.wrong)
	if total.keys < 3*len(all)*int((years(step).to-years(step).from)/years(step).step) {
		t.Error("hours are missing")
	}
}
