package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"quarterturn/rotator"
)

// deepDigest names worlds from which nothing can go on differently: equal but for what is told apart and never
// compared (random ids, the numbers of revs and epochs, the trail and the calls, sentences for people), and for moments that
// lie in the same span before or after now.
type deepDigest [16]byte

func (sc *deepScene) digest(s *deepState) (d deepDigest) {
	w := &deepWriter{now: s.now, ids: map[string]string{}, exact: sc.exact}
	w.book(&s.book)
	for _, k := range s.keys {
		w.put("key", w.span(k.bites))
	}
	for _, f := range s.places {
		w.put("place", f.key, f.secret)
		for _, x := range f.writes {
			w.put(w.id(string(x.pair)), x.n)
		}
	}
	for _, a := range s.apps {
		w.put("app", a.key, a.secret, a.up, w.span(a.started), len(a.onces))
	}
	for _, r := range s.runs {
		w.put("run", r.app, w.id(r.run.Once), string(r.run.State), r.left)
	}
	for _, r := range s.refusals {
		w.put("refusal", r.key, w.span(r.at))
	}
	for _, o := range s.outages {
		w.put("outage", o.what, string(o.how), w.span(o.until))
	}
	p := s.person
	w.put("person", p.paste, p.answered, p.wished, p.insists, w.span(p.back), s.excuses > 0, s.idle)
	if sc.plant.claimed != nil || sc.fits != nil {
		w.put(s.overs)
	}
	for _, id := range p.said {
		w.put(w.id(string(id)))
	}
	sum := sha256.Sum256(w.text)
	copy(d[:], sum[:])
	return d
}

type deepWriter struct {
	now   time.Time
	text  []byte
	ids   map[string]string
	exact bool
}

func (w *deepWriter) put(parts ...any) {
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			w.text = append(w.text, p...)
		case int:
			w.text = strconv.AppendInt(w.text, int64(p), 10)
		case bool:
			w.text = strconv.AppendBool(w.text, p)
		default:
			w.text = fmt.Append(w.text, p)
		}
		w.text = append(w.text, '|')
	}
	w.text = append(w.text, '\n')
}

// id names an id by when it was first met.
func (w *deepWriter) id(s string) string {
	if s == "" {
		return ""
	}
	if w.ids[s] == "" {
		w.ids[s] = "#" + strconv.Itoa(len(w.ids))
	}
	return w.ids[s]
}

// span is how far from now a moment lies, as far as anything depends on it.
func (w *deepWriter) span(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := t.Sub(w.now)
	if w.exact {
		return d.String()
	}
	sign := "+"
	if d <= 0 {
		sign, d = "", -d
	}
	for i, edge := range deepEdges() {
		if d <= edge {
			return sign + strconv.Itoa(i)
		}
	}
	return sign + "long"
}

// deepEdges are about the numbers that decide goes by.
func deepEdges() [9]time.Duration {
	return [9]time.Duration{0, time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, time.Hour, 6 * time.Hour,
		26 * time.Hour, 20 * 24 * time.Hour}
}

func (w *deepWriter) book(b *deepBook) {
	for _, p := range b.pairs {
		w.put("pair", w.id(string(p.ID)), string(p.Life), p.Fragment, len(p.Sealed) > 0, w.span(p.Created), w.span(p.EndedAt))
	}
	for _, row := range b.rows {
		w.put("row", w.id(string(row.id)), string(row.lane), row.open, w.span(row.next), w.span(row.lease))
		w.put(w.unheard(b, row)...)
		w.rotation(row)
	}
	for _, x := range b.words {
		w.put("word", string(x.Kind), w.id(string(x.Rotation)), x.Target, w.span(x.Expires))
	}
	for _, i := range b.items {
		w.put("item", string(i.State), w.span(i.LookAt))
	}
	w.put(b.stock, b.behind, b.skew)
}

func (w *deepWriter) unheard(b *deepBook, row deepRow) (kinds []any) {
	for _, x := range b.words {
		if row.open && x.Rotation == row.id && x.Seq > row.heard {
			kinds = append(kinds, string(x.Kind))
		}
	}
	return kinds
}

// rotation writes what the row remembers, token by token.
func (w *deepWriter) rotation(row deepRow) {
	text := row.kept.decides()
	for {
		i := strings.IndexByte(text, '"')
		if i < 0 {
			break
		}
		w.text = append(w.text, text[:i]...)
		end := strings.IndexByte(text[i+1:], '"')
		if end < 0 {
			break
		}
		w.text = append(w.text, w.token(text[i+1:i+1+end])...)
		text = text[i+end+2:]
	}
	w.text = append(append(w.text, text...), '\n')
}

func (w *deepWriter) token(s string) string {
	if len(s) >= 20 && s[4] == '-' && s[10] == 'T' {
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return w.span(t)
		}
	}
	for _, prefix := range []string{"pair-", "rot-", "burial-", "qt-"} {
		if strings.HasPrefix(s, prefix) {
			return w.id(s)
		}
	}
	return s
}

// deepCore is a rotation without what is only said to people.
func deepCore(r rotator.Rotation) string {
	r = deepCopy(r)
	r.Why, r.Spec, r.Words, r.Rev, r.Epoch, r.NextAt = "", "", nil, 0, 0, time.Time{}
	f := r.Facts
	f.Heard, f.Rejected, f.Reason, f.Told, f.Parts = 0, "", "", rotator.Told{Command: f.Told.Command, Since: f.Told.Since}, nil
	if f.Stop != "" {
		f.Stop = "stopped"
	}
	for _, w := range []**rotator.Word{&f.Revoked, &f.WishWord, &f.Portal, &f.EndWord, &f.Window, &f.Lone} {
		if *w != nil {
			(*w).Seq = 0
		}
	}
	f.Approvals, f.Waivers = deepSaid(f.Approvals), deepSaid(f.Waivers)
	for i := range f.Triples {
		f.Triples[i] = rotator.Triple{At: f.Triples[i].At, Until: f.Triples[i].Until}
	}
	r.Facts = f
	text, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func deepSaid(words []rotator.Word) (all []rotator.Word) {
	for _, w := range words {
		w.Seq = 0
		all = append(all, w)
	}
	return all
}
