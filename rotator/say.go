package rotator

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Saying is what a person says, before it is known which rotation it concerns.
type Saying struct {
	Credential  string
	Kind        WordKind
	Who         string
	Target      string        // waived, attested: "consumer:NAME", "place:NAME", "rollback", "tenant", "portal"
	Text        string        // reason; organisation for "portal"
	Environment string        // attested "portal": what the portal showed
	Pair        PairID        // revoked, attested: which pair, "" the rotation's old one
	Fragment    string        // revoked: last four characters of the key that was revoked
	For         time.Duration // waived: how long
	Consumers   []string      // approved: that may be left without proof, or without a working key meanwhile
	From, To    time.Time     // approved: a maintenance window, UTC
}

// Say checks that the word fits what is proven, appends it, and wakes the rotation. A *Refusal means that nothing was
// said; one of Kind "wrong_key" is recorded all the same, because the way back depends on it.
func (rt *Rotator) Say(ctx context.Context, s Saying) (Word, error) {
	c, err := rt.credential(s.Credential)
	if err != nil {
		return Word{}, err
	}
	if s.Who == "" {
		return Word{}, refuse("nameless", "", "a word needs a name: use --as NAME")
	}
	w := Word{Credential: s.Credential, Kind: s.Kind, Who: s.Who, At: rt.now(), Pair: s.Pair, Target: s.Target, Text: s.Text,
		Fragment: s.Fragment, Consumers: s.Consumers, From: s.From.UTC(), To: s.To.UTC()}
	switch s.Kind {
	case WaiveIt:
		return rt.waive(ctx, c, s, w)
	case Reviewed:
		return rt.review(ctx, c, s, w)
	}
	r, err := rt.concerned(ctx, s)
	if err != nil {
		return Word{}, err
	}
	w.Rotation = r.ID
	if s.Kind == Approved {
		w.Spec, w.Alone = c.Spec.Digest, r.Lane == Compromised && strings.EqualFold(r.Facts.SubmittedBy, s.Who)
	}
	if s.Kind == RevokedIt || s.Kind == AttestIt && s.Pair != "" {
		w.Pair = r.Old
	}
	verr := rt.fits(ctx, c, r, s)
	if verr != nil && !isWrongKey(verr) {
		return Word{}, verr
	}
	if w, err = rt.append(ctx, w, verr != nil); err != nil {
		return w, err
	}
	return w, verr
}

func isWrongKey(err error) bool {
	var r *Refusal
	return errors.As(err, &r) && r.Kind == "wrong_key"
}

// inWords is the word as the trail tells it.
func (w Word) inWords(wrong bool) string {
	text := map[WordKind]string{Approved: "the revocation is approved", RollBack: "rollback is wished", Abandon: "abandoning is wished",
		Resume: "going on is wished", Compromise: "the pair in use is COMPROMISED", Reviewed: "the approval that was given alone is reviewed", WaiveIt: "waived until " + stamp(w.Expires) + ": " + w.Target, AttestIt: "attested: " + w.Target}[w.Kind]
	switch {
	case w.Kind == RevokedIt && wrong:
		text = "named the key IN USE (" + w.Fragment + ") as the one that was revoked"
	case w.Kind == RevokedIt:
		text = "says that the key ending in " + w.Fragment + " was revoked"
	case w.Kind == Approved && !w.To.IsZero():
		text = "the maintenance window from " + stamp(w.From) + " to " + stamp(w.To) + " is approved"
	case w.Kind == AttestIt && w.Pair != "":
		text = "attested that " + string(w.Pair) + " is revoked"
	}
	if len(w.Consumers) > 0 {
		text += ", also for " + strings.Join(w.Consumers, ", ")
	}
	if w.Text != "" {
		text += "; " + w.Text
	}
	return text
}

func (rt *Rotator) append(ctx context.Context, w Word, wrong bool) (Word, error) {
	chain := w.Rotation
	if chain == "" {
		chain = credentialChain(w.Credential)
	}
	data := map[string]string{"target": w.Target, "pair": string(w.Pair)}
	if !w.Expires.IsZero() {
		data["until"] = w.Expires.Format(time.RFC3339)
	}
	seq, err := rt.o.Ledger.Say(ctx, w, Event{Rotation: chain, At: w.At, Kind: string(w.Kind), Who: w.Who, Text: w.inWords(wrong),
		Data: data})
	w.Seq = seq
	return w, err
}

