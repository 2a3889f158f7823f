package rotator

import (
	"fmt"
	"strings"

	"quarterturn/cicd"
	"time"
)

// ---- staged, rolling_back: places ----------------------------------------------------------------------------

// effectStopped: an effect failed for good, a right was withdrawn for one. A person must mend it.
func effectStopped(v view) (Move, bool) {
	if v.r.Facts.Stop == "" || v.stoppedAtSpared() {
		return Move{}, false
	}
	return Move{To: FailedState, Resume: v.r.State, Why: v.r.Facts.Stop + "; both pairs still work"}, true
}

// stuckAt: the last effect tried was this one, and it failed.
func (v view) stuckAt(do Action, target string) bool {
	f := v.r.Facts
	return f.Intent != nil && f.Intent.Do == do && f.Intent.Target == target && (f.Stuck > 0 || f.Stop != "")
}

// stoppedAtSpared: an approval goes on without whoever it concerns.
func (v view) stoppedAtSpared() bool {
	for _, p := range v.sp.Places {
		if v.stuckAt(Put, p.Name) && v.spared(p) {
			return true
		}
	}
	for _, c := range v.sp.Consumers {
		if v.stuckAt(Redeploy, c.Name) && v.without(c.Name) {
			return true
		}
	}
	return false
}

// putNext writes the target to the first place, in the declared order, that does not hold it.
func putNext(v view) (Move, bool) {
	for _, p := range v.sp.Places {
		if p.Follows != "" {
			continue
		}
		if m, ok := putOne(v, p); ok && !((m.Do == Nothing || v.stuckAt(Put, p.Name)) && v.spared(p)) {
			return m, true
		}
	}
	return Move{}, false
}

func putOne(v view, p PlaceSpec) (Move, bool) {
	seen := v.s.Places[p.Name]
	_, held := v.r.Facts.Places[p.Name]
	switch {
	case held:
		return Move{}, false
	case seen.Holds == HoldsUnknown || seen.Holds == "":
		return trouble(v, v.backoff(), "place "+p.Name+" cannot be reached: "+seen.Err+"; both pairs work"), true
	case seen.Holds == HoldsForeign && !v.waived("place:"+p.Name):
		return wait(v, v.now.Add(tick), "place "+p.Name+" holds a pair this ledger has never seen; overwrite it?",
			v.cmd("waive")+" place:"+p.Name), true
	}
	return Move{Do: Put, Target: p.Name, Why: "writing to " + p.Name}, true
}

// backoff grows with failures in a row, up to a tick.
func (v view) backoff() time.Time {
	d := soon << min(v.r.Facts.Stuck, 4)
	return v.now.Add(v.sp.Profile.AtMost(min(d, tick)))
}

func followers(v view) (Move, bool) {
	for _, p := range v.sp.Places {
		if _, held := v.r.Facts.Places[p.Name]; !held && !v.spared(p) {
			return wait(v, v.now.Add(soon), "place "+p.Name+" follows "+p.Follows+" and does not show the pair yet", ""), true
		}
	}
	return Move{}, false
}

func distribute(v view) (Move, bool) { return goTo(Distributed, "every place holds the new pair") }

// ---- distributed, rolling_back: redeploys --------------------------------------------------------------------

func redeployNext(v view) (Move, bool) {
	for _, c := range v.sp.Consumers {
		if !c.Redeploy {
			continue
		}
		m, ok := redeployOne(v, c)
		if v.without(c.Name) && (m.Do == Nothing || m.Tries > 1 || v.stuckAt(Redeploy, c.Name) || v.unwritten(c)) {
			continue // an approval goes on without it: it is asked once, and nobody waits for it
		}
		if p := v.unreached(c); m.Do == Redeploy && p != "" {
			return trouble(v, v.backoff(), "place "+p+", which "+c.Name+" reads, cannot be reached: what a restart would load is unknown"), true
		}
		if ok {
			return m, true
		}
	}
	return Move{}, false
}

// unreached is a place c reads that this look did not reach: it may have been overwritten since it was seen (I-1).
func (v view) unreached(c ConsumerSpec) string {
	for _, p := range c.Reads {
		if v.s.Places[p].Holds == HoldsUnknown {
			return p
		}
	}
	return ""
}

// unwritten: a copy c reads is not known to be the target: a restart would load another one.
func (v view) unwritten(c ConsumerSpec) bool {
	for _, p := range c.Reads {
		if _, held := v.r.Facts.Places[p]; !held || v.s.Places[p].Holds == HoldsUnknown {
			return true
		}
	}
	return false
}

func redeployOne(v view, c ConsumerSpec) (Move, bool) {
	f := v.r.Facts.Runs[c.Name]
	attempt := Move{Do: Redeploy, Target: c.Name, Attempt: f.Attempt + 1, Tries: 1, Why: "redeploying " + c.Name}
	switch {
	case !v.runCounts(c, f):
		return attempt, true
	case f.Stale || f.Run.State == cicd.Failed:
		attempt.Tries = f.Tries + 1
		if attempt.Tries > maxTries {
			return giveUp(v, c, f), true
		}
		return attempt, true
	case f.Run.State == cicd.Succeeded:
		return Move{}, false
	case f.Run.State == "": // asked, and the answer was lost: the same once-key again, when the pipeline knows no run
		return v.askAgain(c, f), true
	}
	return wait(v, v.now.Add(soon/2), "redeploy of "+c.Name+" is "+string(f.Run.State), ""), true
}

