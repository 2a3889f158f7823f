package rotator

import (
	"context"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"quarterturn/cicd"
	"quarterturn/secret"
	"quarterturn/vendors"
)

// ---- people who do as they please ----------------------------------------------------------------------------

// stir lets somebody do something between two steps: mostly nothing.
func (w *world) stir() {
	if w.calm {
		return
	}
	acts := []func(){w.sayAnything, w.sayAnything, w.submitAnything, w.meddle, w.meddle, w.breakSomething, w.breakSomething,
		w.followOne, w.followOne, w.followOne, w.followOne, w.followOne, w.hurry}
	if i := rapid.IntRange(0, 3*len(acts)).Draw(w.t, "somebody acts"); i < len(acts) {
		acts[i]()
	}
}

// followOne: somebody does what one rotation asks for.
func (w *world) followOne() {
	if len(w.book.order) == 0 {
		return
	}
	if r := w.book.rows[rapid.SampledFrom(w.book.order).Draw(w.t, "whose command")].r; !r.State.Over() && r.Command != "" {
		w.follow(r)
	}
}

func (w *world) sayAnything() {
	s := Saying{Credential: w.sp.Credential, For: 48 * time.Hour, Text: "because", Environment: w.sp.Environment, Consumers: w.someConsumers(),
		Who: rapid.SampledFrom([]string{"sam", "anna", "ben", "eve"}).Draw(w.t, "who"),
		Kind: rapid.SampledFrom([]WordKind{Approved, RevokedIt, AttestIt, WaiveIt, RollBack, RollBack, Abandon, Resume}).
			Draw(w.t, "a word")}
	switch s.Kind {
	case WaiveIt, AttestIt:
		s.Target = rapid.SampledFrom(append(targets(w.sp), "portal")).Draw(w.t, "about what")
		s.For = rapid.SampledFrom([]time.Duration{time.Minute, 48 * time.Hour}).Draw(w.t, "for how long")
	case RevokedIt:
		s.Fragment = fragment(w.keys[w.anyKey()].m["key"])
	case Approved:
		if rapid.Bool().Draw(w.t, "a maintenance window") {
			s.From = w.now.Add(rapid.SampledFrom([]time.Duration{-time.Minute, time.Minute, time.Hour}).Draw(w.t, "begins in"))
			s.To = s.From.Add(2 * time.Hour)
		}
	}
	if len(w.book.pairs) > 0 && (s.Kind == RevokedIt || s.Kind == AttestIt) && rapid.Bool().Draw(w.t, "about a pair") {
		s.Pair = rapid.SampledFrom(w.book.pairs).Draw(w.t, "which pair").ID
	}
	_, _ = w.rt.Say(context.Background(), s) // a refusal changes nothing
}

// someConsumers are all, or one, or none.
func (w *world) someConsumers() []string {
	names := w.consumerNames()
	switch rapid.IntRange(0, 3).Draw(w.t, "which consumers are named") {
	case 0:
		return names
	case 1:
		return []string{rapid.SampledFrom(names).Draw(w.t, "which consumer is named")}
	}
	return nil
}

func (w *world) consumerNames() []string {
	var names []string
	for _, c := range w.sp.Consumers {
		names = append(names, c.Name)
	}
	return names
}

// hurry: somebody says that the pair in use is known to others.
func (w *world) hurry() {
	if rapid.IntRange(0, 2).Draw(w.t, "compromised") == 0 {
		_, _ = w.rt.Hurry(context.Background(), w.sp.Credential, "eve", "seen in a log") // a refusal changes nothing
	}
}

func (w *world) anyKey() string {
	if len(w.order) == 0 {
		w.issue(w.sp.Environment)
	}
	return rapid.SampledFrom(w.order).Draw(w.t, "which key")
}

func (w *world) submitAnything() {
	var m secret.Material
	switch rapid.IntRange(0, 4).Draw(w.t, "what is handed in") {
	case 0:
		m = w.keys[w.anyKey()].m
	case 1:
		m = w.issue("sandbox")
	default:
		if !w.unknown(w.spare) {
			w.spare = w.issue(w.sp.Environment)
		}
		m = w.spare
	}
	w.accept(m, rapid.IntRange(0, 5).Draw(w.t, "as the old pair") == 0)
}

func (w *world) accept(m secret.Material, old bool) {
	who := "sam"
	if w.alone {
		who = "anna"
	}
	got, err := w.rt.Accept(context.Background(), Paste{Credential: w.sp.Credential, Material: m, Who: who, How: "terminal", Old: old})
	if err == nil {
		w.checkAge(got, w.keys[keyOf(m)])
	}
}

