package rotator

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"quarterturn/backends"
	"quarterturn/cicd"
	"quarterturn/vendors"
)

// learn takes what was said and seen into the facts, purely: r comes back as it should be recorded, and decide judges
// it. What a look did not concern stays as it was. The second result is what is worth a line in the trail.
func learn(sp Spec, r Rotation, s Seen, now time.Time) (Rotation, []Event) {
	l := learner{sp: sp, r: r, s: s, now: now}
	l.r.Facts = r.Facts.copy()
	l.spec()
	l.words()
	l.portal()
	l.oldLife()
	l.newLife()
	l.saidRevoked()
	l.places()
	l.runs()
	l.uses()
	l.triples()
	return l.r, l.events
}

type learner struct {
	sp     Spec
	r      Rotation
	s      Seen
	now    time.Time
	events []Event
}

// copy gives learn and apply their own maps, so that both stay pure.
func (f Facts) copy() Facts {
	f.Places, f.Runs, f.Proofs, f.Attested = own(f.Places), own(f.Runs), own(f.Proofs), own(f.Attested)
	f.Parts = maps.Clone(f.Parts)
	f.Triples = append([]Triple(nil), f.Triples...)
	f.Approvals = append([]Word(nil), f.Approvals...)
	f.Waivers = append([]Word(nil), f.Waivers...)
	return f
}

func own[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return maps.Clone(m)
}

func (l *learner) note(kind, text string, data map[string]string) {
	l.events = append(l.events, Event{At: l.now, Kind: kind, Who: "quarterturn", Text: text, Data: data})
}

// words: each is taken in once. Waivers hold while they last: a claim may bring one again, or no more.
func (l *learner) words() {
	f := &l.r.Facts
	heard := f.Heard
	for _, w := range l.r.Words {
		if w.Kind == WaiveIt && !slices.ContainsFunc(f.Waivers, func(x Word) bool { return x.Seq == w.Seq }) {
			f.Waivers = append(f.Waivers, w)
		}
		if w.Seq <= heard {
			continue
		}
		f.Heard = max(f.Heard, w.Seq)
		l.word(w)
	}
	f.Waivers = slices.DeleteFunc(f.Waivers, func(w Word) bool { return !w.Expires.After(l.now) })
	f.NoRollback = l.waiver("rollback")
}

func (l *learner) waiver(target string) string {
	for _, w := range l.r.Facts.Waivers {
		if w.Target == target {
			return w.Who + ": " + w.Text
		}
	}
	return ""
}

func (l *learner) word(w Word) {
	f := &l.r.Facts
	switch w.Kind {
	case Submitted:
		l.submitted(w)
	case Approved:
		l.approved(w)
	case RevokedIt:
		f.Revoked = &w
	case AttestIt:
		l.attested(w)
	case RollBack:
		l.wish(WishRollback, w)
	case Abandon:
		l.wish(WishAbandon, w)
	case Resume:
		l.wish(WishResume, w)
	case Compromise:
		l.wish(WishHurry, w)
	}
}

// wish: the last one counts, but nothing said later takes back that the pair in use is known to others.
func (l *learner) wish(wish Wish, w Word) {
	if l.r.Facts.Wish != WishHurry {
		l.r.Facts.Wish, l.r.Facts.WishWord = wish, &w
	}
}

// approved: a maintenance window holds for itself, and says nothing about a revocation.
func (l *learner) approved(w Word) {
	f := &l.r.Facts
	f.Approvals = append(f.Approvals, w)
	switch {
	case !w.To.IsZero():
		f.Window = &w
	case w.Alone:
		f.Lone = &w
		l.note("alone", w.Who+" approved alone, and somebody else is to review it: "+w.Text, nil)
	}
}

// spec reopens what a changed configuration touched: a place must be looked at anew, a consumer must prove itself again.
// Approvals are for one spec, and void with it.
func (l *learner) spec() {
	f := &l.r.Facts
	paths := touched(f.Parts, l.sp.Parts)
	if f.Parts == nil || len(paths) == 0 {
		f.Parts = l.sp.Parts
		return
	}
	for _, path := range paths {
		switch part := strings.SplitN(path, ".", 3); {
		case part[0] == "places" && len(part) > 1:
			delete(f.Places, part[1])
		case part[0] == "consumers" && len(part) > 1:
			delete(f.Proofs, part[1])
		}
	}
	text, data := changedText(f.Parts, l.sp.Parts)
	if len(f.Approvals) > 0 {
		text += "; approvals given before are void"
	}
	l.note("reconfigured", text, data)
	f.Parts = l.sp.Parts
}

