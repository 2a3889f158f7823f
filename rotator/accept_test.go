package rotator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarterturn/secret"
)

// counter is where pairs are handed in: Accept over the ledger in memory, which tells what it was given, and fails or
// returns other bytes where a test says so.
type counter struct {
	*book
	t      *testing.T
	rt     *Rotator
	sp     Spec
	keys   secret.Keys
	paste  Paste
	fails  map[string]error // by the ledger's method
	spoilt bool             // what is read back is not what was written
	events []Event
	shape  error
}

func (k *counter) Find(ctx context.Context, p secret.Prints) ([]Pair, error) {
	found, err := k.book.Find(ctx, p)
	return found, errors.Join(err, k.fails["Find"])
}

func (k *counter) Pairs(ctx context.Context, credential string) ([]Pair, error) {
	all, err := k.book.Pairs(ctx, credential)
	return all, errors.Join(err, k.fails["Pairs"])
}

func (k *counter) Rotations(ctx context.Context, credential string) ([]Rotation, error) {
	all, err := k.book.Rotations(ctx, credential)
	return all, errors.Join(err, k.fails["Rotations"])
}

func (k *counter) Keep(ctx context.Context, p Pair, w Word, e ...Event) error {
	if err := k.fails["Keep"]; err != nil {
		return err
	}
	k.events = append(k.events, e...)
	return k.book.Keep(ctx, p, w, e...)
}

func (k *counter) Sealed(ctx context.Context, id PairID) (secret.Sealed, error) {
	s, err := k.book.Sealed(ctx, id)
	if k.spoilt {
		s = append(slices.Clone(s[:len(s)-1]), s[len(s)-1]^1)
	}
	return s, errors.Join(err, k.fails["Sealed"])
}

var errAccept = errors.New("the disk is gone")