// checkAge: a pair that was made for the rotation which took it in is never held to be younger than it is, however late
// and often it was handed in.
func (w *world) checkAge(got Receipt, k *issued) {
	r, p := w.book.rows[got.Rotation].r, w.pair(got.Pair)
	if !p.Created.IsZero() && p.Created.After(k.at) && !k.at.Before(r.OpenedAt) {
		w.t.Fatalf("I-15: a pair made at %s is held to be made at %s", k.at, p.Created)
	}
}

// meddle is what a person does at the vendor, or a stranger in the places.
func (w *world) meddle() {
	switch rapid.IntRange(0, 6).Draw(w.t, "somebody meddles") {
	case 0:
		k := w.keys[w.anyKey()]
		k.byHand = k.byHand || k.bites.IsZero()
		w.revoke(k)
	case 1:
		k := w.keys[w.anyKey()] // revoked, and enabled again: what was proven in between was true then
		k.bites, k.fickle = time.Time{}, true
	case 2:
		w.keys[w.anyKey()].lies = rapid.IntRange(1, 3).Draw(w.t, "lying refusals")
	case 3, 4:
		p := w.place[rapid.SampledFrom([]string{"vault", "vault", "ci"}).Draw(w.t, "which place")]
		if p.sp.Readable { // what nobody can see, nobody can answer for
			k := w.keys[w.anyKey()]
			k.byHand = true // whatever becomes of it: somebody else put it there
			p.set(rapid.SampledFrom([]secret.Material{nil, k.m, w.torn()}).Draw(w.t, "what it is changed to"))
		}
	case 5:
		w.rotateByHand()
	case 6:
		w.anyApp().start()
	}
}

// torn has the key of one pair and the secret of another.
func (w *world) torn() secret.Material {
	return secret.Material{"key": w.keys[w.anyKey()].m["key"], "secret": w.keys[w.anyKey()].m["secret"]}
}

// rotateByHand is what quarterturn replaces.
func (w *world) rotateByHand() {
	m := w.issue(w.sp.Environment)
	for _, p := range w.place {
		if p.sp.Readable {
			p.set(m)
		}
	}
}

func (w *world) anyApp() *app {
	return w.apps[rapid.SampledFrom(w.consumerNames()).Draw(w.t, "which consumer")]
}

func (w *world) breakSomething() {
	switch rapid.IntRange(0, 6).Draw(w.t, "something breaks or is mended") {
	case 6:
		w.loseCopy()
	case 0:
		p := w.place[rapid.SampledFrom([]string{"vault", "ci", "mirror"}).Draw(w.t, "which place")]
		p.down = !p.down
	case 1:
		a := w.anyApp()
		a.down = !a.down
	case 2:
		w.book.crash = true
	default: // everything is mended
		for _, p := range w.place {
			p.down = false
		}
		for _, a := range w.apps {
			a.down = false
		}
	}
}

// loseCopy: nothing here can return the new pair any more.
func (w *world) loseCopy() {
	for i, p := range w.book.pairs {
		if p.Life == Candidate && w.maybe(4, "the sealed copy of the new pair is lost") {
			w.book.pairs[i].Sealed = nil
		}
	}
}

// reconfigure changes the configuration between two passes: what is declared, or how.
func (w *world) reconfigure() {
	sp, changed := w.sp, map[string]string{}
	sp.Places, sp.Consumers = slices.Clone(sp.Places), slices.Clone(sp.Consumers)
	w.specs++
	again := strings.Repeat("x", w.specs)
	switch rapid.IntRange(0, 4).Draw(w.t, "what is configured anew") {
	case 0:
		changed["places."+rapid.SampledFrom(sp.Places).Draw(w.t, "which place").Name+".path"] = again
	case 1:
		changed["consumers."+rapid.SampledFrom(sp.Consumers).Draw(w.t, "which consumer").Name+".prove"] = again
	case 2:
		changed["policy.overlap"] = again
	case 3:
		sp.Places = w.togglePlace(sp.Places)
	case 4:
		sp.Consumers = w.toggleConsumer(sp.Consumers)
	}
	w.sp = configured(sp, w.specs+1, changed)
	w.rt.creds[sp.Credential] = Credential{Spec: w.sp, Hands: w.hands}
}

func (w *world) togglePlace(all []PlaceSpec) []PlaceSpec {
	late := PlaceSpec{Name: "late", Fields: []string{"key", "secret"}, Readable: true}
	if w.place["late"] != nil {
		delete(w.place, "late")
		return slices.DeleteFunc(all, func(p PlaceSpec) bool { return p.Name == "late" })
	}
	w.build(late)
	return append(all, late)
}