// waive stands on the credential, so that it can be given before a rotation is open.
func (rt *Rotator) waive(ctx context.Context, c Credential, s Saying, w Word) (Word, error) {
	switch {
	case !waivable(c.Spec, s.Target): // first: what is known is repeated, and nothing else
		return Word{}, refuse("unknown_target", "", "nothing of that name can be waived here: %s", strings.Join(targets(c.Spec), ", "))
	case strings.TrimSpace(s.Text) == "":
		return Word{}, refuse("reasonless", "quarterturn waive "+s.Credential+" "+s.Target, "a waiver needs a reason: --reason WHY; nothing was recorded")
	case s.For <= 0 || s.For > 400*24*time.Hour:
		return Word{}, refuse("endless", "", "a waiver needs an end, at most 400 days away: --for 7d")
	}
	w.Expires = w.At.Add(s.For)
	return rt.append(ctx, w, false)
}

func waivable(sp Spec, target string) bool {
	for _, t := range targets(sp) {
		if t == target {
			return true
		}
	}
	return false
}

func targets(sp Spec) []string {
	t := []string{"rollback", "tenant"}
	for _, c := range sp.Consumers {
		t = append(t, "consumer:"+c.Name)
	}
	for _, p := range sp.Places {
		t = append(t, "place:"+p.Name)
	}
	return t
}

// concerned finds the rotation a word is about: a burial when it names its pair, the one under way otherwise.
func (rt *Rotator) concerned(ctx context.Context, s Saying) (Rotation, error) {
	all, err := rt.o.Ledger.Rotations(ctx, s.Credential)
	if err != nil {
		return Rotation{}, err
	}
	var burials []Rotation
	for _, r := range all {
		switch {
		case r.State.Over():
		case s.Pair != "" && r.Old == s.Pair && (r.Lane == Burial || r.State == AwaitingRevocation):
			return r, nil
		case r.Lane != Burial && s.Pair == "":
			return r, nil
		case r.Lane == Burial && r.State == AwaitingRevocation:
			burials = append(burials, r)
		}
	}
	if s.Pair == "" && s.Kind == RevokedIt && len(burials) == 1 {
		return burials[0], nil
	}
	return Rotation{}, refuse("no_rotation", "quarterturn status "+s.Credential,
		"no open rotation of %s is concerned by this; nothing was recorded", s.Credential)
}

// fits answers a word at once where decide would only deny it later.
func (rt *Rotator) fits(ctx context.Context, c Credential, r Rotation, s Saying) error {
	switch s.Kind {
	case RevokedIt:
		return rt.fitsRevoked(ctx, r, s)
	case Approved:
		return rt.fitsApproved(c.Spec, r, s)
	case RollBack:
		return fitsRollback(r)
	case Abandon:
		return fitsAbandon(c.Spec, r)
	case Resume:
		if r.State != FailedState {
			return refuse("not_failed", "quarterturn status "+r.Credential, "the rotation is %s, not stopped; nothing to resume", r.State)
		}
	case AttestIt:
		return fitsAttest(c.Spec, r, s)
	}
	return nil
}

// fitsRevoked: the last four characters must be those of the key to be revoked. Typing those of the key in use is
// caught and answered with the way back (I-10).
func (rt *Rotator) fitsRevoked(ctx context.Context, r Rotation, s Saying) error {
	if r.State != AwaitingRevocation {
		return refuse("not_asked", "quarterturn run", "nobody was asked to revoke a key of %s yet (it is %s): do not. If it "+
			"happened already, the next pass notices", r.Credential, r.State)
	}
	pairs, err := rt.o.Ledger.Pairs(ctx, r.Credential)
	if err != nil {
		return err
	}
	var old, kept Pair
	for _, p := range pairs {
		if p.ID == r.Old {
			old = p
		}
		if p.ID == r.New || r.Lane == Burial && p.Life == Current {
			kept = p
		}
	}
	switch {
	case len(s.Fragment) != 4:
		return refuse("fragment", "", "say the last four characters of the key that was revoked; nothing was recorded")
	case s.Fragment == old.Fragment || old.Fragment == "" && s.Fragment != kept.Fragment:
		return nil
	case s.Fragment == kept.Fragment && r.Lane == Burial:
		return refuse("key_in_use", "quarterturn rotate "+r.Credential, "those are the last characters of the key IN USE. If it "+
			"was revoked, every consumer fails soon: re-enable it in the portal if you can, otherwise rotate at once")
	case s.Fragment == kept.Fragment && r.Lane != Routine:
		return refuse("wrong_key", "quarterturn status "+r.Credential, "those are the last characters of the key IN USE. If it was "+
			"revoked, every consumer fails soon: re-enable it in the portal now; there is no way back to the other one")
	case s.Fragment == kept.Fragment:
		return refuse("wrong_key", "quarterturn rollback "+r.Credential, "those are the last characters of the key IN USE. If "+
			"it was revoked, every consumer fails soon: re-enable it in the portal if you can, otherwise go back now")
	}
	return refuse("unknown_key", "", "those are not the last characters of the key to revoke, nor of the one in use; nothing "+
		"was recorded: look again")
}

