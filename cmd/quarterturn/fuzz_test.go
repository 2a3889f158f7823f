package main

import (
	"encoding/csv"
	"io"
	"strings"
	"testing"
	"time"

	"quarterturn/internal/config"
)

// FuzzList: a list for adopt --csv is read to its end, and a value that does not belong is named by its line alone.
func FuzzList(f *testing.F) {
	for _, seed := range []string{"name,created\nbluum,2026-09-01\n", "name,created,last4\nbluum,,abcd\nbluum,,\n", "\ufeffName , created\n", "name\n", "\"", "name,created\nx,y,z\n"} {
		f.Add(seed)
	}
	s := &shop{cfg: &config.Config{Credentials: []config.Credential{{Name: "bluum"}}}}
	f.Fuzz(func(t *testing.T, text string) {
		l := &list{r: csv.NewReader(strings.NewReader(text)), name: "list.csv", shop: s, now: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC),
			seen: map[string]int{}}
		l.r.FieldsPerRecord, l.r.TrimLeadingSpace = -1, true
		if l.header() {
			for l.row() {
			}
		}
		for _, p := range l.problems {
			if strings.Contains(text, "hunter2hunter2") && strings.Contains(p, "hunter2hunter2") {
				t.Fatalf("a value is in a problem: %s", p)
			}
		}
		for _, r := range l.rows {
			if len(l.problems) == 0 && (r.adoption.Credential != "bluum" || r.adoption.Created.After(l.now.Add(48*time.Hour))) {
				t.Fatalf("a row without a problem is wrong: %+v", r.adoption)
			}
		}
	})
}

// FuzzTrail: no text but an export passes for one, and none panics.
func FuzzTrail(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"type":"export","version":1}` + "\n" + `{"type":"end","digest":""}`, `{"type":"export"}` + "\n{", `{"type":"event","chain":"x","seq":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		copied := readTrail(text)
		if len(copied.report.Problems) == 0 && !strings.Contains(string(text), `"`) {
			t.Fatal("an export without a digest is whole")
		}
	})
}

// FuzzSpan: a maintenance window has a beginning before its end, or is refused.
func FuzzSpan(f *testing.F) {
	for _, seed := range []string{"", "2026-12-01T02:00Z/2h", "2026-12-01T02:00:00+01:00/30m", "2026-12-01/2h", "/", "2026-12-01T02:00Z/0s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, window string) {
		from, to, err := span(window)
		if err != nil && (!from.IsZero() || !to.IsZero()) || err == nil && to.Before(from) {
			t.Fatalf("%q is from %v to %v: %v", window, from, to, err)
		}
	})
}

// FuzzLine: a line that somebody types is trimmed, holds no line end, and leaves what follows it.
func FuzzLine(f *testing.F) {
	f.Add("Acme\nnext")
	f.Add(" a\r")
	f.Add("no end")
	f.Fuzz(func(t *testing.T, text string) {
		in := strings.NewReader(text)
		line, err := readLine(in)
		rest, _ := io.ReadAll(in)
		if err == nil && (strings.ContainsAny(line, "\r\n") || !strings.HasSuffix(text, string(rest)) || line != strings.TrimSpace(line)) {
			t.Fatalf("%q became %q and left %q", text, line, rest)
		}
	})
}