func (w *world) toggleConsumer(all []ConsumerSpec) []ConsumerSpec {
	late := ConsumerSpec{Name: "late", Reads: []string{"vault"}, Redeploy: true, Best: cicd.Reported, ProveIn: 10 * time.Minute}
	if w.apps["late"] != nil {
		delete(w.apps, "late")
		return slices.DeleteFunc(all, func(c ConsumerSpec) bool { return c.Name == "late" })
	}
	w.employ(late)
	w.apps["late"].start()
	return append(all, late)
}

// ---- people who do what they are asked -----------------------------------------------------------------------

// follow does what a command asks for, honestly and at once.
func (w *world) follow(r Rotation) {
	f := strings.Fields(r.Command)
	verb := f[1]
	w.asked[verb]++
	s := Saying{Credential: w.sp.Credential, Who: "anna", Text: "as asked", For: 300 * 24 * time.Hour}
	switch verb {
	case "rotate":
		w.open()
		w.create()
		return
	case "submit":
		w.handInOld()
		return
	case "check":
		if s.Kind, s.Target = WaiveIt, remedy(w.sp, r.Why); s.Target == "" {
			w.mend()
			return
		}
	case "approve":
		s = w.approveAsAsked(r, f, s)
	case "rollback":
		s.Kind = RollBack
	case "resume":
		s.Kind = Resume
	case "waive":
		s.Kind, s.Target = WaiveIt, f[3]
	case "revoked", "attest":
		s = w.revokeAsAsked(r, f, s)
	default:
		w.t.Fatalf("L-1: nobody knows the command %q", r.Command)
	}
	if _, err := w.rt.Say(context.Background(), s); err != nil {
		w.t.Logf("%s, in %s (%s): %v", r.Command, r.State, r.Why, err)
	}
}

// create: at the terminal a key is asked for only where the rotation awaits one.
func (w *world) create() {
	r, err := w.rt.Underway(context.Background(), w.sp.Credential)
	here := slices.ContainsFunc(w.book.pairs, func(p Pair) bool { return p.Life == Candidate })
	if err != nil || r.State != AwaitingKey || here {
		return
	}
	w.due = !windowed(w.sp, r) || w.mayCreate(r)
	m := w.issue(w.sp.Environment)
	w.due = false
	w.accept(m, false)
}

// approveAsAsked: a second person does, but for an emergency in which nobody else answers.
func (w *world) approveAsAsked(r Rotation, f []string, s Saying) Saying {
	if s.Kind, s.Who = Approved, "ben"; w.alone && r.Lane == Compromised {
		s.Who = "anna"
	}
	if i := slices.Index(f, "--consumers"); i > 0 {
		s.Consumers = strings.Split(f[i+1], ",")
	}
	if slices.Contains(f, "--consumers") && r.Lane == Replace {
		s.From, s.To = w.now, w.now.Add(2*time.Hour)
	}
	return s
}

// windowed: creating a key ends the pair in use, and that one still works as far as the rotation knows.
func windowed(sp Spec, r Rotation) bool {
	return sp.Profile.Lifecycle == string(Replace) && r.State == AwaitingKey && !r.Facts.OldDead && !r.Facts.NoOld && !r.Facts.BothDead
}

// mayCreate: I-1, an approval names every consumer that fails meanwhile.
func (w *world) mayCreate(r Rotation) bool {
	v := view{sp: w.sp, r: r, now: w.now}
	if r.Lane == Compromised {
		return len(v.unnamed()) == 0
	}
	window := v.approvedWindow()
	return window != nil && !w.now.Before(window.From) && w.now.Before(window.To)
}

// remedy is what a finding says may be waived, "" when it names something else.
func remedy(sp Spec, finding string) string {
	for _, t := range targets(sp) {
		if strings.Contains(finding, "waive "+t) {
			return t
		}
	}
	return ""
}

func (w *world) revokeAsAsked(r Rotation, f []string, s Saying) Saying {
	s.Kind = map[string]WordKind{"revoked": RevokedIt, "attest": AttestIt}[f[1]]
	if slices.Contains(f, "--environment") {
		s.Target, s.Text, s.Environment = "portal", "Acme", w.sp.Environment
		return s
	}
	id := r.Old
	if i := slices.Index(f, "--pair"); i > 0 {
		s.Pair, id = PairID(f[i+1]), PairID(f[i+1])
	}
	k := w.vendorKey(id)
	w.revoke(k)
	if k != nil {
		s.Fragment = fragment(k.m["key"])
	}
	return s
}

// vendorKey is the vendor's side of a pair, nil when nobody knows it.
func (w *world) vendorKey(id PairID) *issued {
	for _, p := range w.book.pairs {
		for _, k := range w.order {
			if p.ID == id && w.rt.o.Keys.Prints(w.keys[k].m).Compare(p.Prints) == secret.Equal {
				return w.keys[k]
			}
		}
	}
	return nil
}