func (rt *Rotator) fitsApproved(sp Spec, r Rotation, s Saying) error {
	switch {
	case !mayApprove(sp, s.Who):
		return refuse("no_approver", "", "%s is not among the approvers of %s; nothing was recorded", s.Who, sp.Credential)
	case !s.To.IsZero() || len(s.Consumers) > 0:
		return rt.fitsNamed(sp, r, s)
	}
	return rt.fitsSecond(r, s)
}

// fitsSecond: who brought the pair in does not approve, but for an emergency in which nobody else answered.
func (rt *Rotator) fitsSecond(r Rotation, s Saying) error {
	same := r.Facts.SubmittedBy != "" && strings.EqualFold(r.Facts.SubmittedBy, s.Who)
	told := r.Facts.Told
	awaited := strings.HasPrefix(told.Command, "quarterturn approve ") && !rt.now().Before(told.Since.Add(loneAfter))
	switch {
	case r.New == "":
		return refuse("too_early", "quarterturn status "+r.Credential, "there is no new pair yet to approve; nothing was recorded")
	case same && r.Lane != Compromised:
		return refuse("same_person", "", "%s brought the pair in: somebody else must approve; nothing was recorded", s.Who)
	case same && !awaited:
		return refuse("same_person", "", "%s brought the pair in: somebody else must approve, or, once that was awaited for %s, %s with a "+
			"reason; nothing was recorded", s.Who, loneAfter, s.Who)
	case same && strings.TrimSpace(s.Text) == "":
		return refuse("reasonless", "quarterturn approve "+r.Credential, "an approval that is given alone needs a reason: --reason WHY; nothing was recorded")
	}
	return nil
}

// fitsNamed: an approval that lets consumers fail names each, and is for an emergency or a maintenance window alone.
func (rt *Rotator) fitsNamed(sp Spec, r Rotation, s Saying) error {
	for _, name := range s.Consumers {
		if !waivable(sp, "consumer:"+name) {
			return refuse("unknown_target", "", "a consumer that is named does not exist; nothing was recorded")
		}
	}
	again := "quarterturn approve " + r.Credential
	if len(s.Consumers) > 0 {
		again += " --consumers " + strings.Join(s.Consumers, ",")
	}
	switch {
	case strings.TrimSpace(s.Text) == "":
		return refuse("reasonless", again, "an approval that names consumers needs a reason: --reason WHY; nothing was recorded")
	case s.To.IsZero() && r.Lane == Replace:
		return refuse("windowless", again, "creating a key ends the old one: the approval is for a maintenance window, "+
			"--window START/LENGTH; nothing was recorded")
	case s.To.IsZero() && r.Lane != Compromised:
		return refuse("no_emergency", "", "only an emergency goes on without a consumer's proof; a waiver for the consumer is the way here; nothing was recorded")
	case s.To.IsZero() && r.New == "" && r.State == DueState: // a key that ends the old one
		return nil
	case s.To.IsZero():
		return rt.fitsSecond(r, s)
	case r.Lane != Replace:
		return refuse("no_window", "", "this rotation needs no maintenance window; nothing was recorded")
	case !s.From.Before(s.To) || !rt.now().Before(s.To) || s.To.Sub(s.From) > 24*time.Hour:
		return refuse("window", again, "a maintenance window lies ahead, begins before it ends and lasts a day at most; nothing was recorded")
	case len(s.Consumers) < len(sp.Consumers):
		return refuse("unnamed", "quarterturn status "+r.Credential, "the approval must name every consumer that fails meanwhile: %s; nothing was recorded", consumerNames(sp))
	}
	return nil
}

