package rotator

import (
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/policies"
	"quarterturn/secret"
	"quarterturn/vendors"
)

const (
	oldID   PairID = "old"
	newID   PairID = "new"
	otherID PairID = "other"
)

// noon is when every quiet scene looks.
func noon() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }

// ago is so long before noon.
func ago(d time.Duration) time.Time { return noon().Add(-d) }

// quietSpec has a place that is read and written, one that follows it, one that can't be read back, and a consumer
// behind each of the latter two.
func quietSpec() Spec {
	return Spec{Credential: "bluum", Vendor: "bluum", Environment: "production", Digest: "spec 1", Fields: []string{"key", "secret"},
		Policy: policies.Policy{MaxAge: 90 * policies.Day, RotateAt: 75 * policies.Day, Overlap: 24 * time.Hour,
			ApproveRevocation: policies.SecondPerson},
		Profile: ProfileSpec{Lifecycle: "overlap", Host: "api.example", LiveLimit: 2, Propagation: 10 * time.Minute,
			FailingProbes: true, KeyField: "key"},
		Places: []PlaceSpec{
			{Name: "vault", Fields: []string{"key", "secret"}, Readable: true},
			{Name: "ci", Fields: []string{"key", "secret"}},
			{Name: "mirror", Fields: []string{"key", "secret"}, Readable: true, Follows: "vault"}},
		Consumers: []ConsumerSpec{
			{Name: "api", Reads: []string{"mirror"}, Redeploy: true, Best: cicd.Reported, ProveIn: 10 * time.Minute},
			{Name: "jobs", Reads: []string{"ci"}, Redeploy: true, Best: cicd.RanWithNew, ProveIn: 10 * time.Minute}},
		Owner: "olga", Approvers: []string{"anna", "ben"}}
}

func oldPair() Pair {
	return Pair{ID: oldID, Credential: "bluum", Environment: "production", Life: Current, Created: ago(80 * policies.Day),
		Fragment: "OLD1", Sealed: secret.Sealed("sealed")}
}

func newPair() Pair {
	return Pair{ID: newID, Credential: "bluum", Environment: "production", Life: Candidate, Created: ago(50 * time.Hour),
		Fragment: "NEW1", Sealed: secret.Sealed("sealed")}
}

func accepted() *vendors.Reading {
	return &vendors.Reading{Verdict: vendors.Accepted, Host: "api.example", Status: 200, At: noon(), Environment: "production",
		Subjects: []string{"account 1"}}
}

func refused() *vendors.Reading {
	return &vendors.Reading{Verdict: vendors.Refused, Host: "api.example", Status: 401, Code: "X-401-3", At: noon(), Why: "X-401-3"}
}

func unclear() *vendors.Reading {
	return &vendors.Reading{Verdict: vendors.Unclear, Host: "api.example", At: noon(), Why: "timeout"}
}

// quiet is the scene in which the last row of the state's list answers.
func quiet(lane Lane, state State) scene {
	c := scene{sp: quietSpec(), now: noon(), r: Rotation{ID: "rot", Credential: "bluum", Lane: lane, State: state, Old: oldID,
		Rev: 7, Epoch: 3, Spec: "spec 1", OpenedAt: ago(60 * time.Hour), EnteredAt: ago(48 * time.Hour)}}
	c.s = Seen{At: noon(), Old: accepted(), OldPair: oldPair(), OldHeld: true, Opened: Opened{Able: true}, Live: 1}
	switch {
	case lane == Burial:
		c.burial()
	case lane == Retire:
		c.retiring()
	case state == DueState:
		c.s.Checked, c.s.Source = true, "vault"
		c.places(HoldsOld)
	case state == AwaitingKey:
		c.s.Checked, c.s.Source, c.s.Old = true, "vault", nil
		c.places(HoldsOld)
	default:
		c.underWay()
	}
	if lane == Replace {
		c.replacing()
	}
	return c
}

// replacing: the vendor has room for one pair, and the maintenance window is now.
func (c *scene) replacing() {
	c.sp.Profile.Lifecycle, c.sp.Profile.LiveLimit = string(Replace), 1
	c.r.Facts.Window = &Word{Kind: Approved, Who: "anna", Spec: "spec 1", From: ago(time.Hour), To: noon().Add(time.Hour),
		Consumers: []string{"api", "jobs"}, Text: "agreed"}
}

// retiring: no consumer is declared any more, and another credential's pair in use stands for the new one.
func (c *scene) retiring() {
	c.sp.Consumers = nil
	c.r.Facts = Facts{}.copy()
	c.s.Checked, c.s.Source = c.r.State == DueState, "vault"
	c.places(HoldsOld)
	if c.r.State == AwaitingRevocation {
		c.s.OldPair.Life, c.s.Old, c.s.New, c.s.Random, c.s.Control = Orphan, refused(), accepted(), refused(), "another"
		c.r.Facts.Triples = triples(20*time.Minute, 10*time.Minute, 0)
	}
}

