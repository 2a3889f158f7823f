package backendtest

import (
	"errors"
	"maps"
	"strings"

	"quarterturn/backends"
	"quarterturn/secret"
)

func basics() []testCase {
	return []testCase{
		{"nothing there is ErrAbsent", func(b *bench) { b.absent() }},
		{"put creates", func(b *bench) { b.put("a", "") }},
		{"put replaces", func(b *bench) { b.put("b", b.put("a", "")) }},
		{"another handle sees it", func(b *bench) {
			version := b.put("a", "")
			b.place = b.at.Open(b)
			if b.holds("a") != version {
				b.Errorf("two handles see two versions")
			}
			b.put("b", version)
		}},
		{"repeating adds no version and changes no byte", repeating},
		{"a pair that lacks a field is refused", lacking},
		{"what somebody wrote by hand is seen, and replaced", func(b *bench) {
			b.byHand("h")
			version := b.seen(b.ours(b.pair("h")), "")
			b.put("a", version)
		}},
	}
}

// repeating tries what a pass does after a crash: the same write again, with the base of then.
func repeating(b *bench) {
	base := b.put("a", "")
	first := b.put("b", base)
	before := b.look()
	for _, expect := range []string{base, first} {
		if err := b.place.Put(b.Context(), b.write("b", expect)); err != nil {
			b.Errorf("repeating a Put: %v", err)
		}
	}
	again := b.holds("b")
	if b.h.Blind {
		return // it can't know that it holds b already, and may write once more
	}
	b.same(before, "repeating a Put")
	if again != first {
		b.Errorf("repeating a Put added a version")
	}
}

func lacking(b *bench) {
	version := b.put("a", "")
	for _, field := range b.h.Fields {
		w := b.write("b", version)
		delete(w.Material, field)
		b.refused(w, backends.ErrForbidden)
		w.Material[field] = secret.Value{}
		b.refused(w, backends.ErrForbidden)
	}
	b.refused(backends.Write{Slot: "slot-b", Expect: version}, backends.ErrForbidden)
}

// byHand lets somebody else write a pair.
func (b *bench) byHand(tag string) {
	b.Helper()
	if err := b.at.Set(b.ours(b.pair(tag))); err != nil {
		b.Fatalf("writing by hand: %v", err)
	}
}

func fencing() []testCase {
	return []testCase{
		{"a stale writer gets ErrChanged", stale},
		{"a writer that saw nothing, where something is", func(b *bench) { b.put("a", ""); b.late("b", "", "a") }},
		{"a writer that saw something, where nothing is", func(b *bench) {
			if b.h.Fencing != "none" {
				b.refused(b.write("a", "some version"), backends.ErrChanged)
				b.absent()
			}
		}},
		{"what somebody wrote meanwhile is not overwritten", func(b *bench) {
			version := b.put("a", "")
			b.byHand("h")
			if b.h.Fencing != "none" {
				b.refused(b.write("b", version), backends.ErrChanged)
			}
		}},
		{"the same pair comes back as a new version", comingBack},
		{"an older epoch never follows a newer one", olderEpoch},
	}
}

func stale(b *bench) {
	base := b.put("a", "")
	b.put("b", base)
	b.late("c", base, "b")
}

// late is a paused writer of tag that saw base, while held is there now.
func (b *bench) late(tag, base, held string) {
	b.Helper()
	if b.h.Fencing == "none" {
		return // nothing stops it, which Check says
	}
	b.refused(b.write(tag, base), backends.ErrChanged)
	b.holds(held)
}