func consumerNames(sp Spec) string {
	var names []string
	for _, c := range sp.Consumers {
		names = append(names, c.Name)
	}
	return strings.Join(names, ",")
}

// review stands on the credential: the rotation it is about has ended.
func (rt *Rotator) review(ctx context.Context, c Credential, s Saying, w Word) (Word, error) {
	standings, err := rt.Status(ctx, s.Credential)
	if err != nil {
		return Word{}, err
	}
	lone := standings[0].Review
	switch {
	case lone == nil:
		return Word{}, refuse("nothing", "quarterturn status "+s.Credential, "no approval of %s waits for a review; nothing was recorded", s.Credential)
	case strings.EqualFold(lone.Who, s.Who):
		return Word{}, refuse("same_person", "", "%s gave that approval: somebody else must review it; nothing was recorded", s.Who)
	case !mayApprove(c.Spec, s.Who):
		return Word{}, refuse("no_approver", "", "%s is not among the approvers of %s; nothing was recorded", s.Who, s.Credential)
	}
	return rt.append(ctx, w, false)
}

func fitsRollback(r Rotation) error {
	switch {
	case r.Lane == Compromised:
		return refuse("compromised", "quarterturn status "+r.Credential, "the old pair is compromised: nothing is put back to it")
	case r.Lane == Replace && r.Facts.Wrote:
		return refuse("replaced", "quarterturn status "+r.Credential, "creating the new pair ends the old one: there is nothing to go back to")
	case r.Lane == Retire:
		return refuse("nothing_written", "quarterturn abandon "+r.Credential, "nothing has been written: to stop, abandon")
	case r.State == AwaitingKey && r.Facts.Wrote:
		return nil // a third key is asked for, and the old one may have come back to life
	case r.State == Received && r.Facts.BothDead:
		return refuse("third_key", "quarterturn rotate "+r.Credential, "no pair worked: there is nothing to go back to; the third "+
			"one is being checked")
	}
	switch r.State {
	case DueState, AwaitingKey, Received:
		return refuse("nothing_written", "quarterturn abandon "+r.Credential, "nothing has been written yet: there is nothing to "+
			"take back; to stop, abandon")
	case RevocationProven:
		return refuse("old_dead", "", "the old pair is proven dead: there is nothing to go back to")
	case RollingBack:
		return refuse("already", "quarterturn run", "it is going back already")
	}
	return nil
}

func fitsAbandon(sp Spec, r Rotation) error {
	if sp.Profile.Lifecycle == string(Replace) && r.New != "" && r.Old != "" {
		return refuse("replaced", "quarterturn rotate "+r.Credential, "creating the new pair ends the old one: there is no way back; the way on is to go on")
	}
	if r.Facts.BothDead || r.Facts.Wrote && r.Lane != Routine {
		return refuse("third_key", "quarterturn rotate "+r.Credential, "something has been written, and there is no way back; the way on "+
			"is a third pair")
	}
	if r.Facts.Wrote {
		return refuse("written", "quarterturn rollback "+r.Credential, "the new pair has already been written: the way back is rollback")
	}
	return nil
}

func fitsAttest(sp Spec, r Rotation, s Saying) error {
	switch {
	case s.Pair != "" && r.State != AwaitingRevocation:
		return refuse("not_asked", "quarterturn status "+r.Credential, "the revocation of this pair is not awaited (it is %s): there is "+
			"nothing to attest", r.State)
	case s.Pair != "":
		return nil
	case s.Target == "portal" && (s.Environment == "" || s.Text == ""):
		return refuse("half_said", "", "say both the organisation and the environment that the portal showed; nothing was recorded")
	case s.Target == "portal":
		return said(sp, Paste{Environment: s.Environment, Organisation: s.Text})
	case strings.HasPrefix(s.Target, "consumer:") && waivable(sp, s.Target):
		return nil
	}
	return refuse("unknown_target", "", "nothing of that name can be attested; nothing was recorded")
}