func (l *learner) submitted(w Word) {
	if w.Target == "old" {
		// Heard late, when another pair was sealed as the old one already, it changes nothing.
		if l.r.Old == "" || l.s.OldPair.Life == Lost || l.r.State == DueState && l.s.OldPair.Life != Current {
			l.r.Old = w.Pair
		}
		return
	}
	l.r.New, l.r.Facts.SubmittedBy, l.r.Facts.Rejected, l.r.Facts.Taken = w.Pair, w.Who, "", false
	l.r.Facts.Tenant, l.r.Facts.Seen, l.r.Facts.Portal = "", "", nil
	if w.Text != "" {
		l.r.Facts.Portal = &w
	}
}

func (l *learner) attested(w Word) {
	switch {
	case w.Target == "portal":
		l.r.Facts.Portal = &w
	case w.Pair != "":
		l.ended(w)
	default:
		l.r.Facts.Attested[w.Target] = w
	}
}

// ended: a person's word that a pair is gone counts where its death is awaited, and nowhere before. It also says that the
// pair was revoked, which may take a while to bite: until then nothing leads back to it.
func (l *learner) ended(w Word) {
	if w.Pair == l.r.Old && l.r.State == AwaitingRevocation {
		said := w
		said.Fragment = l.s.OldPair.Fragment
		l.r.Facts.EndWord, l.r.Facts.Revoked = &w, &said
	}
}

// portal: which environment and tenant the new pair belongs to: the vendor's answer first, a person's word otherwise.
func (l *learner) portal() {
	f := &l.r.Facts
	anybody := l.sp.Profile.FailingProbes && verdict(l.s.Random) != vendors.Refused
	if verdict(l.s.New) != vendors.Accepted || l.r.State != Received || anybody {
		return
	}
	if l.s.New.Environment != "" {
		f.Seen = l.s.New.Environment
	}
	if l.s.Old != nil && shared(l.s.Old.Subjects, l.s.New.Subjects) {
		f.Tenant = "shared account"
	}
	if f.Portal == nil {
		return
	}
	if f.Seen == "" {
		f.Seen = l.sp.Environment + " (attested by " + f.Portal.Who + ")"
	}
	if f.Tenant == "" {
		f.Tenant = f.Portal.Text + " (attested by " + f.Portal.Who + ")"
	}
}

// oldLife notices an old pair that died before anybody was asked to revoke it, and one that lives after all.
func (l *learner) oldLife() {
	f := &l.r.Facts
	if l.s.Checked && l.r.State == DueState {
		f.NoOld = l.s.Nowhere && l.r.Old == ""
	}
	if verdict(l.s.Old) == vendors.Accepted && f.EndWord != nil && l.s.Old.At.After(f.EndWord.At) {
		f.EndWord = nil // the word was wrong, or too early: it must be said anew
	}
	if !l.r.journey() || l.r.State == AwaitingRevocation || l.r.State == RevocationProven {
		return
	}
	switch verdict(l.s.Old) {
	case vendors.Refused:
		if !f.OldDead && l.r.State != RollingBack {
			l.note("old_dead", "the vendor refuses the old pair already: "+why(l.s.Old, l.s), readingData("old", l.s.Old))
		}
		f.OldDead = true
	case vendors.Accepted:
		f.OldDead = false
	}
}

// newLife keeps in mind that the new pair was refused until it is accepted again, and since when both are.
func (l *learner) newLife() {
	f := &l.r.Facts
	if !l.r.journey() || l.r.New == "" && l.r.State != RollingBack || l.r.State == Received {
		return
	}
	newGone := l.r.New == "" || verdict(l.s.New) == vendors.Refused // a third key may be awaited when the way back opens
	switch verdict(l.s.New) {
	case vendors.Refused:
		f.NewDead = true
	case vendors.Accepted:
		f.NewDead = false
	}
	oldGone := l.r.Lane != Routine || !l.s.OldHeld || verdict(l.s.Old) == vendors.Refused || elsewhere(l.sp, l.s.Old)
	switch {
	case newGone && oldGone:
		if f.JointSince.IsZero() {
			f.JointSince = l.now
		}
	case verdict(l.s.New) == vendors.Accepted || verdict(l.s.Old) == vendors.Accepted && !oldGone:
		f.JointSince = time.Time{}
	}
}

