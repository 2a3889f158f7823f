package rotator

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"quarterturn/cicd"
	"quarterturn/vendors"
)

// The Promela model in test/spin was written from the design's prose. Its rows are read here as SPIN reads them, and asked
// the same questions as the production decide: every state, lane and combination of what can be seen. Where the answers
// differ, an entry of promelaApart must say why, and every entry must be met.

// promelaRow is one line of rows.pml: from and to bound the states it is asked in.
type promelaRow struct {
	from, to   State
	seen       []string // atoms that must hold, "!" before one: must not
	next, move string   // next: a state, or STAY
}

// promelaCase is one combination of atoms in one state.
type promelaCase struct {
	lane  Lane
	state State
	atoms map[string]bool
}

// promelaAnswer is what both sides are reduced to: the next state, "" for staying, and the effect, or the verb of the one
// command somebody is told, "" for neither. A transition counts without what it tells.
type promelaAnswer struct{ to, does string }

func promelaJourney() []State {
	return []State{DueState, AwaitingKey, Received, Staged, Distributed, Redeployed, Verified, AwaitingRevocation, RevocationProven,
		RollingBack, FailedState}
}

func readPromela(t *testing.T) (rows []promelaRow) {
	text, err := os.ReadFile("../test/spin/rows.pml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^ROW\((\w+), (\w+), (.+), (\w+), (\w+)\)$`).FindAllStringSubmatch(string(text), -1) {
		rows = append(rows, promelaRow{State(m[1]), State(m[2]), strings.Split(m[3], " && "), m[4], m[5]})
	}
	if n := strings.Count(string(text), "\nROW("); n != len(rows) || n < 40 {
		t.Fatalf("%d of %d rows were understood", len(rows), n)
	}
	return rows
}

func (r promelaRow) answers(c promelaCase) bool {
	all := promelaJourney()
	if i := slices.Index(all, c.state); i < slices.Index(all, r.from) || i > slices.Index(all, r.to) {
		return false
	}
	for _, atom := range r.seen {
		name, not := strings.CutPrefix(atom, "!")
		if name != "true" && c.atoms[name] == not {
			return false
		}
	}
	return true
}

// byPromela is what the first row that holds says; -1: none does.
func byPromela(rows []promelaRow, c promelaCase) (promelaAnswer, int) {
	i := slices.IndexFunc(rows, func(r promelaRow) bool { return r.answers(c) })
	if i < 0 {
		return promelaAnswer{}, i
	}
	r := rows[i]
	switch r.move {
	case "M_AGAIN": // redeploys anew: in production a transition into the same or an earlier state
		return promelaAnswer{to: string(c.state)}, i
	case "M_RESUME":
		return promelaAnswer{to: string(Staged)}, i
	}
	if r.next != "STAY" {
		return promelaAnswer{to: r.next}, i
	}
	return promelaAnswer{does: promelaMoves()[r.move]}, i
}

func promelaMoves() map[string]string {
	return map[string]string{"M_SEAL_OLD": string(SealOld), "M_PUT": string(Put), "M_REDEPLOY": string(Redeploy),
		"M_ASK_KEY": "rotate", "M_ASK_REVOKE": "revoked", "M_ASK_ROLLBACK": "rollback", "M_ASK_APPROVAL": "approve",
		"M_ASK_WINDOW": "approve", "M_ASK_ORPHAN": "revoked", "M_ASK_RESUME": "resume"}
}

// byDecide asks production. A wish that is denied is answered, and the next look goes on without it.
func byDecide(c promelaCase) promelaAnswer {
	sc := c.scene()
	m := decide(sc.sp, sc.r, sc.s, sc.now)
	if m.Deny != "" {
		sc.r.Facts.Wish, sc.r.Facts.WishWord = "", nil
		m = decide(sc.sp, sc.r, sc.s, sc.now)
	}
	switch words := strings.Fields(m.Command); {
	case m.To != "":
		return promelaAnswer{to: string(m.To)}
	case m.Do != Nothing:
		return promelaAnswer{does: string(m.Do)}
	case len(words) > 1:
		return promelaAnswer{does: words[1]}
	}
	return promelaAnswer{}
}

// ---- what the atoms mean in Seen and Rotation ------------------------------------------------------------------------