// underWay: the new pair is here, and everything holds and uses it.
func (c *scene) underWay() {
	c.r.New, c.s.New, c.s.NewPair, c.s.NewHeld, c.s.NewAway, c.s.Live = newID, accepted(), newPair(), true, true, 2
	f := &c.r.Facts
	f.SubmittedBy, f.Seen, f.Tenant, f.Wrote = "sam", "production", "shared account", c.r.State != Received
	f.Approvals = []Word{{Kind: Approved, Who: "anna", Spec: "spec 1", At: ago(time.Hour)}}
	f.Resume, f.Reason = Staged, "place vault: the place refuses this access"
	holds, target := HoldsNew, newID
	if c.r.State == RollingBack {
		holds, target = HoldsOld, oldID
	}
	c.places(holds)
	c.held(target)
	c.proven(target, holds)
	switch c.r.State {
	case Received:
		c.s.Random = refused()
	case AwaitingRevocation, RevocationProven:
		c.s.OldPair.Life, c.s.NewPair.Life = Previous, Current
		c.s.Old, c.s.Random = refused(), refused()
		f.Triples = triples(20*time.Minute, 10*time.Minute, 0)
	}
}

// burial: the pair is refused, nobody holds it, and the death proof is complete.
func (c *scene) burial() {
	c.s.OldPair.Life, c.s.Old, c.s.Random = Orphan, refused(), refused()
	c.s.New, c.s.NewPair = accepted(), newPair()
	c.s.NewPair.Life = Current
	c.proven("", HoldsNew)
	c.r.Facts = Facts{}.copy()
	if c.r.State == RevocationProven {
		c.s.OldPair.Life, c.r.Facts.DeadAt = Dead, ago(48*time.Hour)
		return
	}
	c.places(HoldsNew)
	c.r.Facts.Triples = triples(20*time.Minute, 10*time.Minute, 0)
}

// places: every place was seen so; the one that can't be read back is hidden.
func (c *scene) places(h Holds) {
	c.s.Places = map[string]PlaceSeen{}
	for _, p := range c.sp.Places {
		c.s.Places[p.Name] = PlaceSeen{Holds: h, Grade: backends.ReadBack}
		if !p.Readable {
			c.s.Places[p.Name] = PlaceSeen{Holds: HoldsHidden, Grade: backends.Touched}
		}
	}
}

func (c *scene) held(target PairID) {
	c.r.Facts.Places = map[string]PlaceFact{}
	for _, p := range c.sp.Places {
		c.r.Facts.Places[p.Name] = PlaceFact{Pair: target, Grade: backends.ReadBack, Since: ago(50 * time.Hour)}
	}
}

// proven: every consumer was redeployed after the write and proved itself in this very look.
func (c *scene) proven(target PairID, names Holds) {
	c.s.Uses, c.r.Facts.Runs, c.r.Facts.Proofs = map[string]UseSeen{}, map[string]RunFact{}, map[string]Proof{}
	for _, k := range c.sp.Consumers {
		c.s.Uses[k.Name] = UseSeen{Use: k.Best, Names: names, At: noon()}
		c.r.Facts.Runs[k.Name] = ran(target, cicd.Succeeded)
		c.r.Facts.Proofs[k.Name] = Proof{Pair: target, Use: k.Best, At: noon()}
	}
}

// ran is a first attempt, asked after the write.
func ran(pair PairID, state cicd.RunState) RunFact {
	f := RunFact{Pair: pair, Once: "once 1", Attempt: 1, Tries: 1, Asked: ago(49 * time.Hour),
		Run: cicd.Run{Once: "once 1", State: state}}
	if state == cicd.Succeeded || state == cicd.Failed {
		f.Run.EndedAt, f.Run.Note = ago(48*time.Hour), "exit code 3"
	}
	return f
}

// triples is a death proof with looks so long before noon.
func triples(before ...time.Duration) []Triple {
	var all []Triple
	for _, d := range before {
		all = append(all, Triple{At: ago(d), Host: "api.example", New: "200", Random: "X-401-3", Old: "X-401-3"})
	}
	return all
}

func (c *scene) wish(w Wish, who string) {
	c.r.Facts.Wish, c.r.Facts.WishWord = w, &Word{Who: who, At: ago(time.Minute)}
}

func (c *scene) waive(target string, lasts time.Duration) {
	c.r.Facts.Waivers = append(c.r.Facts.Waivers, Word{Kind: WaiveIt, Target: target, Who: "olga", Text: "known",
		Expires: c.now.Add(lasts)})
}

func (c *scene) see(place string, h Holds) {
	c.s.Places[place] = PlaceSeen{Holds: h, Err: "timeout"}
	if h != HoldsUnknown {
		c.s.Places[place] = PlaceSeen{Holds: h, Grade: backends.ReadBack}
	}
}

// unheld: place does not hold the target, as learn would have found out.
func (c *scene) unheld(place string, h Holds) {
	delete(c.r.Facts.Places, place)
	c.see(place, h)
}

// run changes what is known of a consumer's redeployment.
func (c *scene) run(consumer string, change func(*RunFact)) {
	f := c.r.Facts.Runs[consumer]
	change(&f)
	c.r.Facts.Runs[consumer] = f
}

// consumer changes how a consumer is configured.
func (c *scene) consumer(name string, change func(*ConsumerSpec)) {
	for i := range c.sp.Consumers {
		if c.sp.Consumers[i].Name == name {
			change(&c.sp.Consumers[i])
		}
	}
}
