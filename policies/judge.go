package policies

import (
	"fmt"
	"strings"
	"time"
)

const (
	// Day is the only day there is here: no zone, leap second or clock change makes one shorter or longer.
	Day = 24 * time.Hour
	// Skew is how far ahead of our clock a creation time may lie and still count as "just now", because a vendor's clock
	// and ours never agree exactly. Anything further ahead is not believed.
	Skew = 5 * time.Minute
	// East is how much earlier than in UTC a day begins where it begins first (Line Islands, UTC+14).
	East = 14 * time.Hour
)

// Earliest is the first moment at which a key said to be created at created can have been made. An exact midnight of UTC
// is a day somebody typed or a portal shows, in a zone nobody told: that day began up to East earlier. Any other time is
// taken as it is. A zero time stays zero.
func Earliest(created time.Time) time.Time {
	c := plain(created)
	if c.IsZero() || !c.Equal(c.Truncate(Day)) {
		return c
	}
	return c.Add(-East)
}

// Creation reads when a key was created, as a person or a list gives it: a day such as 2026-09-01, or a time such as
// 2026-09-01T10:00:00+02:00. A day becomes its midnight of UTC, see Earliest. false: neither of them.
func Creation(text string) (time.Time, bool) {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// Judge says what p makes of a key created at created, looked at now. A zero created is unknown; a midnight of UTC is a
// day of some zone, and counts from its Earliest moment. It is total: a policy that Validate refuses errs on the side of
// overdue.
func Judge(p Policy, created, now time.Time) Finding {
	f := facts{policy: p, created: Earliest(created), now: plain(now)}
	v := f.verdict()
	out := Finding{Level: v.level, Rule: v.rule, Known: v.known, DueAt: f.now, Deadline: f.now}
	if v.known {
		out.Age, out.DueAt, out.Deadline = f.age(), f.created.Add(p.RotateAt), f.created.Add(p.MaxAge)
	}
	left := out.Deadline.Sub(f.now)
	out.DaysLeft, out.Remind = wholeDays(left), tightest(p.Remind, left)
	if v.level != Overdue {
		out.Frozen = inForce(p.Freezes, f.now)
	}
	return out
}

// facts is all that a rule may look at.
type facts struct {
	policy       Policy
	created, now time.Time
}

type verdict struct {
	level Level
	rule  string
	known bool
}

// rules are asked in order; the first that applies decides.
func rules() []func(facts) (verdict, bool) {
	return []func(facts) (verdict, bool){
		missing, // nobody knows when the key was created: the worst is assumed
		ahead,   // created after now: a wrong date or a wrong clock, so the worst is assumed
		tooOld,  // MaxAge is reached
		oldish,  // RotateAt is reached
		young,   // everything else
	}
}

func (f facts) verdict() verdict {
	for _, applies := range rules() {
		if v, ok := applies(f); ok {
			return v
		}
	}
	return verdict{level: Overdue, rule: "no rule applies; the key counts as overdue"}
}

func missing(f facts) (verdict, bool) {
	const why = "the creation time is unknown; the key counts as overdue"
	return verdict{level: Overdue, rule: why}, f.created.IsZero()
}

func ahead(f facts) (verdict, bool) {
	const why = "the creation time lies in the future; the key counts as overdue"
	return verdict{level: Overdue, rule: why}, f.created.Sub(f.now) > Skew
}

func tooOld(f facts) (verdict, bool) {
	why := fmt.Sprintf("%s old; the policy allows %s", rough(f.age()), span(f.policy.MaxAge))
	return verdict{level: Overdue, rule: why, known: true}, f.age() >= f.policy.MaxAge
}

func oldish(f facts) (verdict, bool) {
	return verdict{level: Due, rule: f.againstRotateAt(), known: true}, f.age() >= f.policy.RotateAt
}

func young(f facts) (verdict, bool) {
	return verdict{level: Fresh, rule: f.againstRotateAt(), known: true}, true
}

func (f facts) againstRotateAt() string {
	return fmt.Sprintf("%s old; the policy rotates at %s", rough(f.age()), span(f.policy.RotateAt))
}

// age is never negative: a creation within Skew ahead of us is just now.
func (f facts) age() time.Duration { return max(0, f.now.Sub(f.created)) }

// plain drops the zone and the monotonic reading: the latter stands still while a machine sleeps, and would make a key
// look younger than it is.
func plain(t time.Time) time.Time { return t.Round(0).UTC() }

// wholeDays rounds down, also below zero.
func wholeDays(d time.Duration) int {
	n := int(d / Day)
	if d%Day < 0 {
		n--
	}
	return n
}

// tightest is the smallest step that has been reached with this much time left, 0 when none.
func tightest(steps []time.Duration, left time.Duration) time.Duration {
	var best time.Duration
	for _, s := range steps {
		if left <= s && (best == 0 || s < best) {
			best = s
		}
	}
	return best
}

// inForce is a copy of the freeze that holds at now; of several, the one that lasts longest.
func inForce(all []Freeze, now time.Time) *Freeze {
	var hit *Freeze
	for _, f := range all {
		if !now.Before(f.From) && now.Before(f.To) && (hit == nil || f.To.After(hit.To)) {
			hit = &Freeze{From: plain(f.From), To: plain(f.To), Reason: f.Reason}
		}
	}
	return hit
}

// rough tells an age: whole days, and below one day hours and minutes.
func rough(d time.Duration) string {
	if d >= Day {
		return span(d.Truncate(Day))
	}
	return span(d.Truncate(time.Minute))
}

// span tells a duration exactly, as "75 days", "1 day 12h" or "90m".
func span(d time.Duration) string {
	days, rest := d/Day, d%Day
	var words []string
	switch {
	case days == 1:
		words = append(words, "1 day")
	case days != 0:
		words = append(words, fmt.Sprintf("%d days", days))
	}
	if rest != 0 || days == 0 {
		words = append(words, short(rest))
	}
	return strings.Join(words, " ")
}

// short is Duration.String without its trailing zero units.
func short(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}