func printKeys(t *testing.T, id, digits string) secret.Keys {
	t.Helper()
	keys, err := secret.ParseKeys(strings.NewReader("qtf-" + id + ":" + strings.Repeat(digits, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// newCounter has a rotation of the lane and state open, and nothing else.
func newCounter(t *testing.T, state State) *counter {
	t.Helper()
	k := &counter{book: newBook(noon), t: t, sp: quietSpec(), keys: printKeys(t, "00000001", "5a"), fails: map[string]error{}}
	k.sp.Organisation = "acme"
	k.paste = Paste{Credential: "bluum", Material: material(1, 1), Who: "sam", How: "terminal"}
	k.begin(k.keys)
	r := quiet(Routine, state).r
	r.New, r.OpenedAt = "", ago(3*time.Hour)
	if err := k.Open(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k *counter) begin(keys secret.Keys) {
	k.t.Helper()
	ids := 0
	hands := Hands{Shape: func(secret.Material) error { return k.shape }}
	rt, err := New(Options{Ledger: k, Credentials: []Credential{{Spec: k.sp, Hands: hands}}, Keys: keys, Now: noon, Owner: "me",
		Seal:  secret.NewSeal(func(dataKey []byte) ([]byte, error) { return dataKey, nil }),
		NewID: func() string { ids++; return fmt.Sprintf("%016d", ids) }})
	if err != nil {
		k.t.Fatal(err)
	}
	k.rt = rt
}

// material has a key and a secret, each told by a number.
func material(key, value int) secret.Material {
	return secret.Material{"key": secret.New(fmt.Sprintf("KEY-0000-0000-%04d", key)),
		"secret": secret.New(fmt.Sprintf("SECRET-0000-0000-0000-%04d", value))}
}

// known puts a pair into the ledger that has this material.
func (k *counter) known(m secret.Material, change func(p *Pair)) Pair {
	p := Pair{ID: "known", Credential: "bluum", Environment: "production", Prints: k.keys.Prints(m), BornAt: ago(time.Hour),
		EndedAt: ago(time.Minute), Life: Candidate, Fragment: fragment(m["key"])}
	change(&p)
	k.keep(p)
	return p
}

func lives(l Life) func(p *Pair) { return func(p *Pair) { p.Life = l } }

// TestAcceptRefuses: each refusal has its kind and its remedy, and changes nothing.
func TestAcceptRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		given         func(k *counter)
		kind, command string
	}{
		"the portal showed another environment":   {func(k *counter) { k.paste.Environment = "sandbox" }, "other_environment", ""},
		"the portal showed another organisation":  {func(k *counter) { k.paste.Organisation = "umbrella" }, "other_organisation", ""},
		"made in the future":                      {func(k *counter) { k.paste.Created = noon().Add(48 * time.Hour) }, "future", "quarterturn submit bluum"},
		"not what the vendor issues":              {func(k *counter) { k.shape = errors.New("key is too short") }, "shape", ""},
		"another environment's, whole":            {func(k *counter) { k.known(material(1, 1), func(p *Pair) { p.Environment = "sandbox" }) }, "other_environment", ""},
		"another environment's key":               {func(k *counter) { k.known(material(1, 2), func(p *Pair) { p.Environment = "sandbox" }) }, "other_environment", ""},
		"another credential's":                    {func(k *counter) { k.known(material(1, 1), func(p *Pair) { p.Credential = "other" }) }, "other_credential", ""},
		"refused before, for another credential":  {func(k *counter) { k.known(material(1, 1), func(p *Pair) { p.Credential, p.Life = "other", Refused }) }, "other_credential", ""},
		"a known key with another secret":         {func(k *counter) { k.known(material(1, 2), lives(Previous)) }, "mixed", ""},
		"dead":                                    {func(k *counter) { k.known(material(1, 1), lives(Dead)) }, "dead", ""},
		"ended by a person's word":                {func(k *counter) { k.known(material(1, 1), lives(Ended)) }, "dead", ""},
		"the pair in use":                         {func(k *counter) { k.known(material(1, 1), lives(Current)) }, "in_use", ""},
		"the previous one":                        {func(k *counter) { k.known(material(1, 1), lives(Previous)) }, "previous", ""},
		"an orphan":                               {func(k *counter) { k.known(material(1, 1), lives(Orphan)) }, "seen", ""},
		"one that got lost":                       {func(k *counter) { k.known(material(1, 1), lives(Lost)) }, "seen", ""},
		"as the pair in use, and it is an orphan": {func(k *counter) { k.due(); k.known(material(1, 1), lives(Orphan)) }, "not_old", "quarterturn status bluum"},
		"as the pair in use, and it is dead":      {func(k *counter) { k.due(); k.known(material(1, 1), lives(Dead)) }, "dead", ""},
		"as the pair in use, and it was lost":     {func(k *counter) { k.due(); k.known(material(1, 1), lives(Lost)) }, "seen", ""},
		"fields in each other's place":            {func(k *counter) { k.known(turned(), lives(Previous)) }, "swapped", ""},
		"its key stands where a known secret does": {func(k *counter) {
			k.known(secret.Material{"key": secret.New("OTHER-0000-0000-0001"), "secret": material(1, 1)["key"]}, lives(Previous))
		}, "swapped", ""},
		"its secret stands where a known key does": {func(k *counter) {
			k.known(secret.Material{"key": material(1, 1)["secret"], "secret": secret.New("OTHER-0000-0000-0001")}, lives(Previous))
		}, "swapped", ""},
		"its print key is lost, and it ends alike": {func(k *counter) { k.lostKey(Current, "0001") }, "incomparable", reprintIt},
		"no rotation is open":                      {func(k *counter) { k.rows["rot"].r.State = Closed }, "no_rotation", "quarterturn rotate bluum"},
		"only a burial is open":                    {func(k *counter) { k.rows["rot"].r.Lane = Burial }, "no_rotation", "quarterturn rotate bluum"},
		"the rotation asks for none yet":           {func(k *counter) { k.rows["rot"].r.State = DueState }, "not_awaited", "quarterturn status bluum"},
		"the rotation has another already":         {func(k *counter) { k.rows["rot"].r.State = Received }, "not_awaited", "quarterturn status bluum"},
		"an old one, when a new one is awaited":    {func(k *counter) { k.paste.Old = true }, "not_awaited", "quarterturn status bluum"},
		"another came first":                       {func(k *counter) { k.fails["Keep"] = ErrExists }, "not_awaited", "quarterturn status bluum"},
		"the old one again, sealed, when it is too late": {func(k *counter) {
			k.due()
			k.rows["rot"].r.State = Received
			k.known(material(1, 1), sealedAs(Current))
		}, "not_awaited", "quarterturn status bluum"},
		"a candidate that a later rotation does not mean": {func(k *counter) { k.rows["rot"].r.State = Staged; k.known(material(1, 1), sealedAs(Candidate)) }, "not_awaited", "quarterturn status bluum"},
		"unsealed, it is no pair this rotation has": {func(k *counter) {
			k.rows["rot"].r.State, k.rows["rot"].r.New = Staged, "known"
			k.known(material(1, 1), lives(Candidate))
		}, "not_awaited", "quarterturn status bluum"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newCounter(t, AwaitingKey)
			c.given(k)
			before := slices.Clone(k.pairs)
			got, err := k.rt.Accept(t.Context(), k.paste)
			var r *Refusal
			if !errors.As(err, &r) {
				t.Fatalf("%+v, %v; want a refusal", got, err)
			}
			if r.Kind != c.kind || r.Command != c.command || !strings.Contains(r.Error(), "nothing was kept") && !strings.Contains(r.Error(), "not kept") {
				t.Errorf("%s, %q: %s; want %s, %q", r.Kind, r.Command, r, c.kind, c.command)
			}
			if r.Kind == "swapped" && !strings.Contains(r.Text, "key and secret are") {
				t.Errorf("which fields? %s", r)
			}
			if diff := cmp.Diff(before, k.pairs); diff != "" || len(k.words) > 0 || len(k.events) > 0 || got.Again {
				t.Errorf("something was changed: %v %v %+v\n%s", k.words, k.events, got, diff)
			}
		})
	}
}

func (k *counter) due() { k.rows["rot"].r.State, k.paste.Old = DueState, true }

func turned() secret.Material {
	m := material(1, 1)
	return secret.Material{"key": m["secret"], "secret": m["key"]}
}

// lostKey: a pair that may be in use has prints under a key that is no longer held.
func (k *counter) lostKey(l Life, fragment string) {
	other := printKeys(k.t, "00000002", "6b")
	k.known(material(1, 1), func(p *Pair) { p.Prints, p.Life, p.Fragment = other.Prints(material(1, 1)), l, fragment })
}

func sealedAs(l Life) func(p *Pair) {
	return func(p *Pair) { p.Life, p.Sealed, p.Digest = l, secret.Sealed("sealed before"), "before" }
}

// TestAcceptTakes: what is kept, what is said, and what the receipt tells.
func TestAcceptTakes(t *testing.T) {
	for name, c := range map[string]struct {
		given func(k *counter)
		id    PairID // "": a new one
		life  Life
		says  string // target and text of the word, "" when it is taken in without another
		again bool
		made  string // by whom, and how long before noon
	}{
		"a new pair":                           {func(*counter) {}, "", Candidate, "/", false, "submission 3h0m0s"},
		"the portal showed what is configured": {func(k *counter) { k.paste.Environment, k.paste.Organisation = "production", "acme" }, "", Candidate, "/acme", false, "submission 3h0m0s"},
		"the environment alone was said":       {func(k *counter) { k.paste.Environment = "production" }, "", Candidate, "/", false, "submission 3h0m0s"},
		"the organisation alone was said":      {func(k *counter) { k.paste.Organisation = "acme" }, "", Candidate, "/", false, "submission 3h0m0s"},
		"a person says when it was made":       {func(k *counter) { k.paste.Created = ago(5 * time.Hour) }, "", Candidate, "/", false, "person 5h0m0s"},
		"the pair in use":                      {func(k *counter) { k.due() }, "", Current, "old/", false, " never"},
		"a typing error that was refused":      {func(k *counter) { k.known(material(1, 2), lives(Refused)) }, "", Candidate, "/", false, "submission 3h0m0s"},
		"refused and wiped once, as old as then": {func(k *counter) {
			k.known(material(1, 1), func(p *Pair) { p.Life, p.Created, p.CreatedBy = Refused, ago(50*time.Hour), "vendor" })
		}, "", Candidate, "/", false, "vendor 50h0m0s"},
		"dead, its print key lost, and it ends alike":       {func(k *counter) { k.lostKey(Dead, "0001") }, "", Candidate, "/", false, "submission 3h0m0s"},
		"in use, its print key lost, and it ends otherwise": {func(k *counter) { k.lostKey(Current, "0002") }, "", Candidate, "/", false, "submission 3h0m0s"},
		"in use, comparable and different, and it ends alike": {func(k *counter) {
			k.known(material(3, 3), func(p *Pair) { p.Life, p.Fragment = Current, "0001" })
		}, "", Candidate, "/", false, "submission 3h0m0s"},
		"a candidate never sealed":           {func(k *counter) { k.known(material(1, 1), lives(Candidate)) }, "known", Candidate, "", false, "submission 3h0m0s"},
		"its receipt got lost":               {func(k *counter) { k.known(material(1, 1), sealedAs(Candidate)) }, "known", Candidate, "", true, "submission 3h0m0s"},
		"its receipt got lost, and received": {func(k *counter) { k.known(material(1, 1), sealedAs(Candidate)); k.rows["rot"].r.State = Received }, "known", Candidate, "", true, "submission 3h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newCounter(t, AwaitingKey)
			c.given(k)
			got, err := k.rt.Accept(t.Context(), k.paste)
			if err != nil {
				t.Fatal(err)
			}
			p := k.last()
			if p.ID != got.Pair || c.id != "" && p.ID != c.id || got.Rotation != "rot" || got.Fragment != "0001" || got.Again != c.again {
				t.Errorf("receipt %+v, kept %+v", got, p)
			}
			k.wantKept(p, c.life, c.made)
			k.wantSaid(p, c.says)
		})
	}
}

func (k *counter) last() Pair { return k.pairs[len(k.pairs)-1] }

func (k *counter) wantKept(p Pair, life Life, madeBy string) {
	k.t.Helper()
	since := "never"
	if !p.Created.IsZero() {
		since = noon().Sub(p.Created).String()
	}
	if p.Life != life || p.Environment != "production" || p.Credential != "bluum" || p.CreatedBy+" "+since != madeBy {
		k.t.Errorf("kept %+v, made %s %s; want %s, %s", p, p.CreatedBy, since, life, madeBy)
	}
	if len(p.Sealed) < 32 || p.Digest != p.Sealed.Digest() || p.Prints.Compare(k.keys.Prints(k.paste.Material)) != secret.Equal {
		k.t.Errorf("not sealed as it came in: %+v", p)
	}
	if p.ID != "known" && (!p.BornAt.Equal(noon()) || p.Organisation != k.paste.Organisation) {
		k.t.Errorf("seen first %s, of %q", p.BornAt, p.Organisation)
	}
}

func (k *counter) wantSaid(p Pair, says string) {
	k.t.Helper()
	e := Event{Rotation: "rot", At: noon(), Kind: "submitted", Who: "sam", Text: "a pair came in by terminal",
		Data: map[string]string{"pair": string(p.ID), "digest": p.Digest, "organisation": k.paste.Organisation}}
	if diff := cmp.Diff([]Event{e}, k.events); diff != "" {
		k.t.Error("the trail (-want +got):\n" + diff)
	}
	if says == "" {
		if len(k.words) > 0 {
			k.t.Errorf("said again: %+v", k.words)
		}
		return
	}
	target, text, _ := strings.Cut(says, "/")
	w := Word{Seq: 1, Credential: "bluum", Rotation: "rot", Kind: Submitted, Who: "sam", At: noon(), Pair: p.ID, Target: target, Text: text}
	if diff := cmp.Diff([]Word{w}, k.words); diff != "" {
		k.t.Error("the word (-want +got):\n" + diff)
	}
}

// TestAcceptAgain: once a pass opened its sealed copy, a pair that comes again changes nothing and is no error, though
// it is in use by now; nor does a candidate get younger, or lose the prints it had.
func TestAcceptAgain(t *testing.T) {
	for _, life := range []Life{Candidate, Current} {
		k := newCounter(t, Staged)
		k.rows["rot"].r.New = "known"
		k.known(material(1, 1), sealedAs(life))
		before := slices.Clone(k.pairs)
		got, err := k.rt.Accept(t.Context(), k.paste)
		if want := (Receipt{Rotation: "rot", Pair: "known", Fragment: "0001", Again: true}); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", life, got, err, want)
		}
		if diff := cmp.Diff(before, k.pairs); diff != "" || len(k.words) > 0 {
			t.Errorf("%s: something was changed:\n%s", life, diff)
		}
	}
	k := newCounter(t, AwaitingKey)
	k.known(material(1, 1), func(p *Pair) {
		p.Created, p.CreatedBy, p.Prints["@another key"] = ago(50*time.Hour), "vendor", "print"
	})
	if _, err := k.rt.Accept(t.Context(), k.paste); err != nil {
		t.Fatal(err)
	}
	if p := k.last(); !p.Created.Equal(ago(50*time.Hour)) || p.CreatedBy != "vendor" || p.Prints["@another key"] != "print" {
		t.Errorf("%+v", p)
	}
	for name, print := range k.keys.Reports(k.paste.Material, "api") {
		if k.last().Prints[name] != print {
			t.Errorf("the print %s, of a key or a consumer that is new, was not added", name)
		}
	}
}