// saidRevoked: once a request is withdrawn, what was said on it stands, for the old pair may be dying, until the vendor
// accepts that pair after as long as a death takes to prove. What was said of another key says nothing of the way back.
func (l *learner) saidRevoked() {
	w := l.r.Facts.Revoked
	if w == nil || !l.r.journey() || l.r.State == AwaitingRevocation || l.r.State == RevocationProven {
		return
	}
	other := w.Fragment != "" && w.Fragment != l.s.OldPair.Fragment
	lives := verdict(l.s.Old) == vendors.Accepted && !l.s.Old.At.Before(bitten(l.sp, *w))
	if other || lives {
		l.r.Facts.Revoked = nil
	}
}

// places: Since is when a place was first seen with the target. Not reached is not lost.
func (l *learner) places() {
	if l.s.Places == nil {
		return
	}
	v := view{sp: l.sp, r: l.r, s: l.s, now: l.now}
	for _, p := range l.sp.Places {
		l.place(p.Name, l.s.Places[p.Name], v.target(), v.holdsTarget())
	}
}

func (l *learner) place(name string, seen PlaceSeen, target PairID, want Holds) {
	f := l.r.Facts.Places
	old, held := f[name]
	held = held && old.Pair == target
	switch {
	case seen.Holds == want && !held:
		f[name] = PlaceFact{Pair: target, Grade: seen.Grade, Since: l.now}
		l.note("holds", "place "+name+" holds the pair: "+seen.Grade.String(),
			map[string]string{"place": name, "pair": string(target), "grade": seen.Grade.String(), "version": seen.Version})
	case seen.Holds == want:
		f[name] = PlaceFact{Pair: target, Grade: max(old.Grade, seen.Grade), Since: old.Since}
	case held && seen.Holds == HoldsHidden && (old.Version == "" || old.Version == seen.Version):
		old.Version = seen.Version
		f[name] = old
	case held && seen.Holds == HoldsUnknown:
	default:
		delete(f, name)
	}
}

// touched records a write to a place that cannot be read back.
func (r *Rotation) touched(place string, pair PairID, now time.Time) {
	r.Facts.Places[place] = PlaceFact{Pair: pair, Grade: backends.Touched, Since: now}
}

func (l *learner) runs() {
	for c, seen := range l.s.Runs {
		f := l.r.Facts.Runs[c]
		if !seen.Known && seen.Err == "" && f.Run.State != "" { // the pipeline forgot it: its outcome is unknown
			f.Run.State = ""
			l.r.Facts.Runs[c] = f
		}
		if !seen.Known || f.Once == "" || seen.Run.Once != f.Once || f.Run.State == seen.Run.State {
			continue
		}
		f.Run = seen.Run
		l.r.Facts.Runs[c] = f
		l.note("run", "redeploy of "+c+" "+string(seen.Run.State), runData(c, f))
	}
}

// uses: a counting proof is kept with its time; evidence against it removes it, silence does not. What stood by a waiver
// falls with it.
func (l *learner) uses() {
	if l.s.Uses == nil {
		return
	}
	v := view{sp: l.sp, r: l.r, s: l.s, now: l.now}
	if l.r.State == Verified {
		l.r.Facts.Looks++
	}
	missed := false
	for _, c := range l.sp.Consumers {
		missed = !l.use(v, c) || missed
	}
	if missed && l.r.State == Verified {
		l.r.Facts.Misses++
	}
}

// use takes one consumer's evidence in and reports whether it stands in this look.
func (l *learner) use(v view, c ConsumerSpec) bool {
	seen, proofs := l.s.Uses[c.Name], l.r.Facts.Proofs
	ended := l.r.Facts.Runs[c.Name].Run.EndedAt
	target := v.target()
	was, had := proofs[c.Name]
	switch {
	case seen.Names != "" && seen.Names != v.holdsTarget() && !v.without(c.Name):
		delete(proofs, c.Name)
		return false
	case seen.Err == "" && seen.Use.Counts() && !seen.At.Before(ended):
		proofs[c.Name] = Proof{Pair: target, Use: seen.Use, At: seen.At, Note: seen.Note}
		if !had || was.Pair != target || was.At.Before(ended) {
			l.note("proved", c.Name+" uses the pair: "+seen.Use.String(),
				map[string]string{"consumer": c.Name, "pair": string(target), "use": seen.Use.String()})
		}
		return true
	}
	if w := l.standIn(c.Name); w != "" {
		use := max(seen.Use, l.attestedUse(c.Name))
		proofs[c.Name] = Proof{Pair: target, Use: use, At: l.now, Note: seen.said(), By: w}
		if !had || was.Pair != target || was.By == "" {
			l.note("waived", c.Name+" is "+use.String()+", which proves nothing; a waiver stands in: "+w,
				map[string]string{"consumer": c.Name, "pair": string(target), "use": use.String()})
		}
		return true
	}
	if was.By != "" {
		delete(proofs, c.Name)
	}
	return false
}

