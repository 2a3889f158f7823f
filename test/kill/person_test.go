package kill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"quarterturn/internal/sim"
)

// lane is one journey that the person begins.
type lane string

const (
	routine     lane = "routine"
	rollback    lane = "rollback"    // routine, until something was written
	compromised lane = "compromised" // from the beginning
	hurried     lane = "hurried"     // routine, and found to be compromised on the way
)

// standing is what `status --output json` says of the credential.
type standing struct {
	State    string `json:"state"`
	Rotation string `json:"rotation"`
	Why      string `json:"why"`
	Next     string `json:"next"`
	Pairs    []struct {
		ID       string `json:"id"`
		Life     string `json:"life"`
		LastFour string `json:"last_four"`
		Sealed   bool   `json:"sealed"`
	} `json:"pairs"`
}

// person does what the last line asks for, and nothing else: what it takes beyond that is a repair.
type person struct {
	*world
	todo []lane // journeys still to begin; the first one is under way
	lane lane
	bad  bool  // the machine is: what fails may be asked to be mended and resumed
	turn bool  // the lane's own word was said and recorded
	hand *pair // created, and not known to be safe
	safe []string
}

// live goes on until ctx is over.
func (p *person) live(ctx context.Context) {
	for ctx.Err() == nil {
		if st, ok := p.status(); ok {
			p.act(st, p.storm)
		}
		p.nap(ctx, 300*time.Millisecond)
	}
}

// status asks where things stand, and checks that no pair is missing that was said to be safe.
func (p *person) status() (standing, bool) {
	o := p.calm("", "status", "--output", "json")
	var answer struct {
		Credentials []standing `json:"credentials"`
	}
	if err := json.Unmarshal([]byte(o.said), &answer); err != nil || o.code != 0 || len(answer.Credentials) != 1 {
		p.violation("status: exit code %d: %s", o.code, o.said)
		return standing{}, false
	}
	st := answer.Credentials[0]
	for _, last := range p.safe {
		if !st.knows(last) {
			p.violation("the pair ending in %s was said to be safe, and is gone", last)
		}
	}
	return st, true
}

func (st standing) knows(lastFour string) bool {
	for _, p := range st.Pairs {
		if p.LastFour == lastFour {
			return true
		}
	}
	return false
}

// way runs a command: to its end, or until it is killed.
type way func(stdin string, args ...string) outcome

// act makes the one next step.
func (p *person) act(st standing, by way) {
	next := strings.Fields(strings.TrimPrefix(st.Next, "quarterturn "))
	switch {
	case p.hand != nil && st.knows(p.hand.lastFour()): // it came in, and the receipt got lost
		p.received()
	case st.State == "idle" && st.Next == "":
		p.begin(by)
	case p.turns(st, by):
	case len(next) == 0 || next[0] == "run":
	case next[0] == "rotate" && st.State == "awaiting_key", next[0] == "submit":
		p.submit(by)
	case next[0] == "rotate":
		p.word(by, "rotate", credential)
	case next[0] == "revoked":
		p.revoked(st, next, by)
	case p.bad && (next[0] == "resume" || next[0] == "check"):
		p.word(by, next[0], credential)
	default:
		p.violation("a repair is asked for in state %s: %s (%s)", st.State, st.Next, st.Why)
	}
}

// begin opens the next journey.
func (p *person) begin(by way) {
	if len(p.todo) == 0 {
		return
	}
	args := []string{"rotate", credential}
	if p.todo[0] == compromised {
		args = append(args, "--compromised", "--reason", "found in a log")
	}
	p.lane, p.turn = p.todo[0], false
	p.todo = append(p.todo[1:], p.todo[0])
	by("", args...)
}

// turns says the lane's own word once something was written: back, or in a hurry.
func (p *person) turns(st standing, by way) bool {
	late := st.State == "staged" || st.State == "distributed" || st.State == "redeployed" || st.State == "verified" || st.State == "awaiting_revocation"
	if p.turn || !late || p.lane != rollback && p.lane != hurried {
		return false
	}
	for _, pr := range p.known() { // too late: the key in question is being revoked
		if !pr.revoked.IsZero() && time.Since(pr.revoked) < 10*time.Second && st.State == "awaiting_revocation" {
			return false
		}
	}
	args := []string{"rollback", credential}
	if p.lane == hurried {
		args = []string{"rotate", credential, "--compromised", "--reason", "found in a log"}
	}
	o := p.word(by, args...)
	p.turn = !o.killed && o.code == 0
	return true
}

// word says something. A word at the wrong time is refused with a reason; anything worse than that is wrong.
func (p *person) word(by way, args ...string) outcome {
	o := by("", args...)
	if o.code == 3 {
		p.violation("%s: exit code 3: %s", strings.Join(args, " "), o.said)
	}
	return o
}

// submit creates a pair, unless one is at hand, and hands it in. Once it is said to be safe the person forgets it.
func (p *person) submit(by way) {
	if p.hand == nil {
		fresh, err := p.create()
		if errors.Is(err, sim.ErrLimit) {
			p.violation("a key is asked for, and the portal has no room for one")
		}
		if err != nil {
			return
		}
		p.hand = &fresh
	}
	o := by(p.paste(), "submit", credential, "--organisation", "Acme Trading", "--environment", sim.Production)
	if strings.Contains(o.said, "Your pair is safe") || strings.Contains(o.said, "This pair was here already") {
		p.received()
	}
	if o.code == 3 {
		p.violation("submit: exit code 3: %s", o.said)
	}
}

func (p *person) received() {
	p.safe, p.hand = append(p.safe, p.hand.lastFour()), nil
}

// paste is the pair in one of the forms that people use.
func (p *person) paste() string {
	if len(p.safe)%2 == 0 {
		return fmt.Sprintf(`{"key":%q,"secret":%q}`, p.hand.key, p.hand.secret)
	}
	return "BLUUM_API_KEY=" + p.hand.key + "\nBLUUM_API_SECRET=" + p.hand.secret + "\n"
}

// revoked deletes in the portal what the request names, and says so.
func (p *person) revoked(st standing, next []string, by way) {
	last := ""
	for _, pr := range st.Pairs {
		if len(next) == 4 && pr.ID == next[3] || len(next) == 2 && pr.Life == "previous" {
			last = pr.LastFour
		}
	}
	if last == "" {
		p.violation("%s: which pair that is, status does not say", st.Next)
		return
	}
	if err := p.revoke(last); err != nil {
		p.violation("the portal refuses to delete the pair ending in %s: %v", last, err)
	}
	p.word(by, append(next, "--last4", last)...)
}