// comingBack is A-B-A: a rollback brings the old pair back, and a writer that was paused before the first change must
// not take it for the old base. It goes round often, since versions made of clocks and numbers may be recycled.
func comingBack(b *bench) {
	base := b.put("a", "")
	seen, version := map[string]bool{base: true}, base
	if b.h.Fencing != "version" {
		return // a value fence sees the value of then again; Check says so
	}
	for i, tag := range strings.Split(strings.Repeat("ba", 10), "") {
		version = b.put(tag, version)
		if seen[version] {
			b.Fatalf("version %d came back", i)
		}
		seen[version] = true
	}
	b.refused(b.write("b", base), backends.ErrChanged)
	b.refused(b.write("c", base), backends.ErrChanged)
	for _, tag := range []string{"b", "a"} {
		b.byHand(tag)
		if v := b.observe().Version; seen[v] {
			b.Errorf("the version came back after somebody wrote by hand")
		}
	}
	b.refused(b.write("c", version), backends.ErrChanged)
}

// olderEpoch is a worker that lost its lease between looking and writing.
func olderEpoch(b *bench) {
	base := b.put("a", "")
	newer, older := b.write("b", base), b.write("c", base)
	newer.Epoch, older.Epoch = 2, 1
	if err := b.place.Put(b.Context(), newer); err != nil {
		b.Fatalf("the newer epoch: %v", err)
	}
	if b.h.Fencing != "none" {
		b.refused(older, backends.ErrChanged)
		b.holds("b")
	}
}

func values(h Harness) []testCase {
	long := strings.Repeat("0123456789abcdef", 4096)
	cases := []testCase{{"64 KiB", func(b *bench) { b.odd(long) }}}
	for _, v := range []string{
		"a=b==", "=", "#hash", "a#b", "a #b", "a # b #", `"quoted"`, `a"b`, `ends in "`, `"starts`, "'quoted'", "a'b", "it's \"both\" here",
		"ends in '", `both ' and "`, "$HOME", "${HOME}", "$(id)", "a$", "a$$b", `a\$b`, `a\b`, `\n`, `a\\b`, `ends in \`, `a\"b`, `\'`,
		"`id`", "!history", "~", "*", "a b", " leading", "trailing ", "\ttab\t", "&&|;<>()[]{}", "100%", "%s%d", "ünïcödé", "鍵🔑",
		"\u00a0hard blank\u00a0", "\u0085", "\ufeffmark", "export A=b", "null", "true", "0", "-n", "a\nb", "\n", "a\r\nb", "a\rb", "a\x00b", "\x7f\x1b[0m",
		"not utf-8 \xff\xfe",
	} {
		cases = append(cases, testCase{"value " + name(v), func(b *bench) { b.odd(v) }})
	}
	return cases
}

// odd puts v into each field in turn, over an ordinary pair and over itself.
func (b *bench) odd(v string) {
	version := b.put("a", "")
	for _, field := range b.h.Fields {
		w := b.write("b", version)
		w.Material[field] = secret.New(v)
		if b.h.Carry != nil && !b.h.Carry(v) {
			b.refused(w, backends.ErrForbidden)
			continue
		}
		if err := b.place.Put(b.Context(), w); err != nil {
			b.Fatalf("a value it can carry: %v", err)
		}
		version = b.holdsMaterial(w.Material, w.Slot)
		b.reads(w.Material)
		version = b.put("a", version)
	}
}

func (b *bench) reads(m secret.Material) {
	b.Helper()
	if b.h.Blind {
		return
	}
	got, err := b.reader().Read(b.Context())
	if err != nil || !maps.Equal(reveal(got), reveal(b.ours(m))) {
		b.Errorf("Read gives something else than what was put: %v", err)
	}
}

func (b *bench) reader() backends.Reader {
	r, ok := b.place.(backends.Reader)
	if !ok {
		b.Fatalf("a place that can be read back must be a backends.Reader: the old pair is sealed through it")
	}
	return r
}

func looking() []testCase {
	return []testCase{
		{"observing and reading change nothing", lookingChangesNothing},
		{"the label is seen", labelSeen},
		{"the epoch is seen", epochSeen},
		{"check tells what the place promises", checkTells},
		{"check tells what stands in the way", checkWarns},
	}
}

