// Package policies holds the pure rules about a key's age: facts in, a finding out. A day is 24 hours of UTC, so that
// no zone, leap day or daylight-saving change can under-report an age.
package policies

import "time"

// Approval says who must agree before a revocation is asked for.
type Approval string

const (
	NoApproval   Approval = "none"          // nobody else is asked
	SecondPerson Approval = "second_person" // somebody other than the person who submitted the pair
)

// Policy is one rotation policy. All durations are positive; RotateAt <= MaxAge; Validate says otherwise.
type Policy struct {
	Name              string
	MaxAge            time.Duration   // a key older than this is overdue; 90d
	RotateAt          time.Duration   // a rotation opens at this age; 75d
	Remind            []time.Duration // before MaxAge, longest first; 15d 7d 3d 1d
	Overlap           time.Duration   // how long both keys stay alive after everything is verified; 24h
	EscalateAfter     time.Duration   // how long a person is awaited before the deputy is told too; 48h
	ApproveRevocation Approval
	Freezes           []Freeze // inside one no rotation opens and no key is asked for, unless the key is overdue
}

// Freeze is a span in which nothing should be changed. From <= t < To, UTC.
type Freeze struct {
	From, To time.Time
	Reason   string
}

// Level is how urgent an age is.
type Level string

const (
	Fresh   Level = "fresh"   // younger than RotateAt
	Due     Level = "due"     // RotateAt reached
	Overdue Level = "overdue" // MaxAge reached, or the age is unknown
)

// Finding is what the policy says about one key at one moment.
type Finding struct {
	Level    Level
	Rule     string        // which rule, in words, e.g. "76 days old; the policy rotates at 75 days"
	Age      time.Duration // 0 when unknown
	Known    bool          // false: creation time missing, unparsable or in the future
	DueAt    time.Time     // when a rotation opens; now when unknown
	Deadline time.Time     // when MaxAge is reached; now when unknown
	DaysLeft int           // whole days to Deadline, rounded down; negative when overdue
	Remind   time.Duration // the tightest reminder step reached, 0 when none
	Frozen   *Freeze       // the freeze in force now; nil when none, and nil when overdue: a freeze never holds that up
}
