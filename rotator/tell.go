package rotator

import (
	"strings"
	"time"

	"quarterturn/notify"
)

// brokenFor is how long something may be broken before others than the owner and deputy hear of it.
const brokenFor = time.Hour

// Told is what people were last told about a rotation.
type Told struct {
	Command   string    // the command somebody was awaited for
	Since     time.Time // when they were told
	Escalated bool      // others were told too
	Broken    string
	State     State // in which it was broken
}

func words(s State) string { return strings.ReplaceAll(string(s), "_", " ") }

func (rt *Rotator) message(sp Spec, kind notify.Kind, id ID) notify.Message {
	return notify.Message{ID: "msg-" + rt.o.NewID(), At: rt.now(), Kind: kind, Credential: sp.Credential, Vendor: sp.Vendor,
		Environment: sp.Environment, Rotation: string(id), To: only(sp.Owner)}
}

func only(addresses ...string) []string {
	var all []string
	seen := map[string]bool{}
	for _, a := range addresses {
		if a != "" && !seen[a] {
			seen[a] = true
			all = append(all, a)
		}
	}
	return all
}

// news is what people should hear at the end of a claim, once for each thing: that something is broken or mended, that
// they are awaited, that they still are, and that it is over. It is part of the record that makes it true.
func (w *work) news() []notify.Message {
	var all []notify.Message
	sp := w.l.c.Spec
	tell := func(kind notify.Kind, to ...string) {
		m := w.rt.message(sp, kind, w.r.ID)
		m.What, m.Broken, m.Command, m.To = w.r.Why, w.out.Broken, w.r.Command, only(append(m.To, to...)...)
		m.Escalated = w.r.Facts.Told.Escalated && kind == notify.Waits
		all = append(all, m)
	}
	told, now := &w.r.Facts.Told, w.rt.now()
	switch {
	case w.out.Broken != "" && w.out.Broken != told.Broken:
		told.Broken, told.State = w.out.Broken, w.r.State
		tell(notify.Broken, sp.Deputy)
	case w.out.Broken == "" && told.Broken != "" && w.mended():
		told.Broken, told.State = "", ""
		tell(notify.Mended, sp.Deputy)
	}
	switch {
	case w.r.State.Over():
		if w.r.Lane != Burial {
			tell(notify.Closed)
		}
	case w.r.Command == "":
		told.Command, told.Escalated = "", false
	case w.r.Command != told.Command:
		told.Command, told.Since, told.Escalated = w.r.Command, now, false
		tell(notify.Waits, w.approvers()...)
	case !told.Escalated && !now.Before(w.escalateAt()):
		told.Escalated = true
		tell(notify.Waits, append([]string{sp.Deputy}, sp.Approvers...)...)
	}
	return all
}

// approvers hear of it when it is their word that is awaited.
func (w *work) approvers() []string {
	if strings.HasPrefix(w.r.Command, "quarterturn approve ") {
		return w.l.c.Spec.Approvers
	}
	return nil
}

// escalateAt is when others are told that a person is still awaited; zero when nobody is, or they were told.
func (w *work) escalateAt() time.Time {
	t := w.r.Facts.Told
	if t.Command == "" || t.Escalated {
		return time.Time{}
	}
	after := w.l.c.Spec.Policy.EscalateAfter
	if t.Broken != "" || w.r.Lane == Compromised {
		after = min(after, brokenFor)
	}
	return t.Since.Add(after)
}

// mended: what was broken is not, and the rotation has not merely left the state in which that was seen.
func (w *work) mended() bool {
	switch w.r.State {
	case Verified, AwaitingRevocation, RevocationProven, Closed, RolledBack:
		return true
	}
	return w.r.State == w.r.Facts.Told.State
}
