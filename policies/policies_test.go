package policies

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
)

func utc(y int, m time.Month, d, h int) time.Time { return time.Date(y, m, d, h, 0, 0, 0, time.UTC) }

func in(t *testing.T, zone, local string) time.Time {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", local, loc)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestJudgeBoundaries(t *testing.T) {
	born := utc(2026, 1, 1, 9)
	for _, c := range []struct {
		name   string
		age    time.Duration
		level  Level
		left   int
		remind time.Duration
		rule   string
	}{
		{"born", 0, Fresh, 90, 0, "0s old; the policy rotates at 75 days"},
		{"an hour and a half", 90 * time.Minute, Fresh, 89, 0, "1h30m old; the policy rotates at 75 days"},
		{"a day", Day, Fresh, 89, 0, "1 day old; the policy rotates at 75 days"},
		{"a nanosecond before rotate_at", 75*Day - 1, Fresh, 15, 0, "74 days old; the policy rotates at 75 days"},
		{"rotate_at", 75 * Day, Due, 15, 15 * Day, "75 days old; the policy rotates at 75 days"},
		{"a nanosecond after", 75*Day + 1, Due, 14, 15 * Day, "75 days old; the policy rotates at 75 days"},
		{"a nanosecond before 7 days", 83*Day - 1, Due, 7, 15 * Day, "82 days old; the policy rotates at 75 days"},
		{"7 days left", 83 * Day, Due, 7, 7 * Day, "83 days old; the policy rotates at 75 days"},
		{"3 days left", 87 * Day, Due, 3, 3 * Day, "87 days old; the policy rotates at 75 days"},
		{"1 day left", 89 * Day, Due, 1, Day, "89 days old; the policy rotates at 75 days"},
		{"a nanosecond before max_age", 90*Day - 1, Due, 0, Day, "89 days old; the policy rotates at 75 days"},
		{"max_age", 90 * Day, Overdue, 0, Day, "90 days old; the policy allows 90 days"},
		{"a nanosecond over", 90*Day + 1, Overdue, -1, Day, "90 days old; the policy allows 90 days"},
		{"a day over", 91 * Day, Overdue, -1, Day, "91 days old; the policy allows 90 days"},
		{"a year over", 455 * Day, Overdue, -365, Day, "455 days old; the policy allows 90 days"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := Finding{Level: c.level, Rule: c.rule, Age: c.age, Known: true, DueAt: born.Add(75 * Day),
				Deadline: born.Add(90 * Day), DaysLeft: c.left, Remind: c.remind}
			if diff := cmp.Diff(want, Judge(Quarterly(), born, born.Add(c.age))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJudgeUnknownOrFuture(t *testing.T) {
	now := utc(2026, 6, 1, 12)
	for _, c := range []struct {
		name    string
		created time.Time
		known   bool
		rule    string
	}{
		{"never told", time.Time{}, false, "unknown"},
		{"zero in another zone", time.Time{}.In(time.FixedZone("x", 3600)), false, "unknown"},
		{"next year", now.AddDate(1, 0, 0), false, "future"},
		{"beyond what a duration holds", now.AddDate(5000, 0, 0), false, "future"},
		{"a nanosecond beyond the skew", now.Add(Skew + 1), false, "future"},
		{"at the skew", now.Add(Skew), true, "0s old"},
		{"a nanosecond ahead", now.Add(1), true, "0s old"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := Judge(Quarterly(), c.created, now)
			if f.Known != c.known || (f.Level == Overdue) == c.known || f.Age != 0 || !strings.Contains(f.Rule, c.rule) {
				t.Errorf("%+v", f)
			}
			if !c.known && (!f.DueAt.Equal(now) || !f.Deadline.Equal(now) || f.DaysLeft != 0) {
				t.Errorf("an unknown age is due now: %+v", f)
			}
		})
	}
	if f := Judge(Quarterly(), utc(1, 1, 2, 0), now); f.Level != Overdue || !f.Known {
		t.Errorf("older than a duration can hold: %+v", f)
	}
}

// Ninety days are 90 x 24 hours, whatever the calendar does in between.
func TestJudgeCalendar(t *testing.T) {
	for _, c := range []struct {
		name      string
		created   time.Time
		due, over time.Time
	}{
		{"leap day 2024", utc(2024, 2, 29, 1), utc(2024, 5, 14, 1), utc(2024, 5, 29, 1)},
		{"across leap day 2024", utc(2024, 1, 31, 8), utc(2024, 4, 15, 8), utc(2024, 4, 30, 8)},
		{"across leap day 2028", utc(2027, 12, 31, 23), utc(2028, 3, 15, 23), utc(2028, 3, 30, 23)},
		{"no leap day 2026", utc(2025, 12, 31, 23), utc(2026, 3, 16, 23), utc(2026, 3, 31, 23)},
		{"no leap day 2100", utc(2100, 1, 31, 1), utc(2100, 4, 16, 1), utc(2100, 5, 1, 1)},
		{"month end", utc(2026, 11, 30, 1), utc(2027, 2, 13, 1), utc(2027, 2, 28, 1)},
		{"31 August", utc(2026, 8, 31, 1), utc(2026, 11, 14, 1), utc(2026, 11, 29, 1)},
		{"Berlin before summer time", in(t, "Europe/Berlin", "2026-03-28 12:00"), utc(2026, 6, 11, 11), utc(2026, 6, 26, 11)},
		{"Berlin before winter time", in(t, "Europe/Berlin", "2026-10-24 12:00"), utc(2027, 1, 7, 10), utc(2027, 1, 22, 10)},
		{"New York before summer time", in(t, "America/New_York", "2026-03-07 23:00"), utc(2026, 5, 22, 4), utc(2026, 6, 6, 4)},
		{"New York, after the hour that does not exist", in(t, "America/New_York", "2026-03-08 03:30"),
			utc(2026, 5, 22, 7).Add(30 * time.Minute), utc(2026, 6, 6, 7).Add(30 * time.Minute)},
		{"Lord Howe, half an hour of summer time", in(t, "Australia/Lord_Howe", "2026-04-04 12:00"),
			utc(2026, 6, 18, 1), utc(2026, 7, 3, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Quarterly()
			for _, at := range []struct {
				now  time.Time
				want Level
			}{{c.due.Add(-1), Fresh}, {c.due, Due}, {c.over.Add(-1), Due}, {c.over, Overdue}} {
				if f := Judge(p, c.created, at.now); f.Level != at.want || !f.DueAt.Equal(c.due) || !f.Deadline.Equal(c.over) {
					t.Errorf("at %s: %s, due %s, deadline %s", at.now, f.Level, f.DueAt, f.Deadline)
				}
				local := Judge(p, c.created, at.now.In(c.created.Location()))
				if diff := cmp.Diff(Judge(p, c.created, at.now), local); diff != "" {
					t.Errorf("the zone of now matters: %s", diff)
				}
			}
			if f := Judge(p, c.created, c.due); f.DueAt.Location() != time.UTC || f.Deadline.Location() != time.UTC {
				t.Error("not in UTC")
			}
		})
	}
}

// A day that somebody typed began up to fourteen hours before it did in UTC, and nobody told where.
func TestJudgeADay(t *testing.T) {
	day, begun := utc(2026, 9, 1, 0), utc(2026, 8, 31, 10)
	for _, c := range []struct {
		name    string
		created time.Time
		from    time.Time
	}{
		{"a day", day, begun},
		{"the same moment told in a zone", day.In(time.FixedZone("x", 3600)), begun},
		{"a second after midnight is a time", day.Add(time.Second), day.Add(time.Second)},
		{"midnight of another zone is a time", in(t, "Europe/Berlin", "2026-09-01 00:00"), utc(2026, 8, 31, 22)},
		{"unknown", time.Time{}, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Earliest(c.created); !got.Equal(c.from) {
				t.Errorf("earliest is %s, want %s", got, c.from)
			}
		})
	}
	if f := Judge(Quarterly(), day, begun.Add(90*Day)); f.Level != Overdue || f.Age != 90*Day {
		t.Errorf("%+v", f)
	}
	if f := Judge(Quarterly(), day, day.Add(-13*time.Hour)); !f.Known {
		t.Errorf("tomorrow, as a person at UTC+14 types it, is not the future: %+v", f)
	}
	if f := Judge(Quarterly(), day, begun.Add(-Skew-1)); f.Known {
		t.Errorf("nowhere has that day begun: %+v", f)
	}
	if got := NextChange(Quarterly(), day, begun); !got.Equal(begun.Add(75 * Day)) {
		t.Errorf("changes at %s", got)
	}
	if got := Reminders(Quarterly(), day)[0]; !got.Equal(begun.Add(75 * Day)) {
		t.Errorf("reminds at %s", got)
	}
}

// A monotonic reading stands still while a laptop sleeps; only the wall clock may count.
func TestJudgeIgnoresTheMonotonicClock(t *testing.T) {
	born := time.Now()
	now := born.Add(100 * Day)
	if !strings.Contains(now.String(), "m=") {
		t.Fatal("the test needs a monotonic reading")
	}
	f := Judge(Quarterly(), born, now)
	if strings.Contains(f.Deadline.String(), "m=") || f.Level != Overdue {
		t.Errorf("%+v", f)
	}
}

func TestFreezes(t *testing.T) {
	born := utc(2026, 1, 1, 9)
	year := Freeze{From: born.Add(70 * Day), To: born.Add(200 * Day), Reason: "closing of the year"}
	week := Freeze{From: born.Add(76 * Day), To: born.Add(83 * Day), Reason: "launch"}
	p := Quarterly()
	p.Freezes = []Freeze{week, year}
	for _, c := range []struct {
		name string
		p    Policy
		age  time.Duration
		want *Freeze
	}{
		{"before", p, 70*Day - 1, nil},
		{"from the first moment, fresh", p, 70 * Day, &year},
		{"of two the longer", p, 77 * Day, &year},
		{"due", p, 90*Day - 1, &year},
		{"overdue is never frozen", p, 90 * Day, nil},
		{"last moment", Policy{MaxAge: 90 * Day, RotateAt: 75 * Day, Freezes: []Freeze{week}}, 83*Day - 1, &week},
		{"over at To", Policy{MaxAge: 90 * Day, RotateAt: 75 * Day, Freezes: []Freeze{week}}, 83 * Day, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, Judge(c.p, born, born.Add(c.age)).Frozen); diff != "" {
				t.Error(diff)
			}
		})
	}
	if f := Judge(p, time.Time{}, born.Add(77*Day)); f.Frozen != nil {
		t.Error("a key of unknown age is overdue, so no freeze holds it up")
	}
	Judge(p, born, born.Add(77*Day)).Frozen.Reason = "changed by a caller"
	if p.Freezes[1].Reason != "closing of the year" {
		t.Error("a finding shares memory with the policy")
	}
}