// TestAcceptFails: I-5, whatever the ledger or the seal can't do, nobody is told that the pair is safe.
func TestAcceptFails(t *testing.T) {
	for name, c := range map[string]struct {
		given func(k *counter)
		want  string
	}{
		"find":        {func(k *counter) { k.fails["Find"] = errAccept }, "the disk is gone"},
		"pairs":       {func(k *counter) { k.fails["Pairs"] = errAccept }, "the disk is gone"},
		"rotations":   {func(k *counter) { k.fails["Rotations"] = errAccept }, "the disk is gone"},
		"keep":        {func(k *counter) { k.fails["Keep"] = errAccept }, "was not kept"},
		"read back":   {func(k *counter) { k.fails["Sealed"] = errAccept }, "keep the portal page open"},
		"other bytes": {func(k *counter) { k.spoilt = true }, "keep the portal page open"},
		"no seal":     {func(k *counter) { k.rt.o.Seal = nil }, "could not be sealed"},
		"not ours":    {func(k *counter) { k.paste.Credential = "nobody" }, "not in the configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newCounter(t, AwaitingKey)
			c.given(k)
			got, err := k.rt.Accept(t.Context(), k.paste)
			var r *Refusal
			if err == nil || errors.As(err, &r) || !strings.Contains(err.Error(), c.want) || got.Again {
				t.Errorf("%+v, %v; want %s", got, err, c.want)
			}
		})
	}
}

// TestAcceptThreeFields: of a material that isn't two fields nothing can be in each other's place.
func TestAcceptThreeFields(t *testing.T) {
	k := newCounter(t, AwaitingKey)
	k.known(turned(), lives(Previous))
	k.paste.Material = material(1, 1)
	k.paste.Material["tenant"] = secret.New("TENANT-0000-0000-0001")
	if _, err := k.rt.Accept(t.Context(), k.paste); err != nil {
		t.Error(err)
	}
	k = newCounter(t, AwaitingKey)
	k.fails["Find"] = errAccept
	if k.rt.swapped(t.Context(), material(1, 1)) == nil {
		t.Error("a ledger that fails was taken for one that knows nothing")
	}
}