func lookingChangesNothing(b *bench) {
	b.lookEveryWay(backends.ErrAbsent)
	b.put("a", "")
	b.lookEveryWay(nil)
	b.holds("a")
	b.reads(b.pair("a"))
}

func (b *bench) lookEveryWay(want error) {
	before := b.look()
	if _, err := b.place.Observe(b.Context()); !errors.Is(err, want) {
		b.Errorf("Observe: got %v, want %v", err, want)
	}
	if !b.h.Blind {
		if _, err := b.reader().Read(b.Context()); !errors.Is(err, want) {
			b.Errorf("Read: got %v, want %v", err, want)
		}
	}
	b.check(b.place)
	b.same(before, "looking")
}

// labelSeen: the label belongs to the write, so the same values under another generation are another write.
func labelSeen(b *bench) {
	version := b.put("a", "")
	if !b.h.Labels {
		return // holds has made sure that none is there
	}
	w := b.write("a", version)
	w.Slot = "slot-other"
	if err := b.place.Put(b.Context(), w); err != nil {
		b.Fatalf("the same values under another label: %v", err)
	}
	if b.holdsMaterial(w.Material, "slot-other") == version {
		b.Errorf("another label is no new version")
	}
}

// epochSeen: the epoch comes with a change and never makes one.
func epochSeen(b *bench) {
	version := b.put("a", "")
	b.epoch(1)
	again := b.write("a", version)
	again.Epoch = 7
	before := b.look()
	if err := b.place.Put(b.Context(), again); err != nil {
		b.Fatalf("the same pair under a later epoch: %v", err)
	}
	if !b.h.Blind {
		b.same(before, "the same pair under a later epoch")
	}
	next := b.write("b", b.observe().Version)
	next.Epoch = 12
	if err := b.place.Put(b.Context(), next); err != nil {
		b.Fatalf("another pair under a later epoch: %v", err)
	}
	b.holds("b")
	b.epoch(12)
}

func (b *bench) epoch(want int64) {
	b.Helper()
	if !b.h.Epochs {
		want = 0
	}
	if got := b.observe().Epoch; got != want {
		b.Errorf("Observe: epoch %d, want %d", got, want)
	}
}

func (b *bench) check(p backends.Place) backends.Readiness {
	b.Helper()
	c, ok := p.(backends.Checker)
	if !ok {
		b.Fatalf("a place must be a backends.Checker: nobody is asked for a key before it says ready")
	}
	r, err := c.Check(b.Context())
	if err != nil {
		b.Fatalf("Check: %v", err)
	}
	return r
}

func checkTells(b *bench) {
	want := backends.Readiness{Best: backends.ReadBack, Fencing: b.h.Fencing, Writing: "atomic"}
	if b.h.Blind {
		want.Best = backends.Touched
	}
	if b.h.Torn {
		want.Writing = "torn"
	}
	for _, when := range []string{"before the first write", "after it"} {
		got := b.check(b.place)
		if got.Best != want.Best || got.Fencing != want.Fencing || got.Writing != want.Writing || len(got.Problems) > 0 {
			b.Errorf("Check %s: got %+v, want %+v", when, got, want)
		}
		if when != "after it" {
			b.put("a", "")
		}
	}
}

func checkWarns(b *bench) {
	broken := b.h.Broken(b)
	if r := b.check(broken); len(r.Problems) == 0 {
		b.Errorf("Check says ready, and is not")
	}
	err := broken.Put(b.Context(), b.write("a", ""))
	if !errors.Is(err, backends.ErrForbidden) {
		b.Errorf("Put: got %v, want ErrForbidden", err)
	}
	b.quiet(err, b.pair("a"))
}

// name makes a value fit for the name of a test.
func name(v string) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for i := 0; i < len(v); i++ {
		if c := v[i]; c == ' ' || c == '/' || c < 0x21 || c > 0x7e {
			out.WriteString(`\x` + string([]byte{digits[c>>4], digits[c&15]}))
			continue
		}
		out.WriteByte(v[i])
	}
	return out.String()
}
