package policies

import (
	"fmt"
	"slices"
	"time"
)

// Quarterly is the policy the product is named after: 90 days, a rotation opened at 75.
func Quarterly() Policy {
	return Policy{
		Name:              "quarterly",
		MaxAge:            90 * Day,
		RotateAt:          75 * Day,
		Remind:            []time.Duration{15 * Day, 7 * Day, 3 * Day, Day},
		Overlap:           24 * time.Hour,
		EscalateAfter:     48 * time.Hour,
		ApproveRevocation: NoApproval,
	}
}

// Validate lists what is wrong with p, in the words of the configuration, each with its remedy. Nil: nothing.
func (p Policy) Validate() []string {
	return slices.Concat(p.checkAges(), p.checkRemind(), p.checkApproval(), p.checkFreezes())
}

func (p Policy) checkAges() []string {
	var bad []string
	for _, d := range []struct {
		name string
		is   time.Duration
	}{{"max_age", p.MaxAge}, {"rotate_at", p.RotateAt}, {"overlap", p.Overlap}, {"escalate_after", p.EscalateAfter}} {
		if d.is <= 0 {
			bad = append(bad, d.name+" must be longer than zero")
		}
	}
	if p.RotateAt > p.MaxAge {
		bad = append(bad, "rotate_at must not be later than max_age: a rotation would only open when the key is overdue")
	}
	return bad
}

func (p Policy) checkRemind() []string {
	var bad []string
	for i, d := range p.Remind {
		if d <= 0 || d >= p.MaxAge {
			bad = append(bad, fmt.Sprintf("remind, step %d: it counts back from max_age, so it must lie between zero and max_age", i+1))
		}
		if i > 0 && d >= p.Remind[i-1] {
			bad = append(bad, fmt.Sprintf("remind, step %d: list the longest step first and each once", i+1))
		}
	}
	return bad
}

func (p Policy) checkApproval() []string {
	if p.ApproveRevocation == NoApproval || p.ApproveRevocation == SecondPerson {
		return nil
	}
	return []string{fmt.Sprintf("approve_revocation must be %s or %s", NoApproval, SecondPerson)}
}

func (p Policy) checkFreezes() []string {
	var bad []string
	for i, f := range p.Freezes {
		if f.From.IsZero() || f.To.IsZero() || !f.From.Before(f.To) {
			bad = append(bad, fmt.Sprintf("freezes, entry %d: from and to must both be given, from before to", i+1))
		}
		if f.Reason == "" {
			bad = append(bad, fmt.Sprintf("freezes, entry %d: give a reason", i+1))
		}
	}
	return bad
}