// handInOld: whoever runs a consumer knows what it runs with.
func (w *world) handInOld() {
	for _, a := range w.apps {
		if a.runs != nil {
			w.accept(a.runs, true)
		}
	}
	_, _ = w.rt.Say(context.Background(), Saying{Credential: w.sp.Credential, Kind: WaiveIt, Target: "rollback", Who: "olga",
		Text: "nobody has it", For: 300 * 24 * time.Hour})
}

// mend puts the pair that should be there into every place, and restarts the consumers.
func (w *world) mend() {
	m := w.shouldHold()
	switch k := w.keys[keyOf(m)]; {
	case k != nil && k.env == w.sp.Environment:
	case w.kills || w.ending(): // another key would end the one that is to come, or nobody wants one
		m = nil
	default:
		m = w.issue(w.sp.Environment)
	}
	for _, p := range w.place {
		if p.sp.Follows == "" {
			p.set(m)
		}
	}
	w.advance(time.Second)
	for _, a := range w.apps {
		a.start()
	}
}

// unknown: the key works, and the ledger does not know it.
func (w *world) unknown(m secret.Material) bool {
	k := w.keys[keyOf(m)]
	known, _ := w.book.Find(context.Background(), w.rt.o.Keys.Prints(m))
	return k != nil && k.alive(w.now) && len(known) == 0
}

// ending: the credential is retired, or is about to be.
func (w *world) ending() bool {
	r, err := w.rt.Underway(context.Background(), w.sp.Credential)
	return err == nil && r.Lane == Retire || w.book.items[w.sp.Credential].State == Retired
}

func (w *world) shouldHold() secret.Material {
	r, err := w.rt.Underway(context.Background(), w.sp.Credential)
	if err == nil && r.Facts.Wrote && r.New != "" {
		return w.vendorKey(view{r: r}.target()).m
	}
	for _, p := range w.book.pairs {
		if k := w.vendorKey(p.ID); p.Life == Current && k != nil {
			return k.m
		}
	}
	return nil
}

// restart is a person who restarts, by hand, what no pipeline restarts.
func (w *world) restartManual() {
	for _, a := range w.apps {
		if !a.sp.Redeploy {
			a.start()
		}
	}
}

// ---- what is asked of people ---------------------------------------------------------------------------------

// checkAsked: what a standing request must be true to. Only what can be seen is asked for: consumers and places that
// are down, or can't tell, are nobody's evidence.
func (w *world) checkAsked(r Rotation, s Seen, m Move) {
	f := strings.Fields(m.Command)
	switch {
	case m.Command == "":
		return
	case len(f) < 2 || f[0] != "quarterturn":
		w.t.Fatalf("L-1: not one command: %q", m.Command)
	case f[1] == "revoked" && r.State == AwaitingRevocation:
		w.checkRevocation(r, s, m)
	case f[1] == "rotate" && windowed(w.sp, r) && !w.mayCreate(r):
		w.t.Fatalf("I-1: a key that ends the old one is asked for, and no approval names every consumer")
	case f[1] == "rotate" && r.Lane == Routine && r.State == AwaitingKey && !r.Facts.BothDead && !r.Facts.OldDead && !r.Facts.Wrote:
		if len(s.Problems) > 0 || len(s.Orphans) > 0 && s.Orphans[0].Command != m.Command {
			w.t.Fatalf("I-13, I-16: a key is asked for with problems %q and orphans %v", s.Problems, s.Orphans)
		}
	}
}

func (w *world) checkRevocation(r Rotation, s Seen, m Move) {
	k := w.vendorKey(r.Old)
	if k == nil {
		return // a mix, left by a stranger: nobody can use it
	}
	v := view{sp: w.sp, r: r, s: s, now: w.now}
	for n, p := range w.place {
		if r.Lane != Retire && !v.spared(p.sp) && p.sp.Readable && !p.down && p.holds != nil && p.holds.Equal(k.m) {
			w.t.Fatalf("I-10: asked to revoke what place %s holds: %+v", n, m)
		}
	}
	for n, a := range w.apps {
		if !w.excused(r, n) && a.sp.Best == cicd.Reported && !a.down && a.runs != nil && a.runs.Equal(k.m) {
			w.t.Fatalf("I-1, I-10: asked to revoke what consumer %s runs with: %+v", n, m)
		}
	}
	if n := w.vendorKey(r.New); r.journey() && (n == nil || n == k || n.last != vendors.Accepted) {
		w.t.Fatalf("I-1, I-10: asked to revoke the old pair, and the vendor does not accept the new one: %+v", m)
	}
}