// standIn is who goes on without a consumer's proof, by a waiver or, in an emergency, by an approval that names it.
func (l *learner) standIn(consumer string) string {
	if w := l.waiver("consumer:" + consumer); w != "" {
		return w
	}
	if w := goingOnWord(l.sp, l.r, consumer); w != nil {
		return w.Who + ": " + w.Text
	}
	return ""
}

func (l *learner) attestedUse(consumer string) cicd.Use {
	if _, ok := l.r.Facts.Attested["consumer:"+consumer]; ok {
		return cicd.Attested
	}
	return cicd.Unproven
}

// triples: an Accepted old pair empties the list, an unclear look does not count (I-11).
func (l *learner) triples() {
	f := &l.r.Facts
	if verdict(l.s.Old) == vendors.Accepted {
		f.Triples, f.Unwatched = nil, 0
		return
	}
	if l.r.State != AwaitingRevocation || verdict(l.s.Old) != vendors.Refused || verdict(l.s.New) != vendors.Accepted {
		return // beside no accepted pair a refusal says nothing, not even that the old one was looked at
	}
	l.watched()
	if !isTriple(l.s) || tooClose(f.Triples, l.s) {
		return
	}
	t := Triple{At: l.s.Old.At, Until: l.s.Old.At, Host: l.s.Old.Host, New: answer(l.s.New), Random: answer(l.s.Random), Old: answer(l.s.Old),
		NewID: callID(l.s.New), RandomID: callID(l.s.Random), OldID: callID(l.s.Old)}
	f.Triples = append(f.Triples, t)
	l.note("triple", "new accepted, made-up refused, old refused, on "+t.Host, map[string]string{"host": t.Host,
		"new": t.New, "random": t.Random, "old": t.Old, "new_id": t.NewID, "random_id": t.RandomID, "old_id": t.OldID})
}

// watched: a proof is one stretch of refusals. After a while without a look, in which the pair may have been accepted, it
// begins anew (I-11).
func (l *learner) watched() {
	f := &l.r.Facts
	switch n := len(f.Triples); {
	case unwatched(f.Triples, l.s.Old.At):
		gap := l.s.Old.At.Sub(lastRefused(f.Triples)).Round(time.Second)
		l.note("unwatched", "no look that counts found the old pair refused for "+gap.String()+": the proof of its death begins anew", nil)
		f.Triples, f.Unwatched = nil, f.Unwatched+1
	case n > 0:
		f.Triples[n-1].Until = later(f.Triples[n-1].Until, l.s.Old.At)
	}
}

// unwatched: at comes too long after the last look that counts.
func unwatched(t []Triple, at time.Time) bool {
	return len(t) > 0 && at.Sub(lastRefused(t)) > longestUnwatched
}

func lastRefused(t []Triple) time.Time { return later(t[len(t)-1].At, t[len(t)-1].Until) }

func isTriple(s Seen) bool {
	if verdict(s.New) != vendors.Accepted || verdict(s.Random) != vendors.Refused || verdict(s.Old) != vendors.Refused {
		return false
	}
	first := earlier(earlier(s.New.At, s.Old.At), s.Random.At)
	last := later(later(s.New.At, s.Old.At), s.Random.At)
	return s.New.Host == s.Old.Host && s.Old.Host == s.Random.Host && last.Sub(first) <= tripleSpan
}

// tooClose: the same look twice is one triple.
func tooClose(t []Triple, s Seen) bool {
	return len(t) > 0 && !s.Old.At.After(t[len(t)-1].At)
}

func answer(rd *vendors.Reading) string {
	if rd.Code != "" {
		return rd.Code
	}
	return strconv.Itoa(rd.Status)
}

func callID(rd *vendors.Reading) string {
	if rd.TraceID != "" {
		return rd.TraceID
	}
	return rd.RequestID
}

func readingData(which string, rd *vendors.Reading) map[string]string {
	if rd == nil {
		return nil
	}
	return map[string]string{which: answer(rd), which + "_id": callID(rd), "host": rd.Host}
}

func runData(consumer string, f RunFact) map[string]string {
	return map[string]string{"consumer": consumer, "once": f.Once, "attempt": strconv.Itoa(f.Attempt),
		"run": f.Run.ID, "state": string(f.Run.State), "note": f.Run.Note}
}