func (v view) askAgain(c ConsumerSpec, f RunFact) Move {
	if seen := v.s.Runs[c.Name]; seen.Err != "" {
		return trouble(v, v.backoff(), "pipeline of "+c.Name+" cannot be asked: "+seen.Err)
	}
	return Move{Do: Redeploy, Target: c.Name, Attempt: f.Attempt, Tries: f.Tries, Why: "redeploying " + c.Name + " (asked before)"}
}

// runCounts: a run is for this pair, and was asked after every copy the consumer reads held it.
func (v view) runCounts(c ConsumerSpec, f RunFact) bool {
	if f.Pair != v.target() || f.Once == "" {
		return false
	}
	for _, p := range c.Reads {
		if f.Asked.Before(v.r.Facts.Places[p].Since) {
			return false
		}
	}
	return true
}

func giveUp(v view, c ConsumerSpec, f RunFact) Move {
	reason := fmt.Sprintf("redeploy of %s failed %d times (%s)", c.Name, f.Tries, f.Run.Note)
	if f.Stale {
		reason = fmt.Sprintf("%s was redeployed %d times and never proved the pair (%s)", c.Name, f.Tries, f.Run.Note)
	}
	return Move{To: FailedState, Resume: v.r.State, Why: reason + "; both pairs still work"}
}

func redeployDone(v view) (Move, bool) { return goTo(Redeployed, "every redeploy succeeded") }

// ---- redeployed, verified, rolling_back: proofs --------------------------------------------------------------

// useUnproven waits for proofs, and redeploys again the consumer that does not give one in time.
func useUnproven(v view) (Move, bool) {
	for _, c := range v.sp.Consumers {
		if v.proven(c) {
			continue
		}
		f := v.r.Facts.Runs[c.Name]
		since := later(f.Run.EndedAt, v.r.EnteredAt)
		if v.now.Before(since.Add(c.ProveIn)) || !c.Redeploy {
			return v.awaitProof(c, since), true
		}
		to := Distributed
		if v.r.State == RollingBack {
			to = RollingBack
		}
		m := Move{To: to, Again: []string{c.Name}, Why: "consumer " + c.Name + " did not prove the pair within " +
			c.ProveIn.String() + ": " + v.s.Uses[c.Name].said()}
		if named := v.s.Uses[c.Name].Names; named != "" && named != v.holdsTarget() {
			m.Rewrite = v.doubted(c)
		}
		return m, true
	}
	return Move{}, false
}

// awaitProof looks again after half the time that went by: quickly at first, a minute apart later.
func (v view) awaitProof(c ConsumerSpec, since time.Time) Move {
	d := min(max(v.now.Sub(since)/2, 2*time.Second), soon)
	command := ""
	if !c.Redeploy || !c.Best.Counts() {
		command = v.cmd("waive") + " consumer:" + c.Name
	}
	return wait(v, v.now.Add(d), "consumer "+c.Name+" has not proved the pair yet: "+v.s.Uses[c.Name].said(), command)
}

func (u UseSeen) said() string {
	switch {
	case u.Err != "":
		return u.Err
	case u.Note != "":
		return u.Note
	case u.Names != "":
		return "it runs with " + generation(u.Names)
	}
	return "it showed " + u.Use.String()
}

// proven: the evidence counts, or a waiver stands in, for this pair and after the last redeploy (I-2).
func (v view) proven(c ConsumerSpec) bool {
	p, ok := v.r.Facts.Proofs[c.Name]
	if !ok || p.Pair != v.target() || !p.Use.Counts() && p.By == "" {
		return false
	}
	return !p.At.Before(v.r.Facts.Runs[c.Name].Run.EndedAt)
}

// fresh: proven in this very look, or waived.
func (v view) fresh(c ConsumerSpec) bool {
	p := v.r.Facts.Proofs[c.Name]
	return v.proven(c) && (p.By != "" || !p.At.Before(v.s.At))
}

func (v view) waived(target string) bool {
	for _, w := range v.r.Facts.Waivers {
		if w.Target == target && w.Expires.After(v.now) {
			return true
		}
	}
	return false
}

func verify(v view) (Move, bool) {
	return goTo(Verified, v.evidence())
}

// evidence says how well every consumer's use is known: what stands by a waiver is never called a proof.
func (v view) evidence() string {
	var waived []string
	for _, c := range v.sp.Consumers {
		if p := v.r.Facts.Proofs[c.Name]; p.By != "" {
			waived = append(waived, c.Name+" ("+p.Use.String()+"; waived by "+p.By+")")
		}
	}
	switch {
	case len(waived) == 0:
		return "every consumer proved that it uses the new pair"
	case len(waived) == len(v.sp.Consumers):
		return "no consumer proved that it uses the new pair; waivers stand in: " + strings.Join(waived, ", ")
	}
	return "every consumer proved that it uses the new pair, but for " + strings.Join(waived, ", ")
}