func (c promelaCase) scene() *scene {
	sc := quiet(c.lane, c.state)
	s := &sc
	s.r.Facts.OldDead = c.atoms["OLD_DEAD"] && c.state != AwaitingRevocation && c.state != RevocationProven
	s.s.Old = promelaReading(c.atoms, "OLD")
	if c.state == DueState || c.state == AwaitingKey {
		c.before(s)
	} else {
		c.underWay(s)
	}
	for atom, w := range map[string]Wish{"ABANDON_SAID": WishAbandon, "ROLLBACK_SAID": WishRollback, "RESUME_SAID": WishResume} {
		if c.atoms[atom] {
			s.wish(w, "olga")
		}
	}
	return s
}

func promelaReading(atoms map[string]bool, pair string) *vendors.Reading {
	switch {
	case atoms[pair+"_OK"]:
		return accepted()
	case atoms[pair+"_DEAD"]:
		return refused()
	}
	return unclear()
}

func (c promelaCase) before(s *scene) {
	s.s.OldHeld = c.atoms["OLD_SEALED"]
	if !c.atoms["OLD_SEALED"] {
		s.s.OldPair.Sealed = nil
	}
	if !c.atoms["WINDOW"] {
		s.r.Facts.Window = nil
	}
	if !c.atoms["ROOM"] {
		s.s.Live = 2
		s.s.Orphans = []OrphanSeen{{Pair: otherID, Why: "it may live", Command: "quarterturn revoked bluum", Sealed: true,
			InPlace: c.atoms["ORPHAN_HELD"]}}
	}
}

func (c promelaCase) underWay(s *scene) {
	s.s.New, s.r.Facts.NewDead = promelaReading(c.atoms, "NEW"), c.atoms["NEW_DEAD"]
	if c.atoms["NEW_DEAD"] && (c.atoms["OLD_DEAD"] || c.lane != Routine) {
		s.r.Facts.JointSince = noon()
		if c.atoms["BOTH_TWICE"] {
			s.r.Facts.JointSince = ago(6 * time.Minute)
		}
	}
	if !c.atoms["APPROVED"] {
		s.r.Facts.Approvals = nil
	}
	if c.atoms["WAIVED"] {
		s.r.Facts.Approvals = []Word{{Kind: Approved, Who: "anna", Spec: "spec 1", At: ago(time.Hour), Consumers: []string{"api", "jobs"}}}
	}
	if c.state == Verified && !c.atoms["SOAKED"] {
		s.r.EnteredAt = ago(time.Hour)
	}
	if !c.atoms["TRIPLES"] {
		s.r.Facts.Triples = nil
	}
	if c.atoms["REDEPLOY_FAILED"] {
		s.r.Facts.Stop = "api failed three times"
	}
	c.spread(s)
	if c.atoms["WAIVED"] { // learn takes the approval for a proof
		for _, k := range s.sp.Consumers {
			if _, proven := s.r.Facts.Proofs[k.Name]; !proven {
				s.r.Facts.Proofs[k.Name] = Proof{Pair: newID, At: noon(), By: "anna"}
			}
		}
	}
}

func (c promelaCase) spread(s *scene) {
	back := c.state == RollingBack
	other := HoldsOld
	if back {
		other = HoldsNew
	}
	if !back && !c.atoms["PLACES_NEW"] || back && !c.atoms["PLACES_OLD"] {
		s.unheld("vault", other)
	}
	if !c.atoms["RUNS_DONE"] {
		clear(s.r.Facts.Runs)
		clear(s.r.Facts.Proofs)
	}
	if !back && !c.atoms["PROVEN_NEW"] || back && !c.atoms["PROVEN_OLD"] {
		delete(s.r.Facts.Proofs, "api")
		s.s.Uses["api"] = UseSeen{Use: cicd.Unproven, At: noon(), Note: "no answer yet"}
		s.ended("api", noon())
	}
	if c.atoms["CAME_BACK"] {
		s.ended("api", ago(48*time.Hour))
		s.s.Uses["api"] = UseSeen{Use: cicd.Reported, Names: other, At: noon()}
		s.r.EnteredAt = ago(48 * time.Hour)
	}
}

// ended: the redeploy that was made ended then.
func (c *scene) ended(consumer string, at time.Time) {
	if _, made := c.r.Facts.Runs[consumer]; made {
		c.run(consumer, func(f *RunFact) { f.Run.EndedAt = at })
	}
}