func TestReminders(t *testing.T) {
	born := utc(2026, 1, 1, 9)
	want := []time.Time{born.Add(75 * Day), born.Add(83 * Day), born.Add(87 * Day), born.Add(89 * Day)}
	if diff := cmp.Diff(want, Reminders(Quarterly(), born.In(time.FixedZone("x", -3600)))); diff != "" {
		t.Error(diff)
	}
	if got := Reminders(Quarterly(), time.Time{}); got != nil {
		t.Errorf("no reminders for an unknown age: %v", got)
	}
}

func TestNextChange(t *testing.T) {
	born := utc(2026, 1, 1, 9)
	frozen := Quarterly()
	frozen.Freezes = []Freeze{{From: born.Add(80 * Day), To: born.Add(81 * Day), Reason: "r"},
		{From: born.Add(95 * Day), To: born.Add(99 * Day), Reason: "after the deadline, so it changes nothing"}}
	for _, c := range []struct {
		name      string
		p         Policy
		born, now time.Time
		want      time.Time
	}{
		{"fresh waits for rotate_at", Quarterly(), born, born, born.Add(75 * Day)},
		{"a nanosecond before", Quarterly(), born, born.Add(75*Day - 1), born.Add(75 * Day)},
		{"then for the next reminder", Quarterly(), born, born.Add(75 * Day), born.Add(83 * Day)},
		{"the last reminder waits for max_age", Quarterly(), born, born.Add(89 * Day), born.Add(90 * Day)},
		{"overdue stays overdue", Quarterly(), born, born.Add(90 * Day), time.Time{}},
		{"unknown stays unknown", Quarterly(), time.Time{}, born, time.Time{}},
		{"a future date becomes credible", Quarterly(), born, born.Add(-100 * Day), born.Add(-Skew)},
		{"a freeze begins", frozen, born, born.Add(75 * Day), born.Add(80 * Day)},
		{"a freeze ends", frozen, born, born.Add(80 * Day), born.Add(81 * Day)},
		{"a freeze when overdue", frozen, born, born.Add(91 * Day), time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := NextChange(c.p, c.born, c.now); !got.Equal(c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestQuarterlyIsValid(t *testing.T) {
	if bad := Quarterly().Validate(); bad != nil {
		t.Error(bad)
	}
}

func TestValidate(t *testing.T) {
	at := utc(2026, 1, 1, 0)
	for _, c := range []struct {
		name string
		with func(*Policy)
		want []string // what each problem begins with
	}{
		{"nothing set", func(p *Policy) { *p = Policy{} },
			[]string{"max_age must", "rotate_at must", "overlap must", "escalate_after must", "approve_revocation must"}},
		{"rotates too late", func(p *Policy) { p.RotateAt = p.MaxAge + 1 }, []string{"rotate_at must not"}},
		{"rotates at the end", func(p *Policy) { p.RotateAt = p.MaxAge }, nil},
		{"negative overlap", func(p *Policy) { p.Overlap = -1 }, []string{"overlap must"}},
		{"no reminder", func(p *Policy) { p.Remind = nil }, nil},
		{"a reminder at max_age", func(p *Policy) { p.Remind = []time.Duration{p.MaxAge} }, []string{"remind, step 1: it counts"}},
		{"a reminder of nothing", func(p *Policy) { p.Remind = []time.Duration{Day, 0} }, []string{"remind, step 2: it counts"}},
		{"reminders in the wrong order", func(p *Policy) { slices.Reverse(p.Remind) },
			[]string{"remind, step 2: list", "remind, step 3: list", "remind, step 4: list"}},
		{"twice the same reminder", func(p *Policy) { p.Remind = []time.Duration{Day, Day} }, []string{"remind, step 2: list"}},
		{"second person", func(p *Policy) { p.ApproveRevocation = SecondPerson }, nil},
		{"unknown approval", func(p *Policy) { p.ApproveRevocation = "everybody" }, []string{"approve_revocation must"}},
		{"a good freeze", func(p *Policy) { p.Freezes = []Freeze{{at, at.Add(1), "r"}} }, nil},
		{"an empty freeze", func(p *Policy) { p.Freezes = []Freeze{{at, at, ""}} },
			[]string{"freezes, entry 1: from", "freezes, entry 1: give"}},
		{"half a freeze", func(p *Policy) { p.Freezes = []Freeze{{To: at, Reason: "r"}} }, []string{"freezes, entry 1: from"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Quarterly()
			c.with(&p)
			got := p.Validate()
			if len(got) != len(c.want) {
				t.Fatalf("got %q", got)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("got %q, want %q...", got[i], c.want[i])
				}
			}
		})
	}
}
